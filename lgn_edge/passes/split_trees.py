"""Deep trees: kernels of more than 8 leaves become layers of smaller ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from lgn_edge.network import Layer, LogicConv2d, Network
from lgn_edge.passes.kernel_tables import LEAVES


def split_trees(network: Network) -> Network:
    """Let no kernel have more than 8 leaves.

    Rule:
        a layer of kernels of 8 n leaves -> a layer of n kernels of 8 leaves for each, in the same window, and one of
        kernels of n leaves that reads those at its own place, a window of 1 x 1, which may become two in turn

    Kept: all other layers; what they read is renumbered.

    Promise: the same outputs for all inputs; as many gates.

    Cost: O(gates of the kernels).
    """
    layers: list[Layer] = []
    reads: list[tuple[int, ...]] = []
    number = [0]  # of each source in the new network
    for layer, sources in zip(network.layers, network.sources, strict=True):
        given = tuple(number[source] for source in sources)
        for part in _parts(layer):
            layers.append(part)
            reads.append(given)
            given = (len(layers),)
        number.append(len(layers))
    if len(layers) == len(network.layers):
        return network
    return replace(network, layers=tuple(layers), reads=tuple(reads))


def _parts(layer: Layer) -> Iterator[Layer]:
    if not isinstance(layer, LogicConv2d) or layer.leaf.shape[1] <= LEAVES:
        yield layer
        return
    kernels, leaves = layer.leaf.shape[:2]
    subtrees = leaves // LEAVES
    ends = np.cumsum([leaves >> level for level in range(1, leaves.bit_length() - 1)])
    levels = np.split(layer.table, ends, axis=1)
    low = [level.reshape(kernels * subtrees, -1) for level in levels[:3]]
    high = np.concatenate(levels[3:], axis=1)
    below = replace(layer, leaf=layer.leaf.reshape(kernels * subtrees, LEAVES, 3), table=np.concatenate(low, axis=1))
    yield below
    leaf = np.zeros((kernels, subtrees, 3), np.int32)
    leaf[:, :, 0] = np.arange(kernels * subtrees).reshape(kernels, subtrees)
    yield from _parts(LogicConv2d(*below.out_shape, 1, leaf, high))
