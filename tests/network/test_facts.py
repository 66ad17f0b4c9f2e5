"""What an output of an image layer sees, against what reaches it from each pixel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.network import GroupSum, Layer, LogicConv2d, LogicDense, Network, OrPool2d, Threshold
from lgn_edge.network.convolution import ImageLayer
from lgn_edge.network.facts import VARYING, layer_facts, receptive_fields, shares_text

PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def image_chains(draw: st.DrawFn) -> Network:
    """Two or three layers over an image that is larger than what any of their outputs sees, under a dense one."""
    height, width = draw(st.integers(30, 34)), draw(st.integers(30, 34))
    layers: list[Layer] = []
    shape = (1, height, width)
    for _ in range(draw(st.integers(2, 3))):
        size = draw(PAIRS)
        stride, padding = (1, 1) if layers else draw(PAIRS), draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
        if draw(st.booleans()):
            leaf, table = np.zeros((1, 2, 3), np.int32), np.full((1, 1), 8, np.uint8)
            layer: ImageLayer = LogicConv2d(*shape, size, leaf, table, stride, padding)
        else:
            layer = OrPool2d(*shape, size, stride, padding)
        layers.append(layer)
        shape = layer.out_shape
    zeros = np.zeros(4, np.int32)
    layers.append(LogicDense(layers[-1].n_outputs, zeros, zeros, np.full(4, 8, np.uint8)))
    return Network(pixels(height * width), tuple(layers), GroupSum(4, 2))


def pixels(count: int) -> Threshold:
    return Threshold(count, np.arange(count, dtype=np.int32), np.full(count, 9, np.float32), "uint8")


@given(image_chains())
def test_fields_are_what_reaches_an_output(network: Network) -> None:
    height, width = network.layers[0].height, network.layers[0].width  # type: ignore[attr-defined]  # an image layer
    reached = np.eye(height * width, dtype=np.bool_)
    fields = receptive_fields(network)
    assert sorted(fields) == list(range(len(network.layers) - 1))
    for i, layer in enumerate(network.layers[:-1]):
        assert isinstance(layer, ImageLayer)
        reached = layer.window.taps(reached, False).any((0, 1, 2)).reshape(-1, height * width)
        pixels = reached.reshape(-1, height, width)
        assert tuple(extent(np.any(pixels, axis=axis)) for axis in (2, 1)) == fields[i]


def extent(seen: Any) -> int:
    """From the first to the last that is seen, at most; some between may not be."""
    last = seen.shape[1] - seen[:, ::-1].argmax(1)
    return int((last - seen.argmax(1))[seen.any(1)].max())


def two_sizes(stride: int, padding: int) -> Network:
    """A convolution beside another that a third one reads, too."""
    leaf, table = np.zeros((1, 2, 3), np.int32), np.full((1, 1), 8, np.uint8)
    first = LogicConv2d(1, 9, 9, 3, leaf, table, padding=1)
    second = LogicConv2d(1, 9, 9, 5, leaf, table, stride, padding)
    both = LogicConv2d(2, 9, 9, 3, leaf, table, padding=1)
    zeros = np.zeros(4, np.int32)
    head = LogicDense(both.n_outputs, zeros, zeros, np.full(4, 8, np.uint8))
    reads = ((0,), (0,), (1, 2), (3,))
    return Network(pixels(81), (first, second, both, head), GroupSum(4, 2), reads=reads)


def test_several_images() -> None:
    assert receptive_fields(two_sizes(1, 2)) == {0: (3, 3), 1: (5, 5), 2: (7, 7)}
    assert receptive_fields(two_sizes(2, 6)) == {0: (3, 3), 1: (5, 5)}, "places of different steps"


@pytest.mark.parametrize("text", ["", "no", "[0.5]", '{"1": 2.0, "one": 0.5, "3": NaN, "0": "0.5", "²": 0.5}'])
def test_what_is_no_share_is_none(text: str) -> None:
    network = two_sizes(1, 2)
    facts = layer_facts(replace(network, provenance={VARYING: text}))
    assert {layer.varying for layer in facts} == {None}


def test_shares_by_layer() -> None:
    network = two_sizes(1, 2)
    text = shares_text({0: 0.123456, 2: 1.0, 3: 0.5})
    facts = layer_facts(replace(network, provenance={VARYING: text}))
    assert [layer.varying for layer in facts] == [0.1235, None, 1.0, 0.5]
