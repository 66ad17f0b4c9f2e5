"""The library for 64-bit RISC-V: linked into an image without an operating system, executed in an emulator."""

from __future__ import annotations

from pathlib import Path

import pytest

from lgn_edge import emulate
from lgn_edge.artifact import build
from lgn_edge.artifact.measure import link
from lgn_edge.network import Network
from tests.artifact.test_artifact import NETWORKS
from tests.strategies import random_samples
from tests.thinning import few


@pytest.mark.parametrize("network", few(NETWORKS, "odd", "image"))
def test_the_library_equals_the_reference(network: Network, tmp_path: Path) -> None:
    artifact = build(network, "riscv64", tmp_path / "artifact")
    firmware = link(artifact.folder, artifact.manifest)
    machine = firmware.start()
    emulate.selftest(firmware, machine=machine)
    for n in (0, 1, 63, 64, 65, 511, 512, 513):
        x = random_samples(network, n, seed=n)
        assert emulate.predict(firmware, x, batch=max(n, 1), machine=machine)[0] == network.evaluate(x)
