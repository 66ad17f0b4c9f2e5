"""Equal channels: kernels that compute the same function of the same cells become one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lgn_edge.network import Layer, LogicConv2d, LogicDense, Network, OrPool2d
from lgn_edge.network.convolution import ImageLayer, Pair
from lgn_edge.network.layers import signal_index
from lgn_edge.passes.kernel_tables import LEAVES, IntArray, support, truth_tables
from lgn_edge.passes.smallest_trees import first_equal


def merge_channels(network: Network) -> Network:
    """Merge channels with the same values into the first of them, from front to back.

    Rule:
        kernels with the same truth table over the same cells -> the first, read by all their readers, which may make
        kernels and pools behind it equal in turn
        pools of one channel -> one

    Kept: channels of the last layer, whose places the head counts by; of a layer that somebody reads as an image of
    another size; kernels of more than 8 leaves; channels whose complements are equal: a pool of complements is another.

    Promise: the same outputs for all inputs; no two kernels of a layer are equal in this sense, but for what is kept.

    Cost: a sort of the kernels of each layer.
    """
    may = _may_merge(network)
    target = [signal_index(0, network.encoder.n_outputs)]  # of each signal of a source, which of the new ones it is
    widths = [network.encoder.n_outputs]
    layers: list[Layer] = []
    for i, (layer, sources) in enumerate(zip(network.layers, network.sources, strict=True)):
        starts = np.cumsum([0, *(widths[source] for source in sources)])
        given = np.concatenate([target[source] + start for source, start in zip(sources, starts[:-1], strict=True)])
        merged, channel = _merge(layer, given, int(starts[-1]), may[i])
        places = layer.n_outputs // len(channel)
        layers.append(merged)
        target.append((channel[:, None] * places + np.arange(places)).reshape(-1))
        widths.append(merged.n_outputs)
    return replace(network, layers=tuple(layers))


def _may_merge(network: Network) -> list[bool]:
    """Which layers may lose channels: all that read them read whole channels, or single signals."""
    readers: list[list[int]] = [[] for _ in network.widths]
    for reader, sources in enumerate(network.sources):
        for source in sources:
            readers[source].append(reader)
    may = [False] * len(network.layers)
    for i in reversed(range(len(network.layers) - 1)):
        layer = network.layers[i]
        may[i] = isinstance(layer, ImageLayer) and all(
            isinstance(network.layers[r], LogicDense)
            or (_reads_channels(network, r, layer.out_shape[1:]) and (may[r] or not _is_pool(network, r)))
            for r in readers[i + 1]
        )
    return may


def _is_pool(network: Network, layer: int) -> bool:
    return isinstance(network.layers[layer], OrPool2d)


def _reads_channels(network: Network, reader: int, size: Pair) -> bool:
    """Whether a layer reads images of that size, each of its sources a whole number of channels."""
    layer = network.layers[reader]
    whole = all(network.widths[source] % (size[0] * size[1]) == 0 for source in network.sources[reader])
    return isinstance(layer, ImageLayer) and (layer.height, layer.width) == size and whole


def _merge(layer: Layer, given: IntArray, width: int, may: bool) -> tuple[Layer, IntArray]:
    """A layer that reads signals `given` of `width`, and of each of its channels the one that it is then."""
    if isinstance(layer, LogicDense):
        return replace(layer, n_inputs=width, a=given[layer.a], b=given[layer.b]), np.arange(layer.n_outputs)
    assert isinstance(layer, ImageLayer)
    size = layer.height * layer.width
    channel = given[::size] // size
    if isinstance(layer, OrPool2d):
        return replace(layer, channels=width // size), channel
    leaf = layer.leaf.copy()
    leaf[:, :, 0] = channel[leaf[:, :, 0]]
    moved = replace(layer, channels=width // size, leaf=leaf)
    if not may or leaf.shape[1] > LEAVES:
        return moved, np.arange(layer.kernels)
    _, first, which = np.unique(_functions(moved), axis=0, return_index=True, return_inverse=True)
    kept, number = np.unique(first, return_inverse=True)
    return replace(moved, leaf=moved.leaf[kept], table=moved.table[kept]), number[which.reshape(-1)]


def _functions(layer: LogicConv2d) -> IntArray:
    """What each kernel computes, int64[K, 12]: the cells that it depends on, ascending, and its table over them."""
    channel, row, column = np.moveaxis(layer.leaf.astype(np.int64), 2, 0)
    cell = (channel * layer.window.size[0] + row) * layer.window.size[1] + column
    variable = first_equal(layer.leaf)
    live = np.take_along_axis(support(truth_tables(variable, layer.table)), variable, axis=1)
    none = np.iinfo(np.int64).max
    leaves = cell.shape[1]
    cells = np.full((len(cell), LEAVES), none)
    cells[:, :leaves] = np.where(live & (variable == np.arange(leaves)), cell, none)
    cells.sort(axis=1)
    rank = (cell[:, :, None] == cells[:, None]).argmax(axis=2)
    table = truth_tables(np.where(live, rank, -1), layer.table)
    return np.concatenate([cells, table.view(np.int64)], axis=1)
