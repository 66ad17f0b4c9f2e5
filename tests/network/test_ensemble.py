"""Several networks as one: sums of scores, whatever the members read, through the file and the artifact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.artifact import build
from lgn_edge.errors import InputError
from lgn_edge.network import Bits, GroupSum, Network, OrPool2d, ensemble
from lgn_edge.onnx_model import read, write
from tests.strategies import convolutional_network, random_image_network, random_network


def members(seed: int, count: int, classes: int = 3) -> list[Network]:
    """Networks of dense and image layers, of different depths, behind one encoder."""
    rng = np.random.default_rng(seed)
    first = random_image_network(seed, classes)
    bits = first.encoder.n_outputs
    found = [first]
    for i in range(1, count):
        widths = (*rng.integers(1, 9, rng.integers(0, 3)).tolist(), classes * int(rng.integers(1, 5)))
        dense = random_network(seed + i, bits=bits, widths=widths, classes=classes)
        found.append(replace(dense, encoder=first.encoder))
    return [found[i] for i in rng.permutation(count)]


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 4))
def test_scores_are_the_sums(seed: int, count: int, classes: int) -> None:
    networks = members(seed, count, classes)
    whole = ensemble(networks)
    samples = np.random.default_rng(seed).normal(size=(65, whole.encoder.n_features)).astype(np.float32)
    wanted = sum(network.evaluate(samples).scores for network in networks)
    assert (whole.evaluate(samples).scores == wanted).all()
    assert whole.n_distinct == sum(network.n_distinct for network in networks)
    taus = [network.head.scale[0] for network in networks if network.head.scale]
    assert whole.head.scale is not None
    assert np.isclose(whole.head.scale[0], sum(taus))


def test_goes_the_whole_way(tmp_path: Path) -> None:
    first = convolutional_network(1)
    second = replace(convolutional_network(2), encoder=first.encoder)
    whole = ensemble([first, second], "two")
    write(whole, tmp_path / "two.onnx")
    assert read(tmp_path / "two.onnx") == whole
    samples = np.random.default_rng(0).integers(0, 256, (70, whole.encoder.n_features)).astype(np.uint8)
    artifact = build(tmp_path / "two.onnx", "native", tmp_path / "native")
    assert artifact.predict(samples) == whole.evaluate(samples)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda network: replace(network, encoder=random_network(9).encoder), "network 1 has another encoder"),
        (lambda network: replace(network, head=GroupSum(12, 4)), "network 1 has other classes than network 0"),
        (lambda network: replace(network, class_names=("a", "b", "c")), "network 1 has other classes than network 0"),
        (lambda network: replace(network, head=Bits(12)), "network 1 has the head Bits; only scores"),
        (lambda network: pooled(network), "network 1 ends in OrPool2d"),
    ],
)
def test_refuses_what_does_not_go_together(change: Callable[[Network], Network], message: str) -> None:
    network = random_network(0)
    with pytest.raises(InputError, match=f"ensemble: {message}"):
        ensemble([network, change(network)])


def pooled(network: Network) -> Network:
    return replace(network, layers=(*network.layers, OrPool2d(12, 1, 1, 1)))


def test_refuses_none() -> None:
    with pytest.raises(InputError, match="ensemble: no network"):
        ensemble([])
