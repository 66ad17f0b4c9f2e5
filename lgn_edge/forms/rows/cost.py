"""How long image layers take, as convolutions and as single gates: what decides which of them they become."""

from __future__ import annotations

from typing import Final

import numpy as np

from lgn_edge.forms.images.images import Images
from lgn_edge.forms.images.trees import ROOTS, SMALL
from lgn_edge.forms.positions.levels import levels_of
from lgn_edge.forms.positions.program import Positions

# Nanoseconds for a row of 512 samples, of benchmarks/convolution.py on one core with AVX2; only their ratio matters.
_KERNEL: Final = 50.0  # of a kernel, whatever its places
_PLACE: Final = (2.0, 3.2, 5.2)  # of a place of a kernel: at most two leaves, one half, two halves
_NEAR_GATE, _FAR_GATE = 1.0, 2.4  # of a gate in the program of single gates: its rows in the first cache, or behind it
_NEAR: Final = 20_000  # gates whose rows are near
_PACKED: Final = 13.0  # of a bit that is encoded
# Nanoseconds for one sample: of a gate at a point, a halo, a bit that is encoded, and one that goes into a row.
_VALUE, _HALO, _PACKED_ONE, _PUT = 0.77, 0.33, 0.16, 1.2


def stages_ns(images: Images) -> float:
    """Of all stages, for one block."""
    total = 0.0
    for stage in images.stages:
        alone = stage.trees.root == ROOTS.index(-1)
        kind = np.where(alone, np.where(stage.trees.half[:, 0] < SMALL, 0, 1), 2)
        total += len(kind) * _KERNEL + float(np.array(_PLACE)[kind].sum()) * stage.places.n_read
    return total


def pack_ns(bits: int) -> float:
    """Of encoding so many bits, for one block."""
    return bits * _PACKED


def one_ns(positions: Positions, read: int) -> float:
    """Of encoding and all stages as words of positions, for one sample of which gates read so many bits."""
    images = positions.images.values()
    halos = sum(len(image.halos()) * len(image.channel) for image in images)
    values = sum(levels_of(stage).n_values * stage.points.size for stage in positions.stages)
    return values * _VALUE + halos * _HALO + len(positions.input_bit) * _PACKED_ONE + read * _PUT


def gates_ns(gates: float) -> float:
    """Of a program of single gates, for one block."""
    return gates * (_NEAR_GATE if gates <= _NEAR else _FAR_GATE)
