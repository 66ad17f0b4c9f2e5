"""Heads without classes, as artifacts: a score of one class, and bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lgn_edge import build
from lgn_edge.errors import InputError
from lgn_edge.network import Bits, LogicDense, Network, Threshold
from tests.strategies import random_network, random_samples

NETWORKS = {
    "score": random_network(1, widths=(33, 31), classes=1, input_dtype="uint8"),
    "bits": random_network(2, widths=(33, 37), classes=0, input_dtype="uint8"),
    "a bit": random_network(3, widths=(9, 1), classes=0, input_dtype="uint8"),
    "constant bits": random_network(4, widths=(13,), classes=0, tables=(0, 15), input_dtype="uint8"),
}


@pytest.mark.parametrize("batch", [1, 32])
@pytest.mark.parametrize("optimize", ["speed", "size"])
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_firmware_gives_scores_and_bits(tmp_path: Path, network: Network, optimize: str, batch: int) -> None:
    built = build(network, "cortex-m4", tmp_path / "built", optimize=optimize, batch=batch)
    samples = random_samples(network, 70)
    assert built.predict(samples) == network.evaluate(samples)
    assert built.selftest()


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_a_library_gives_scores_and_bits(tmp_path: Path, network: Network) -> None:
    built = build(network, "native", tmp_path / "built")
    for n in (0, 1, 65, 513):
        samples = random_samples(network, n)
        assert built.predict(samples) == network.evaluate(samples)
    samples = random_samples(network, 70)
    assert built.predict_packed(network.encoder.evaluate(samples), 70) == network.evaluate(samples)
    assert built.selftest()
    header = next((tmp_path / "built" / "include").iterdir()).read_text()
    assert ("_TAU " in header) == (network is NETWORKS["score"])
    assert ("the bits, 0 or 1 each" in header) == (network is not NETWORKS["score"])
    with pytest.raises(InputError, match="has no classes; read `scores`"):
        built.predict(samples).classes  # noqa: B018


def test_more_bits_than_an_artifact_has(tmp_path: Path) -> None:
    wires = np.zeros(65_536, np.int32)
    network = Network(Threshold.bits(1), (LogicDense(1, wires, wires, wires),), Bits(65_536))
    with pytest.raises(InputError, match="65536 outputs; an artifact has 65535 at most"):
        build(network, "native", tmp_path / "built")
