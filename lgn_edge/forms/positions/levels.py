"""Kernels as gates of two words, level by level: fewer kinds of loops than halves have, and a little more to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from lgn_edge.forms.images.trees import HALVES
from lgn_edge.forms.positions.program import Stage
from lgn_edge.network.layers import Int32Array

COPY: Final = -1  # the operation of a quarter that is one leaf
_NONE: Final = -2
# the operations of each kind of half: of the first two leaves, of the last two, and of both
_OPERATIONS: Final = np.array([((ops or (COPY,)) + (_NONE,) * 3)[:3] for ops in HALVES], np.int32)


@dataclass(frozen=True)
class Levels:
    """The gates of a stage, their values one behind the other: those of quarters, then those of halves.

    Attributes:
        quarter: int32[Q, 3], an operation, ascending, and the words that it reads at the first point.
        half: int32[H, 3], an operation, ascending, and the two quarters.
        root: int32[K, 2], the values that the root of each kernel reads.
    """

    quarter: Int32Array
    half: Int32Array
    root: Int32Array

    @property
    def n_gates(self) -> int:
        """Gates, those of roots included."""
        return self.n_values + len(self.root)

    @property
    def n_values(self) -> int:
        """Values, of each point."""
        return len(self.quarter) + len(self.half)


def levels_of(stage: Stage) -> Levels:
    """The gates of a stage, each once."""
    first, second, above = _OPERATIONS[stage.kind].T
    whole = above >= 0
    left = np.stack([first, stage.tap[:, 0], np.where(first == COPY, stage.tap[:, 0], stage.tap[:, 1])], axis=1)
    right = np.concatenate([second[:, None], stage.tap[:, 2:]], axis=1)[whole]
    quarter, of = np.unique(np.concatenate([left, right]), axis=0, return_inverse=True)
    pair = np.stack([above[whole], of.reshape(-1)[: len(left)][whole], of.reshape(-1)[len(left) :]], axis=1)
    half, of_half = np.unique(pair, axis=0, return_inverse=True)
    value = of.reshape(-1)[: len(left)].copy()
    value[whole] = len(quarter) + of_half.reshape(-1)
    return Levels(quarter.astype(np.int32), half.astype(np.int32), value[stage.half].astype(np.int32))
