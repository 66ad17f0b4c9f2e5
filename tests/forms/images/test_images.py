"""Image layers as stages: the rows that hold an output hold what the layer gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.forms.images.images import Images
from lgn_edge.forms.images.jobs import image_layers
from lgn_edge.forms.images.layout import lay_out
from lgn_edge.network import LogicConv2d, Network
from lgn_edge.passes.smallest_trees import smallest_trees
from tests.strategies import image_networks, random_samples


def with_small_trees(network: Network) -> Network:
    layers = [smallest_trees(layer) if isinstance(layer, LogicConv2d) else layer for layer in network.layers]
    return replace(network, layers=tuple(layers))


def assert_same_rows(network: Network, images: Images, live: np.ndarray, n: int = 70) -> None:
    """Every signal that somebody reads is in its row, for samples of the network."""
    activations = list(network.activations(random_samples(network, n)))
    want = np.concatenate([activations[0], *(activations[i + 1] for i in images.layers)])
    memory = images.evaluate(activations[0])
    np.testing.assert_array_equal(memory[images.row[live]], want[live])
    assert (memory[images.zeros()] == 0).all()


@given(image_networks(), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1, 1.0]))
def test_stages_are_the_layers(network: Network, seed: int, share: float) -> None:
    network = with_small_trees(network)
    layers = image_layers(network)
    if not layers:
        return
    signals = network.widths[0] + sum(network.widths[i + 1] for i in layers)
    live = np.random.default_rng(seed).random(signals) < share
    images = lay_out(network, layers, live)
    assert_same_rows(network, images, live)
    if not live.any():
        assert not any(len(stage.out) for stage in images.stages)
        assert len(images.input_bit) == 0
