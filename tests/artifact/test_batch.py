"""Firmware that takes a word of samples at once: built in each form, executed, compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lgn_edge import emulate
from lgn_edge.artifact import Artifact, build
from lgn_edge.artifact.measure import link
from lgn_edge.errors import InputError
from lgn_edge.network import Network, first_maximum
from lgn_edge.targets.registry import find_target
from tests.outside import needs_emulator
from tests.strategies import random_network, random_samples
from tests.thinning import combinations

TARGETS = ("cortex-m4", "cortex-m0", "riscv32", "wasm", "atmega328p")
TRUE_GATES = (1, 2, 4, 6, 7, 8, 9, 11, 13, 14)
NETWORKS = {
    "uint8": random_network(
        31, features=9, bits=30, widths=(60, 48), classes=4, input_dtype="uint8", tables=TRUE_GATES
    ),
    "float32": random_network(32, features=7, bits=20, widths=(40, 30, 21), classes=3),
    "one class": random_network(33, features=3, bits=6, widths=(12,), classes=1, input_dtype="uint8"),
}


def word_bits(target: str) -> int:
    return find_target(target).shape.word_bits


@pytest.mark.parametrize(("network", "optimize", "target"), combinations(NETWORKS, ["size", "speed"], TARGETS))
def test_every_number_of_samples_equals_the_reference(
    network: Network, optimize: str, target: str, tmp_path: Path
) -> None:
    artifact = build(network, target, tmp_path / "a", optimize=optimize, batch=word_bits(target))
    needs_emulator(target)
    assert artifact.manifest.block == word_bits(target)
    firmware = link(artifact.folder, artifact.manifest, keep=("predict", "predict_packed", "selftest"))
    machine = firmware.start()
    emulate.selftest(firmware, machine=machine)
    word = word_bits(target)
    for n in (0, 1, word - 1, word, word + 1, 2 * word + 1):
        x = random_samples(network, n, seed=n)
        want = network.evaluate(x)
        found = emulate.predict(firmware, x, batch=max(1, n), machine=machine)[0]
        assert np.array_equal(found.scores, want.scores)
        assert np.array_equal(found.classes, first_maximum(want.scores))
        assert np.array_equal(predict_packed(network, firmware, machine, x, word), want.scores)


def predict_packed(
    network: Network, firmware: emulate.Firmware, machine: emulate.Emulator, x: np.ndarray, bits: int
) -> np.ndarray:
    """Scores of `lgn_NAME_predict_packed` for the bits of samples."""
    n, octets = len(x), -(-len(x) // bits) * bits // 8
    packed = network.encoder.evaluate(x).view(np.uint8).reshape(network.encoder.n_outputs, -1)
    words = np.zeros((network.encoder.n_outputs, octets), np.uint8)
    words[:, : min(octets, packed.shape[1])] = packed[:, :octets]
    mark = machine.mark()
    source, scores = machine.allocate(max(4, words.nbytes)), machine.allocate(4 * max(1, n) * firmware.classes)
    classes = machine.allocate(2 * max(1, n))
    machine.write(source, words.tobytes())
    assert machine.call(f"{firmware.prefix}_predict_packed", source, n, scores, classes).signed == 0
    got = np.frombuffer(machine.read(scores, 4 * n * firmware.classes), "<i4").reshape(n, firmware.classes)
    machine.release(mark)
    return got


def test_a_word_of_samples_costs_much_less(tmp_path: Path) -> None:
    network = random_network(34, features=40, bits=90, widths=(400, 300), classes=5, input_dtype="uint8")
    for optimize, times in (("size", 5), ("speed", 1.5)):
        plain = build(network, "arm", tmp_path / "plain", optimize=optimize).report["measured"]
        words = build(network, "arm", tmp_path / "words", optimize=optimize, batch=32).report["measured"]
        assert words["instructions_for_a_word"] * times < plain["instructions_for_a_word"]
        assert words["instructions"] <= plain["instructions"] + 10, "one sample costs what it did"


def test_without_it_nothing_of_it_is_there(tmp_path: Path) -> None:
    artifact = build(NETWORKS["uint8"], "arm", tmp_path / "a")
    assert "_words" not in "".join(path.read_text() for path in (artifact.folder / "src").iterdir())


def test_ram_counts_its_slots(tmp_path: Path) -> None:
    network = NETWORKS["uint8"]

    def needed(artifact: Artifact) -> int:
        measured = artifact.report["measured"]
        return int(measured["ram_bytes"] + measured["stack_bytes"])

    most = needed(build(network, "arm", tmp_path / "words", optimize="size", batch=32))
    build(network, "arm", tmp_path / "fits", optimize="size", batch=32, ram=2 * most)
    with pytest.raises(InputError, match=r"does not fit cortex-m4 with [0-9,]+ bytes of RAM"):
        build(
            network,
            "arm",
            tmp_path / "words",
            optimize="size",
            batch=32,
            ram=needed(build(network, "arm", tmp_path / "one", optimize="size")),
        )


def test_a_misaligned_workspace_is_refused(tmp_path: Path) -> None:
    network = NETWORKS["uint8"]
    artifact = build(network, "arm", tmp_path / "a", optimize="size", batch=32)
    assert artifact.manifest.workspace_align == 4
    firmware = link(artifact.folder, artifact.manifest, keep=("predict_in",))
    machine = firmware.start()
    workspace = machine.allocate(artifact.manifest.workspace_bytes + 4)
    samples, scores, classes = machine.allocate(16), machine.allocate(16), machine.allocate(4)
    for offset, status in ((0, 0), (1, -1), (2, -1)):
        call = machine.call(f"{firmware.prefix}_predict_in", workspace + offset, samples, 1, scores, classes)
        assert call.signed == status


@pytest.mark.parametrize(
    ("target", "batch", "can"),
    [("arm", 16, "choose 1 or 32"), ("atmega328p", 32, "choose 1 or 8"), ("native", 32, "leave out --batch")],
)
def test_other_numbers_are_refused(target: str, batch: int, can: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"cannot take {batch} samples at once; .*{can}"):
        build(NETWORKS["uint8"], target, tmp_path / "a", batch=batch)
