"""From image layers to stages over rows of samples: where the signals of their images lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lgn_edge.forms.images.images import Image, Images, Places, Stage
from lgn_edge.forms.images.jobs import Job, Jobs, jobs_of
from lgn_edge.network import Network
from lgn_edge.network.convolution import Pair
from lgn_edge.passes.kernel_tables import BoolArray


def lay_out(network: Network, layers: Sequence[int], live: BoolArray) -> Images:
    """Plan image layers as stages; channels that nobody reads are left out.

    Args:
        network: its kernels as `smallest_trees` leaves them.
        layers: what `image_layers` names.
        live: bool, which bits of the encoder, then which outputs of each of the layers, somebody else reads.
    """
    needed = jobs_of(network, layers, live)
    images = _images(needed)
    row = np.concatenate(
        [images[s].rows() if s in images else np.full(network.widths[s], -1) for s in needed.shapes]
    ).astype(np.int32)
    return Images(
        layers=tuple(layers),
        stages=tuple(_stage(job, images) for job in needed.jobs),
        n_rows=sum(image.size for image in images.values()),
        input_bit=needed.input_bit,
        input_row=row[needed.input_bit],
        row=row,
    )


def _images(needed: Jobs) -> dict[int, Image]:
    """Images one behind the other; those of one size have the same padding, so that a layer can read several."""
    padding: dict[Pair, Pair] = {}
    for job in needed.jobs:
        size = needed.shapes[job.reads[0]][1:]
        rows, columns = padding.get(size, (0, 0))
        padding[size] = (max(rows, job.padding[0]), max(columns, job.padding[1]))
    images: dict[int, Image] = {}
    first = 0
    for source, channels in needed.channels.items():
        _, height, width = needed.shapes[source]
        plane = np.where(channels, np.cumsum(channels) - 1, -1).astype(np.int32)
        images[source] = Image(first, plane, height, width, padding.get((height, width), (0, 0)))
        first += images[source].size
    return images


def _stage(job: Job, images: Mapping[int, Image]) -> Stage:
    pitch, out = images[job.reads[0]].pitch, images[job.writes]
    plane = np.concatenate([images[s].row(np.arange(len(images[s].channel)), 0, 0) for s in job.reads])
    corner = job.padding[0] * pitch + job.padding[1]
    channel, y, x = np.moveaxis(job.kernels.cell, 3, 0)
    tap = (plane[channel] + y * pitch + x - corner).astype(np.int32)
    return Stage(_places(job, pitch, out), job.kernels.trees, tap, out.row(job.kernels.channel, 0, 0))


def _places(job: Job, pitch: int, out: Image) -> Places:
    step = (job.step[0] * pitch, job.step[1])
    y, x = np.indices(job.window, np.int32)
    return Places(
        shape=(out.height, out.width),
        step=(job.stride[0] * step[0], job.stride[1] * step[1]),
        window=(y * step[0] + x * step[1]).reshape(-1),
        pitch=out.pitch,
    )
