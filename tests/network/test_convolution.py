"""Convolution, OR pools and layers that read several: against plain Python, and as a flat circuit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.errors import InputError
from lgn_edge.network import GroupSum, LogicConv2d, LogicDense, Network, OrPool2d, Threshold, flatten, pack
from tests.strategies import image_networks, random_image_network, random_network, random_samples

Image = list[list[list[int]]]


def gate(table: int, a: int, b: int) -> int:
    return table >> (3 - 2 * a - b) & 1


def slow_layer(layer: LogicConv2d | OrPool2d, signals: list[int]) -> list[int]:
    """One sample and one place at a time, in plain Python: independent of every array in the package."""

    def at(channel: int, y: int, x: int) -> int:
        inside = 0 <= y < layer.height and 0 <= x < layer.width
        return signals[(channel * layer.height + y) * layer.width + x] if inside else 0

    window = layer.window
    result = []
    channels, rows, columns = layer.out_shape
    for channel in range(channels):
        for y in range(-window.padding[0], layer.height + window.padding[0] - window.size[0] + 1, window.stride[0]):
            for x in range(-window.padding[1], layer.width + window.padding[1] - window.size[1] + 1, window.stride[1]):
                if isinstance(layer, OrPool2d):
                    cells = [at(channel, y + i, x + j) for i in range(window.size[0]) for j in range(window.size[1])]
                    result.append(int(any(cells)))
                    continue
                values = [at(int(c), y + int(i), x + int(j)) for c, i, j in layer.leaf[channel]]
                for n, table in enumerate(layer.table[channel]):
                    values.append(gate(int(table), values[2 * n], values[2 * n + 1]))
                result.append(values[-1])
    assert len(result) == channels * rows * columns
    return result


def slow_scores(network: Network, sample: np.ndarray) -> list[int]:
    encoder = network.encoder
    written = [[int(np.float32(sample[f]) > t) for f, t in zip(encoder.feature, encoder.threshold, strict=True)]]
    for layer, sources in zip(network.layers, network.sources, strict=True):
        given = [bit for source in sources for bit in written[source]]
        if isinstance(layer, LogicDense):
            gates = zip(layer.table, layer.a, layer.b, strict=True)
            written.append([gate(int(t), given[a], given[b]) for t, a, b in gates])
        else:
            assert isinstance(layer, LogicConv2d | OrPool2d)
            written.append(slow_layer(layer, given))
    group = network.head.group
    return [sum(written[-1][o * group : (o + 1) * group]) for o in range(network.head.n_outputs)]


@given(image_networks(), st.integers(0, 3))
def test_evaluate_is_what_plain_python_computes(network: Network, seed: int) -> None:
    samples = random_samples(network, 3, seed)
    scores = network.evaluate(samples).scores
    assert scores.tolist() == [slow_scores(network, sample) for sample in samples]


@given(image_networks(), st.sampled_from([0, 1, 63, 64, 65, 130]))
def test_a_flat_circuit_is_the_same_function(network: Network, n: int) -> None:
    samples = random_samples(network, n)
    words = flatten(network).evaluate(network.encoder.evaluate(samples))
    assert (network.head.evaluate(words, n) == network.evaluate(samples).scores).all()


def test_kernels_in_pieces_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    network = random_image_network(8)
    samples = random_samples(network, 70)
    whole = network.evaluate(samples)
    monkeypatch.setattr("lgn_edge.network.convolution.CACHED", 1)
    assert network.evaluate(samples) == whole


def test_a_window_sees_zeros_outside_and_a_pool_of_nothing_is_zero() -> None:
    one = pack(np.ones((1, 1), np.bool_))
    both = LogicConv2d(1, 1, 1, 3, [[[0, 1, 1], [0, 0, 0]]], [[12]], padding=1)  # not the middle
    assert both.evaluate(one)[0, 0] & 1 == 0
    corner = LogicConv2d(1, 1, 1, 3, [[[0, 0, 0], [0, 0, 0]]], [[12]], padding=1)
    assert corner.evaluate(one)[0, 0] & 1 == 1
    pool = OrPool2d(1, 1, 1, 1, stride=3, padding=3)
    assert pool.out_shape == (1, 3, 3)
    assert (pool.evaluate(one)[:, 0] & np.uint64(1)).tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0]


def test_gates_are_counted_once_and_at_every_place() -> None:
    """CIFAR-10 S of the paper: 802,816 gates in trees, 86,016 in pools, from 11,872 distinct ones."""
    shape, layers = (9, 32, 32), []
    for kernels in (32, 128, 512, 1024):
        leaf = np.zeros((kernels, 8, 3), np.int32)
        layers.append(LogicConv2d(*shape, 3, leaf, np.zeros((kernels, 7), np.uint8), padding=1))
        layers.append(OrPool2d(*layers[-1].out_shape, 2))
        shape = layers[-1].out_shape
    assert shape == (1024, 2, 2)
    assert sum(layer.n_applied for layer in layers[::2]) == 802_816
    assert sum(layer.n_applied for layer in layers[1::2]) == 86_016
    assert sum(layer.n_distinct for layer in layers) == 11_872


@pytest.mark.parametrize(
    ("reads", "message"),
    [
        (((0,), (0, 2)), "layer 1 reads 2; it may read 0..1"),
        (((0,), (1, 1)), "name at least one source, and none twice"),
        (((0,), ()), "name at least one source"),
        (((0,), (-1,)), "layer 1 reads -1"),
        (((0,), (1.0,)), "layer 1 reads 1.0"),
        (((0,),), "1 entries for 2 layers"),
        (((0,), (0, 1)), "layer 1 reads 13 signals but gets 24"),
    ],
)
def test_reads_that_are_wrong_are_named(reads: Any, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        replace(random_network(1), reads=reads)


def test_a_chain_is_a_chain_however_it_is_written() -> None:
    network = random_network(1)
    assert replace(network, reads=((0,), (1,))) == network
    assert replace(network, reads=((0,), (1,))).fingerprint() == network.fingerprint()
    assert "reads" not in repr(network)


def test_what_is_read_decides_the_fingerprint() -> None:
    layer = LogicDense(4, [0], [1], [6])
    first = LogicDense(2, [0, 1], [1, 0], [1, 7])
    encoder = Threshold.bits(2)
    networks = [Network(encoder, (first, layer), GroupSum(1, 1), reads=((0,), sources)) for sources in ((0, 1), (1, 0))]
    assert networks[0].fingerprint() != networks[1].fingerprint()
    assert "reads 1 0" in repr(networks[1])


LEAF = np.zeros((2, 4, 3), np.int32)
TABLE = np.zeros((2, 3), np.uint8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LogicConv2d(1, 2, 2, 3, LEAF, TABLE), "a window of 3 x 3 does not fit into the image of 2 x 2"),
        (lambda: LogicConv2d(0, 2, 2, 1, LEAF, TABLE), "0 channels of 2 x 2"),
        (lambda: LogicConv2d(1, 2, 2, 1, LEAF, TABLE, stride=0), "stride is 0 x 0; it must be at least 1"),
        (lambda: LogicConv2d(1, 2, 2, 1, LEAF, TABLE, padding=-1), "padding is -1 x -1"),
        (lambda: LogicConv2d(1, 2, 2, (1, 2, 3), LEAF, TABLE), "size is .* one for rows and one for columns"),
        (lambda: LogicConv2d(1, 2, 2, 1, LEAF + 1, TABLE), "channel of leaf 0 of kernel 0 is 1, outside 0..0"),
        (lambda: LogicConv2d(1, 2, 2, 1, LEAF - 1, TABLE), "is -1, outside"),
        (lambda: LogicConv2d(1, 2, 2, 1, LEAF[:, :3], TABLE), "a power of two"),
        (lambda: LogicConv2d(1, 2, 2, 1, LEAF[0], TABLE), "of 3 dimensions"),
        (lambda: LogicConv2d(1, 2, 2, 1, LEAF, TABLE[:, :2]), r"have \[2, 3\]"),
        (lambda: LogicConv2d(1, 2, 2, 1, LEAF, TABLE + 16), r"table\[0, 0\] is 16"),
        (lambda: LogicConv2d(1, 2, 2, 1, LEAF + 0.5, TABLE), r"leaf\[0, 0, 0\] is 0.5"),
        (lambda: LogicConv2d(1, 40_000, 40_000, 1, LEAF, TABLE), "3200000000 outputs|3,200,000,000 outputs"),
        (lambda: OrPool2d(9, 40_000, 40_000, 2), "more than 2,147,483,647 signals"),
        (lambda: OrPool2d(1, 2, 2, 5), "does not fit"),
        (lambda: OrPool2d(1, 30_000, 30_000, 2, 1).gates(), "gates at all places are more than"),
    ],
)
def test_bad_numbers_are_named_before_anything_is_allocated(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()
