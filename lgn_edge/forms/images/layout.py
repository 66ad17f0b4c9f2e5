"""From image layers to stages: which layers can stay, which channels are needed, and where they lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lgn_edge.forms.images.images import Image, Images, Places, Stage
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


def lay_out(network: Network, layers: Sequence[int], live: BoolArray) -> Images:
    """Plan image layers as stages; channels that nobody reads are left out.

    Args:
        network: its kernels as `smallest_trees` leaves them.
        layers: what `image_layers` names.
        live: bool, which bits of the encoder, then which outputs of each of the layers, somebody else reads.
    """
    shapes = _shapes(network, layers)
    widths = [network.widths[source] for source in shapes]
    outside = dict(zip(shapes, np.split(live, np.cumsum(widths)[:-1]), strict=True))
    jobs = _jobs(network, layers, outside)
    needed: dict[int, BoolArray] = {
        source: np.asarray(outside[source].reshape(shape[0], -1).any(axis=1)) for source, shape in shapes.items()
    }
    seen_of_encoder = np.zeros_like(needed[0])
    kernels = {}
    for job in reversed(jobs):
        layer = network.layers[job.layer]
        kernels[job] = _Kernels.of(layer, needed[job.writes])
        seen = np.zeros(sum(len(needed[source]) for source in job.reads), np.bool_)
        seen[kernels[job].cell[..., 0]] = True
        ends = np.cumsum([len(needed[source]) for source in job.reads])
        for source, channels in zip(job.reads, np.split(seen, ends[:-1]), strict=True):
            needed[source] |= channels
            if source == 0:
                seen_of_encoder |= channels
    images = _images(network, jobs, {s: (needed[s], *shapes[s][1:]) for s in (0, *(job.writes for job in jobs))})
    row = np.concatenate(
        [images[source].rows() if source in images else np.full(network.widths[source], -1) for source in shapes]
    ).astype(np.int32)
    read = outside[0] | np.repeat(seen_of_encoder, widths[0] // len(seen_of_encoder))
    input_bit = np.flatnonzero(read).astype(np.int32)
    return Images(
        layers=tuple(layers),
        stages=tuple(_stage(network, job, kernels[job], images) for job in jobs),
        n_rows=sum(image.size for image in images.values()),
        input_bit=input_bit,
        input_row=row[input_bit],
        row=row,
    )


@dataclass(frozen=True)
class _Job:
    """What becomes a stage.

    Attributes:
        layer: of the network.
        pool: the layer behind it that is part of the stage.
        reads: the sources that the layer reads.
    """

    layer: int
    pool: int | None
    reads: tuple[int, ...]

    @property
    def writes(self) -> int:
        """The source that its outputs are."""
        return (self.layer if self.pool is None else self.pool) + 1


def _shapes(network: Network, layers: Sequence[int]) -> dict[int, tuple[int, int, int]]:
    """Channels, height and width of the encoder, as its first reader sees it, and of each layer, by source."""
    first = _window(network, next(i for i in layers if 0 in network.sources[i]))
    shapes = {0: (network.encoder.n_outputs // (first.height * first.width), first.height, first.width)}
    for i in layers:
        layer = network.layers[i]
        assert isinstance(layer, ImageLayer)
        shapes[i + 1] = layer.out_shape
    return shapes


def _jobs(network: Network, layers: Sequence[int], outside: Mapping[int, BoolArray]) -> tuple[_Job, ...]:
    """The stages to be. A convolution and a pool become one where the pool alone reads it, and pads nothing."""
    readings = [source for i in layers for source in network.sources[i]]
    pool_of = {}
    for i in layers:
        layer, (source, *others) = network.layers[i], network.sources[i]
        alone = readings.count(source) == 1 and not others and not outside[source].any()
        pads = isinstance(layer, OrPool2d) and layer.window.padding == (0, 0)
        if pads and alone and isinstance(network.layers[source - 1], LogicConv2d) and source > 0:
            pool_of[source - 1] = i
    return tuple(_Job(i, pool_of.get(i), network.sources[i]) for i in layers if i not in pool_of.values())


@dataclass(frozen=True)
class _Kernels:
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
    def of(cls, layer: Layer, needed: BoolArray) -> _Kernels:
        channel = np.flatnonzero(needed).astype(np.int32)
        if isinstance(layer, LogicConv2d):
            trees = trees_of(layer.table[channel])
            return cls(channel, trees, layer.leaf[channel[:, None, None], trees.leaf])
        cell = np.zeros((len(channel), 2, 4, 3), np.int32)
        cell[..., 0] = channel[:, None, None]
        return cls(channel, trees_of(np.full((len(channel), 1), PASS_A, np.uint8)), cell)


def _images(
    network: Network, jobs: Sequence[_Job], stored: Mapping[int, tuple[BoolArray, int, int]]
) -> dict[int, Image]:
    """Images one behind the other; those of one size have the same padding, so that a layer can read several."""
    padding: dict[Pair, Pair] = {}
    for job in jobs:
        window = _window(network, job.layer)
        rows, columns = padding.get((window.height, window.width), (0, 0))
        padding[window.height, window.width] = (max(rows, window.padding[0]), max(columns, window.padding[1]))
    images: dict[int, Image] = {}
    first = 0
    for source, (needed, height, width) in stored.items():
        plane = np.where(needed, np.cumsum(needed) - 1, -1).astype(np.int32)
        images[source] = Image(first, plane, height, width, padding.get((height, width), (0, 0)))
        first += images[source].size
    return images


def _stage(network: Network, job: _Job, kernels: _Kernels, images: Mapping[int, Image]) -> Stage:
    window = _window(network, job.layer)
    pitch, out = images[job.reads[0]].pitch, images[job.writes]
    plane = np.concatenate([images[s].row(np.arange(len(images[s].channel)), 0, 0) for s in job.reads])
    corner = window.padding[0] * pitch + window.padding[1]
    channel, y, x = np.moveaxis(kernels.cell, 3, 0)
    tap = (plane[channel] + y * pitch + x - corner).astype(np.int32)
    return Stage(_places(network, job, pitch, out), kernels.trees, tap, out.row(kernels.channel, 0, 0))


def _places(network: Network, job: _Job, pitch: int, out: Image) -> Places:
    """A pool is the OR over a window of a layer's places; alone it is that of places one beside the other."""
    window, step, ored = _window(network, job.layer), (pitch, 1), None
    if isinstance(network.layers[job.layer], LogicConv2d):
        step = (window.stride[0] * pitch, window.stride[1])
        ored = None if job.pool is None else _window(network, job.pool)
    else:
        ored = window
    size, stride = ((1, 1), (1, 1)) if ored is None else (ored.size, ored.stride)
    y, x = np.indices(size, np.int32)
    return Places(
        shape=(out.height, out.width),
        step=(stride[0] * step[0], stride[1] * step[1]),
        window=(y * step[0] + x * step[1]).reshape(-1),
        pitch=out.pitch,
    )


def _window(network: Network, layer: int) -> Window:
    image = network.layers[layer]
    assert isinstance(image, ImageLayer)
    return image.window
