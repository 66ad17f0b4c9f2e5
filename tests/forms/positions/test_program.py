"""Image layers over words of positions: the bits that hold an output hold what the layer gives."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.forms.images.jobs import image_layers, jobs_of
from lgn_edge.forms.positions.layout import lay_out
from lgn_edge.forms.positions.program import Positions
from lgn_edge.network import Network
from lgn_edge.network.bits import unpack
from lgn_edge.passes.simplify_images import simplify_images
from tests.strategies import image_networks, random_samples


def positions_of(network: Network, live: np.ndarray, word_bits: int) -> Positions | None:
    layers = image_layers(network)
    return lay_out(jobs_of(network, layers, live), layers, word_bits) if layers else None


def n_signals(network: Network) -> int:
    """Bits of the encoder, and of the image layers."""
    return network.widths[0] + sum(network.widths[i + 1] for i in image_layers(network))


def assert_same_bits(network: Network, positions: Positions, memory: np.ndarray, n: int) -> None:
    """Every channel that has words has the layer's bits in them, and no others."""
    activations = [unpack(words, n).T for words in network.activations(random_samples(network, n))]
    for source, image in positions.images.items():
        word, bit = image.positions()
        want = activations[source].reshape(-1, *word.shape, n)[image.channel]
        planes = memory[image.first : image.first + image.size].reshape(len(image.channel), image.plane, n)
        np.testing.assert_array_equal(planes[:, word] >> bit[..., None].astype(memory.dtype) & 1, want)
        for y, x in image.homes():
            assert not (planes[:, image.offset(y, x)] & ~memory.dtype.type(image.grid.mask(y, x))).any()


@given(image_networks(), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1, 1.0]), st.sampled_from([32, 64]))
def test_stages_are_the_layers(network: Network, seed: int, share: float, word_bits: int) -> None:
    network = simplify_images(network)
    live = np.random.default_rng(seed).random(n_signals(network)) < share
    positions = positions_of(network, live, word_bits)
    if positions is None:
        return
    n = 9
    bits = unpack(network.encoder.evaluate(random_samples(network, n)), n).T.astype(np.uint8)
    assert_same_bits(network, positions, positions.evaluate(bits), n)
    if not live.any():
        assert not positions.stages
