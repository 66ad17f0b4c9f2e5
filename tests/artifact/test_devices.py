"""Every target without an operating system: built in each form, executed, compared with the reference."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from lgn_edge import emulate
from lgn_edge.artifact import build
from lgn_edge.artifact.measure import link
from lgn_edge.errors import InputError
from lgn_edge.network import Network
from lgn_edge.targets.registry import TARGETS, find_target
from tests.artifact.test_artifact import NETWORKS, ODD
from tests.outside import needs_emulator
from tests.strategies import random_network, random_samples
from tests.thinning import combinations

TRUE_GATES = (1, 2, 4, 6, 7, 8, 9, 11, 13, 14)
MACHINES = {name: find_target(name) for name in TARGETS if name != "native"}
DEVICES = [name for name, target in MACHINES.items() if not target.hosted and target.gpu is None]


@pytest.mark.parametrize(("network", "name", "optimize"), combinations(NETWORKS, DEVICES, ["size", "speed"]))
def test_firmware_equals_the_reference(network: Network, name: str, optimize: str, tmp_path: Path) -> None:
    artifact = build(network, name, tmp_path / name, optimize=optimize)
    needs_emulator(name)
    firmware = link(artifact.folder, artifact.manifest, keep=("predict", "predict_packed", "selftest"))
    machine = firmware.start()
    emulate.selftest(firmware, machine=machine)
    for n in (0, 1, 2, 9):
        x = random_samples(network, n, seed=n)
        want = network.evaluate(x)
        assert emulate.predict(firmware, x, batch=max(1, n // 2), machine=machine)[0] == want
    packed_equals(network, firmware, machine, artifact.manifest.word_bits)


def packed_equals(network: Network, firmware: emulate.Firmware, machine: emulate.Emulator, word_bits: int) -> None:
    n = word_bits + 1
    x = random_samples(network, n, seed=1)
    bits = network.encoder.evaluate(x).view(np.uint8).reshape(network.encoder.n_outputs, -1)
    words = np.ascontiguousarray(bits[:, : word_bits // 8 * 2])
    mark = machine.mark()
    source, scores = machine.allocate(words.nbytes), machine.allocate(4 * n * firmware.classes)
    classes = machine.allocate(2 * n)
    machine.write(source, words.tobytes())
    assert machine.call(f"{firmware.prefix}_predict_packed", source, n, scores, classes).signed == 0
    got = np.frombuffer(machine.read(scores, 4 * n * firmware.classes), "<i4").reshape(n, firmware.classes)
    machine.release(mark)
    assert np.array_equal(got, network.evaluate(x).scores)


def test_a_part_with_too_little_memory_is_named(tmp_path: Path) -> None:
    large = random_network(20, 30, 3000, (6000, 6000), 10, "uint8", TRUE_GATES)
    with pytest.raises(InputError, match=r"does not fit atmega328p: it needs [\d,]+ bytes of RAM, and there are 2,048"):
        build(large, "atmega328p", tmp_path / "x")
    needs_emulator("atmega328p")
    deep = random_network(21, 30, 200, (600,) * 20, 10, "uint8", TRUE_GATES)
    with pytest.raises(InputError, match=r"does not fit atmega328p: it needs [\d,]+ bytes of flash, and there are 32,"):
        build(deep, "atmega328p", tmp_path / "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("features", "measured"), [(784, True), (1900, False)])
def test_samples_that_fill_the_memory_of_a_part(features: int, measured: bool, tmp_path: Path) -> None:
    """Where a word of samples does not fit, one is measured; where one does not fit, code and tables are."""
    needs_emulator("atmega328p")
    network = random_network(22, features=features, bits=300, widths=(200, 100), classes=10, input_dtype="uint8")
    artifact = build(network, "atmega328p", tmp_path / "avr")
    report = artifact.report["measured"]
    assert report["flash_bytes"] > 0
    assert report["instructions_for_a_word"] is None
    assert (report["cycles"] is not None) == (report["stack_bytes"] is not None) == measured
    page = (artifact.folder / "report.md").read_text()
    assert ("not measured: a sample and its scores do not fit" in page) != measured
    if measured:
        x = random_samples(network, 3)
        assert artifact.predict(x) == network.evaluate(x)


@pytest.mark.parametrize("name", DEVICES)
def test_null_pointers_are_refused_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    artifact = build(ODD, name, tmp_path / name)
    needs_emulator(name)
    firmware = link(artifact.folder, artifact.manifest, keep=("predict", "predict_in", "predict_packed"))
    machine = firmware.start()
    places = [machine.allocate(256, 64) for _ in range(4)]
    for place in places:
        machine.write(place, b"\x5a" * 256)
    workspace, samples, scores, classes = places
    for function in ("predict", "predict_packed"):
        entry = f"{firmware.prefix}_{function}"
        assert machine.call(entry, 0, 0, 0, 0).signed == 0
        for broken in ((0, 1, scores, classes), (samples, 1, 0, classes), (samples, 1, scores, 0)):
            assert machine.call(entry, *broken).signed == -1
    if not isinstance(machine, emulate.GdbMachine):  # it calls with four arguments at most
        entry = f"{firmware.prefix}_predict_in"
        assert machine.call(entry, 0, samples, 1, scores, classes).signed == -1
        assert machine.call(entry, workspace, samples, 0, scores, classes).signed == 0
    assert all(machine.read(place, 256) == b"\x5a" * 256 for place in places)


NAMES = {"2nd": "2nd", "Grün & Blau": "gr_n_blau", "int": "int", "a" * 80: "a" * 64, "v1.2-β": "v1_2"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("target", ["cortex-m0", "wasm"])
def test_names_that_are_no_identifiers(target: str, name: str, tmp_path: Path) -> None:
    artifact = build(dataclasses.replace(ODD, name=name), target, tmp_path / name)
    assert artifact.name == NAMES[name]
    x = random_samples(ODD, 5)
    assert artifact.predict(x) == ODD.evaluate(x)
    assert artifact.selftest()
