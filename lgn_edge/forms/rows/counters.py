"""Vertical counters: plane p of a class holds bit p of the count of every sample (Harley and Seal)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.rows.schedule import TREE
from lgn_edge.kernels.shape import Shape
from lgn_edge.kernels.tir import Buffer, Expr, Integers, as_index, constant, repeat, row, store_row

_LEVELS: Final = TREE.bit_length() - 1  # a tree of full adders reaches that many planes; the others take its carry


def counter_planes(group: int) -> int:
    """Planes a class needs to count up to `group`."""
    return max(_LEVELS, group.bit_length())


def flips(shape: Shape) -> Integers:
    """What complements the last n of 16 rows: element n + i is all ones where row i is among them."""
    return np.repeat(np.array([0, 2**shape.word_bits - 1], shape.word), TREE)


def add_tree(slots: Buffer, read: Callable[[int], Expr], counter: Expr, n_planes: int | Expr, shape: Shape) -> None:
    """Count 16 rows.

    The rows and the four lowest planes go through full adders (Hacker's Delight, section 5-1), which leave one carry
    for the upper planes.

    Args:
        slots: where the planes of the class are rows from `counter` on.
        read: gives row i.
        counter: the lowest plane.
        n_planes: of the class.
        shape: the machine's row.
    """
    lanes = shape.lanes
    low = [T.Bind(row(slots, counter + plane, lanes)) for plane in range(_LEVELS)]
    rows = iter(range(TREE))

    def carry(level: int) -> Expr:
        """A row of weight 2**level, from 2**level rows and the planes below it."""
        if level == 0:
            return T.Bind(read(next(rows)))
        a, b = carry(level - 1), carry(level - 1)
        c = low[level - 1]
        differ = T.Bind(a ^ b)
        low[level - 1] = T.Bind(differ ^ c)
        return T.Bind(a ^ (differ & (a ^ c)))  # the majority; with a ternary instruction that chooses, one more

    upper = carry(_LEVELS)
    for plane in range(_LEVELS):
        store_row(slots, counter + plane, lanes, low[plane])

    def add(plane: Expr, upper: Expr) -> Expr:
        old = T.Bind(row(slots, counter + plane, lanes))
        store_row(slots, counter + plane, lanes, old ^ upper)
        return T.Bind(old & upper)

    repeat(n_planes, _LEVELS, upper, add, shape.word, lanes)


def clear_counters(slots: Buffer, first: int | Expr, planes: int | Expr, shape: Shape) -> None:
    """Set `planes` rows from `first` on to zeros."""
    with T.serial(0, planes) as plane:
        store_row(slots, first + plane, shape.lanes, constant(0, shape.word, shape.lanes))


def set_counters(
    slots: Buffer, first: int | Expr, classes: int | Expr, n_planes: int | Expr, base: Buffer, shape: Shape
) -> None:
    """Let each class begin with `base[class]` for every sample; its lowest plane is row `first + class * n_planes`."""
    with T.serial(0, classes) as c, T.serial(0, n_planes) as plane:
        is_one = ((as_index(base[c]) >> plane) & 1) == 1
        word = tirx.Select(is_one, constant(2**shape.word_bits - 1, shape.word), constant(0, shape.word))
        store_row(slots, first + c * n_planes + plane, shape.lanes, tirx.Broadcast(word, shape.lanes))
