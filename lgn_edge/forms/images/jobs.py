"""What is to be done for image layers: which become one stage, which of their kernels are needed, what they read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lgn_edge.forms.images.trees import Trees, trees_of
from lgn_edge.network import Layer, LogicConv2d, Network, OrPool2d
from lgn_edge.network.convolution import ImageLayer, Pair, Window
from lgn_edge.network.layers import Int32Array
from lgn_edge.network.truth_table import PASS_A
from lgn_edge.passes.kernel_tables import LEAVES, BoolArray


def image_layers(network: Network) -> tuple[int, ...]:
    """The layers that can stay what they are: they read whole images of their size, of layers that stay.

    The encoder is an image of the size that the first of them reads. Kernels of more than 8 leaves cannot stay.
    """
    size: dict[int, Pair] = {}
    stay = []
    for i, (layer, reads) in enumerate(zip(network.layers, network.sources, strict=True)):
        if not isinstance(layer, ImageLayer) or (isinstance(layer, LogicConv2d) and layer.leaf.shape[1] > LEAVES):
            continue
        here = (layer.height, layer.width)
        if 0 in reads and network.encoder.n_outputs % (layer.height * layer.width) == 0:
            size.setdefault(0, here)
        if all(size.get(source) == here for source in reads):
            stay.append(i)
            size[i + 1] = layer.out_shape[1:]
    return tuple(stay)


@dataclass(frozen=True)
class Kernels:
    """The kernels of a layer that are needed.

    Attributes:
        channel: int32[K], the output of each.
        trees: what they are; those of a pool are wires.
        cell: int32[K, 2, 4, 3], the cell (channel, row, column) of each leaf; a pool reads the first of its channel.
    """

    channel: Int32Array
    trees: Trees
    cell: Int32Array

    @classmethod
    def of(cls, layer: Layer, needed: BoolArray) -> Kernels:
        """Those of the needed outputs bool[channels] of an image layer."""
        channel = np.flatnonzero(needed).astype(np.int32)
        if isinstance(layer, LogicConv2d):
            trees = trees_of(layer.table[channel])
            return cls(channel, trees, layer.leaf[channel[:, None, None], trees.leaf])
        cell = np.zeros((len(channel), 2, 4, 3), np.int32)
        cell[..., 0] = channel[:, None, None]
        return cls(channel, trees_of(np.full((len(channel), 1), PASS_A, np.uint8)), cell)


@dataclass(frozen=True)
class Job:
    """What becomes a stage: kernels at places of an image, and the OR of their values in a window of places.

    Attributes:
        reads: the sources of the image, one channel after the other.
        writes: the source that the outputs are.
        kernels: at every place.
        padding: zeros on each side of the image.
        step: rows and columns from a place to the next.
        window: rows and columns of places that are ORed; one without a pool.
        stride: rows and columns of places from a window to the next.
    """

    reads: tuple[int, ...]
    writes: int
    kernels: Kernels
    padding: Pair
    step: Pair
    window: Pair
    stride: Pair


@dataclass(frozen=True)
class Jobs:
    """All jobs of a network's image layers.

    Attributes:
        jobs: in their order.
        shapes: channels, height and width of the encoder's image, and of every image layer's, by source.
        channels: bool[channels], which are needed, of the encoder and of what the jobs write, by source.
        input_bit: int32[n], the encoder's bits that are read.
    """

    jobs: tuple[Job, ...]
    shapes: Mapping[int, tuple[int, int, int]]
    channels: Mapping[int, BoolArray]
    input_bit: Int32Array


def jobs_of(network: Network, layers: Sequence[int], live: BoolArray) -> Jobs:
    """What is to be done, without the channels that nobody reads.

    Args:
        network: its kernels as `smallest_trees` leaves them.
        layers: what `image_layers` names.
        live: bool, which bits of the encoder, then which outputs of each of the layers, somebody else reads.
    """
    shapes = _shapes(network, layers)
    widths = [network.widths[source] for source in shapes]
    outside = dict(zip(shapes, np.split(live, np.cumsum(widths)[:-1]), strict=True))
    needed: dict[int, BoolArray] = {
        source: np.asarray(outside[source].reshape(shape[0], -1).any(axis=1)) for source, shape in shapes.items()
    }
    pool_of = _pools(network, layers, outside)
    seen_of_encoder = np.zeros_like(needed[0])
    jobs = []
    for i in reversed(layers):
        if i in pool_of.values():
            continue
        job = _job(network, i, pool_of.get(i), needed)
        seen = np.zeros(sum(len(needed[source]) for source in job.reads), np.bool_)
        seen[job.kernels.cell[..., 0]] = True
        ends = np.cumsum([len(needed[source]) for source in job.reads])
        for source, channels in zip(job.reads, np.split(seen, ends[:-1]), strict=True):
            needed[source] |= channels
            if source == 0:
                seen_of_encoder |= channels
        jobs.append(job)
    read = outside[0] | np.repeat(seen_of_encoder, widths[0] // len(seen_of_encoder))
    stored = {source: needed[source] for source in (0, *(job.writes for job in reversed(jobs)))}
    return Jobs(tuple(reversed(jobs)), shapes, stored, np.flatnonzero(read).astype(np.int32))


def _shapes(network: Network, layers: Sequence[int]) -> dict[int, tuple[int, int, int]]:
    first = _window(network, next(i for i in layers if 0 in network.sources[i]))
    shapes = {0: (network.encoder.n_outputs // (first.height * first.width), first.height, first.width)}
    for i in layers:
        layer = network.layers[i]
        assert isinstance(layer, ImageLayer)
        shapes[i + 1] = layer.out_shape
    return shapes


def _pools(network: Network, layers: Sequence[int], outside: Mapping[int, BoolArray]) -> dict[int, int]:
    """The pool that is one job with each convolution: it alone reads it, and pads nothing."""
    readings = [source for i in layers for source in network.sources[i]]
    pool_of = {}
    for i in layers:
        layer, (source, *others) = network.layers[i], network.sources[i]
        alone = readings.count(source) == 1 and not others and not outside[source].any()
        pads = isinstance(layer, OrPool2d) and layer.window.padding == (0, 0)
        if pads and alone and isinstance(network.layers[source - 1], LogicConv2d) and source > 0:
            pool_of[source - 1] = i
    return pool_of


def _job(network: Network, i: int, pool: int | None, needed: Mapping[int, BoolArray]) -> Job:
    """A pool by itself is the OR of places one beside the other, where its kernels are wires."""
    window, writes, step, size, stride = _window(network, i), i if pool is None else pool, (1, 1), (1, 1), (1, 1)
    if isinstance(network.layers[i], LogicConv2d):
        step = window.stride
        if pool is not None:
            size, stride = _window(network, pool).size, _window(network, pool).stride
    else:
        size, stride = window.size, window.stride
    kernels = Kernels.of(network.layers[i], needed[writes + 1])
    return Job(network.sources[i], writes + 1, kernels, window.padding, step, size, stride)


def _window(network: Network, layer: int) -> Window:
    image = network.layers[layer]
    assert isinstance(image, ImageLayer)
    return image.window
