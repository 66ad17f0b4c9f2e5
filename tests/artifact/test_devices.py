"""Every target without an operating system: built in each form, executed, compared with the reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lgn_edge import emulate
from lgn_edge.artifact import build
from lgn_edge.artifact.measure import link
from lgn_edge.network import Network
from lgn_edge.targets.registry import TARGETS, find_target
from tests.artifact.test_artifact import NETWORKS
from tests.strategies import random_samples

DEVICES = [name for name in TARGETS if name != "native" and not find_target(name).hosted]


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("optimize", ["size", "speed"])
def test_firmware_equals_the_reference(network: Network, name: str, optimize: str, tmp_path: Path) -> None:
    target = find_target(name)
    artifact = build(network, name, tmp_path / name, optimize=optimize)
    reason = emulate.available(target.execution)
    if reason:
        pytest.skip(f"{name}: {reason}")
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
