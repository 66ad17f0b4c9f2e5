"""Kernels as gates of two words, level by level: fewer kinds of loops than halves have, and a little more to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from lgn_edge.forms.images.trees import HALVES, ROOTS
from lgn_edge.forms.positions.program import Stage
from lgn_edge.network.layers import Int32Array
from lgn_edge.passes.kernel_tables import IntArray

COPY: Final = -1  # the operation of a quarter that is one leaf
_NONE: Final = -2
# the operations of each kind of half: of the first two leaves, of the last two, and of both
_OPERATIONS: Final = np.array([((ops or (COPY,)) + (_NONE,) * 3)[:3] for ops in HALVES], np.int32)


@dataclass(frozen=True)
class Levels:
    """The gates of a stage, their values one behind the other: those of quarters, of halves, of roots.

    Attributes:
        quarter: int32[Q, 3], an operation, ascending, and the words that it reads at the first point.
        half: int32[H, 3], an operation, ascending, and the values that it reads.
        root: int32[R, 3], likewise.
        kernel: int32[K], the value of each kernel.
    """

    quarter: Int32Array
    half: Int32Array
    root: Int32Array
    kernel: Int32Array

    @property
    def n_values(self) -> int:
        """Values, of each point."""
        return len(self.quarter) + len(self.half) + len(self.root)


def levels_of(stage: Stage) -> Levels:
    """The gates of a stage, each once."""
    first, second, above = _OPERATIONS[stage.kind].T
    left = np.stack([first, stage.tap[:, 0], np.where(first == COPY, stage.tap[:, 0], stage.tap[:, 1])], axis=1)
    right = np.concatenate([second[:, None], stage.tap[:, 2:]], axis=1)
    right = np.where((above >= 0)[:, None], right, left)
    quarter, of = np.unique(np.stack([left, right], axis=1).reshape(-1, 3), axis=0, return_inverse=True)
    half, value = _gates(above, of.reshape(-1, 2), len(quarter))
    root, kernel = _gates(np.array(ROOTS)[stage.root], value[stage.half], len(quarter) + len(half))
    arrays = (np.asarray(array, np.int32) for array in (quarter, half, root, kernel))
    return Levels(*arrays)


def _gates(operation: IntArray, read: IntArray, first: int) -> tuple[IntArray, IntArray]:
    """Distinct gates [n, 3] of two values [k, 2], and the value of each; without an operation it is the first one."""
    is_gate = operation >= 0
    named = np.concatenate([operation[:, None], read], axis=1)
    gate, of = np.unique(named[is_gate], axis=0, return_inverse=True)
    value = read[:, 0].copy()
    value[is_gate] = first + of.reshape(-1)
    return gate, value
