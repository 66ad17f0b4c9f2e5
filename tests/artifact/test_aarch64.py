"""Libraries for 64-bit Arm: linked into an image without an operating system, executed in an emulator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from lgn_edge import emulate
from lgn_edge.artifact import Artifact, build
from lgn_edge.artifact.measure import link
from lgn_edge.network import Network
from lgn_edge.targets.aarch64 import AARCH64
from lgn_edge.targets.registry import ALIASES
from lgn_edge.targets.target import Target
from tests.artifact.test_artifact import NETWORKS, OCTET
from tests.strategies import random_samples
from tests.thinning import combinations

SIZES = (0, 1, 63, 64, 65, 511, 512, 513)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return build(OCTET, "aarch64", tmp_path_factory.mktemp("aarch64") / "octet")


@pytest.mark.parametrize(("network", "target"), combinations(NETWORKS, {target.name: target for target in AARCH64}))
def test_the_library_equals_the_reference(network: Network, target: Target, tmp_path: Path) -> None:
    artifact = build(network, target.name, tmp_path / "artifact")
    firmware = link(artifact.folder, artifact.manifest, keep=("predict", "predict_packed", "selftest"))
    machine = firmware.start()
    emulate.selftest(firmware, machine=machine)
    for n in SIZES:
        x = random_samples(network, n, seed=n)
        want = network.evaluate(x)
        assert emulate.predict(firmware, x, batch=max(n, 1), machine=machine)[0] == want
        words = network.encoder.evaluate(x)
        scores, classes = packed(machine, firmware, words, n)
        assert np.array_equal(scores, want.scores)
        assert np.array_equal(classes, want.classes)


def packed(machine: emulate.Emulator, firmware: emulate.Firmware, words: np.ndarray, n: int) -> tuple[np.ndarray, ...]:
    mark = machine.mark()
    source = machine.allocate(words.nbytes)
    scores, classes = machine.allocate(4 * n * firmware.classes), machine.allocate(2 * n)
    machine.write(source, words.tobytes())
    assert machine.call(f"{firmware.prefix}_predict_packed", source, n, scores, classes).signed == 0
    result = machine.read(scores, 4 * n * firmware.classes), machine.read(classes, 2 * n)
    machine.release(mark)
    return np.frombuffer(result[0], "<i4").reshape(n, firmware.classes), np.frombuffer(result[1], "<u2")


def test_python_runs_it_wherever_it_is(built: Artifact) -> None:
    x = random_samples(OCTET, 600)
    assert built.predict(x) == OCTET.evaluate(x)
    assert built.selftest()


def test_it_is_a_library_for_linux_that_needs_memset_at_most(built: Artifact) -> None:
    with (built.folder / "lib" / "liblgn_random11.so").open("rb") as file:
        elf = ELFFile(file)
        symbols = list(elf.get_section_by_name(".dynsym").iter_symbols())
        assert (elf["e_machine"], elf["e_type"]) == ("EM_AARCH64", "ET_DYN")
    assert {s.name for s in symbols if s["st_shndx"] == "SHN_UNDEF" and s.name} <= {"memset"}
    assert {f"lgn_random11_{f}" for f in ("predict", "predict_packed", "selftest")} <= {s.name for s in symbols}


def test_boards_are_names_of_their_cores() -> None:
    assert ALIASES["raspberry-pi-3"] == "cortex-a53"
    assert ALIASES["raspberry-pi-4"] == "cortex-a72"
