"""From image layers to stages over words of positions: how each image is dealt out, and where its words are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lgn_edge.forms.images.jobs import Job, Jobs
from lgn_edge.forms.images.trees import ROOTS
from lgn_edge.forms.positions.grid import Axis, Grid
from lgn_edge.forms.positions.program import Image, Positions, Stage
from lgn_edge.network.convolution import Pair
from lgn_edge.passes.kernel_tables import IntArray


def lay_out(needed: Jobs, layers: Sequence[int], word_bits: int) -> Positions | None:
    """Plan image layers as stages; None where positions do not lie in words as they must.

    That is so where an image has more positions than the lanes of all its words, or where a layer reads images that
    came to their size by different steps.

    Args:
        needed: what is to be done for the layers.
        layers: of the network.
        word_bits: positions that a word may hold.
    """
    jobs = tuple(job for job in needed.jobs if len(job.kernels.channel))
    dealt = _deal(jobs, needed.shapes, word_bits)
    if dealt is None:
        return None
    grids = {source: Grid(dealt[0].of[source], dealt[1].of[source]) for source in dealt[0].of}
    images = _images(needed, jobs, grids, dealt)
    planes = {source: _planes(images[source], needed.shapes[source][0]) for source in images}
    stages = tuple(_stage(job, [side.windows[i] for side in dealt], images, planes) for i, job in enumerate(jobs))
    return Positions(word_bits, tuple(layers), images, stages)


@dataclass(frozen=True)
class _Window:
    """What an output reads along a side.

    Attributes:
        cells: places whose kernels are evaluated, beginning with the first.
        folds: as in `Stage.folds`, of this side.
        span: the phases of the image that the kernels of all outputs read: the first, and the one behind the last.
        step: phases of the image from a place to the next.
        stride: places from an output to the next.
        phases: of the outputs.
    """

    cells: int
    folds: tuple[int, ...]
    span: Pair
    step: int
    stride: int
    phases: int


@dataclass(frozen=True)
class _Side:
    """All images along a side.

    Attributes:
        of: how each lies, by source.
        windows: of each job.
        reach: bits that the lanes of one image or another take.
    """

    of: Mapping[int, Axis]
    windows: tuple[_Window, ...]
    reach: int

    def spaced(self, row: int, bits: int) -> _Side:
        """The same with lanes `row` times as far apart, in so many bits."""
        of = {source: replace(axis, pitch=axis.pitch * row, bits=bits) for source, axis in self.of.items()}
        windows = [replace(w, folds=tuple(up * row for up in w.folds)) for w in self.windows]
        return _Side(of, tuple(windows), self.reach * row)


def _deal(
    jobs: Sequence[Job], shapes: Mapping[int, tuple[int, int, int]], word_bits: int
) -> tuple[_Side, _Side] | None:
    """The rows and columns of all images, by phases of the encoder's that take the fewest evaluations of kernels."""
    sides = [
        [side for n in range(1, shapes[0][axis + 1] + 1) if (side := _side(jobs, shapes, axis, n, word_bits))]
        for axis in range(2)
    ]
    kernels = np.array([len(job.kernels.channel) for job in jobs], np.int64)
    points = [
        np.array([[w.phases * w.cells for w in side.windows] for side in of], np.int64).reshape(len(of), len(jobs))
        for of in sides
    ]
    reach = [np.array([side.reach for side in of], np.int64) for of in sides]
    cost = np.einsum("yj,xj,j->yx", *points, kernels)
    cost[reach[0][:, None] * reach[1] > word_bits] = np.iinfo(np.int64).max
    if not cost.size or cost.min() == np.iinfo(np.int64).max:
        return None
    at_y, at_x = np.unravel_index(cost.argmin(), cost.shape)
    y, x = sides[0][at_y], sides[1][at_x]
    return y.spaced(x.reach, y.reach * x.reach), x.spaced(1, x.reach)


def _side(
    jobs: Sequence[Job], shapes: Mapping[int, tuple[int, int, int]], axis: int, phases: int, word_bits: int
) -> _Side | None:
    """All images along a side, the encoder's with so many phases; None where those that a layer reads differ."""
    of = {0: Axis(shapes[0][axis + 1], phases, word_bits)}
    windows, reach = [], of[0].reach
    for job in jobs:
        image = of[job.reads[0]]
        if any(of[source] != image for source in job.reads):
            return None
        step, size, stride, length = job.step[axis], job.window[axis], job.stride[axis], shapes[job.writes][axis + 1]
        places = image.every(step, stride * (length - 1) + size)
        out = of[job.writes] = places.every(stride, length)
        # where an output has all phases of its places, kernels are evaluated once for each, and lanes are ORed
        folded = out.phases == 1 and size % places.phases == 0
        cells = places.phases if folded else size
        seen = job.kernels.cell[..., axis + 1] - job.padding[axis]
        last = step * (stride * (out.phases - 1) + cells - 1)
        windows.append(
            _Window(
                cells=cells,
                folds=tuple(n * places.pitch for n in _doubled(size // cells)),
                span=(int(seen.min()), int(seen.max()) + last + 1),
                step=step,
                stride=stride,
                phases=out.phases,
            )
        )
        reach = max(reach, places.reach, out.reach)
    return _Side(of, tuple(windows), reach)


def _doubled(count: int) -> tuple[int, ...]:
    """What OR a value with itself, so many further on each time, to have ORed `count` in a row."""
    steps, ored = [], 1
    while ored < count:
        steps.append(min(ored, count - ored))
        ored += steps[-1]
    return tuple(steps)


def _images(
    needed: Jobs, jobs: Sequence[Job], grids: Mapping[int, Grid], dealt: tuple[_Side, _Side]
) -> dict[int, Image]:
    """Images one behind the other; those that lie alike have the same halos, so that a layer can read several."""
    spans: dict[Grid, tuple[Pair, Pair]] = {}
    for grid in grids.values():
        spans[grid] = (0, grid.y.phases), (0, grid.x.phases)
    for i, job in enumerate(jobs):
        grid = grids[job.reads[0]]
        y, x = (_union(span, side.windows[i].span) for span, side in zip(spans[grid], dealt, strict=True))
        spans[grid] = y, x
    channels: dict[int, IntArray] = {0: np.flatnonzero(needed.channels[0])}
    channels |= {job.writes: job.kernels.channel[_order(job)] for job in jobs}
    images: dict[int, Image] = {}
    first = 0
    for source, channel in channels.items():
        images[source] = Image(first, channel.astype(np.int32), grids[source], *spans[grids[source]])
        first += images[source].size
    return images


def _union(a: Pair, b: Pair) -> Pair:
    return min(a[0], b[0]), max(a[1], b[1])


def _order(job: Job) -> IntArray:
    """Kernels by the kind of their root."""
    return np.lexsort((job.kernels.trees.flip, job.kernels.trees.root))


def _stage(job: Job, windows: Sequence[_Window], images: Mapping[int, Image], planes: Mapping[int, IntArray]) -> Stage:
    trees, order = job.kernels.trees, _order(job)
    image = images[job.reads[0]]
    channel, y, x = np.moveaxis(job.kernels.cell, 3, 0)
    plane = np.concatenate([planes[source] for source in job.reads])
    tap = plane[channel] + (y - job.padding[0] - image.y[0]) * image.shape[1] + x - job.padding[1] - image.x[0]
    two = np.array(ROOTS)[trees.root] >= 0
    second = np.where(two, 1, 0)[:, None]
    named = np.concatenate([trees.half[..., None], tap], axis=2)  # kind and taps of each half
    named[:, 1] = np.take_along_axis(named, second[..., None], axis=1)[:, 0]
    distinct, half = np.unique(named.reshape(-1, named.shape[2]), axis=0, return_inverse=True)
    along = [
        (np.arange(w.phases)[:, None] * w.stride + np.arange(w.cells)) * w.step * pitch
        for w, pitch in zip(windows, (image.shape[1], 1), strict=True)
    ]
    points = along[0][:, None, :, None] + along[1][None, :, None, :]
    return Stage(
        kind=distinct[:, 0].astype(np.int32),
        tap=distinct[:, 1:].astype(np.int32),
        half=half.reshape(-1, 2)[order].astype(np.int32),
        root=trees.root[order],
        flip=trees.flip[order],
        points=points.reshape(windows[0].phases * windows[1].phases, -1).astype(np.int32),
        folds=windows[0].folds + windows[1].folds,
        out=images[job.writes],
    )


def _planes(image: Image, channels: int) -> IntArray:
    """The first word of each channel; -1 where it has none."""
    first = np.full(channels, -1, np.int64)
    first[image.channel] = image.first + np.arange(len(image.channel)) * image.plane
    return first
