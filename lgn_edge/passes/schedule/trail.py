"""An order of gates that lets signals die early: trails through the graph of what is read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lgn_edge.passes.rewrite import BoolArray, IntArray, stable_order

_MAX_READERS = 3  # a trail does not pass a signal with more readers at its level; fewest slots among 2, 3 and all


def trail_order(level: IntArray, a: IntArray, b: IntArray, kept: BoolArray) -> NDArray[np.int64]:
    """Permutation int64[G] of the gates: level by level, inside a level along trails, best trails first.

    The gates of a level are edges between the signals they read. The edges at a signal with two or three readers are
    paired off in the order they stand; walking from an edge to its partner at its other end makes paths and cycles that
    use every edge once. On a trail a signal is read by two gates in a row, so one read by no other gate dies at once
    and its slot takes the result.

    A reading earns 1 / (readings of that signal at that level), or 0 if the signal lives on after the level. Trails
    that earn more a gate come first: they free slots, the others only take them.

    Args:
        level: int[G], level of each gate; a gate reads signals of lower levels.
        a: int[G], first signal each gate reads.
        b: int[G], second signal.
        kept: bool[n_signals], the signals that live to the end.

    Cost: O(gates * log(longest trail)).
    """
    by_level = stable_order(level)
    level = level[by_level]
    # Half-edge 2 * g enters gate g by its first input, 2 * g + 1 by its second: every walk is taken in both directions.
    source = np.stack([a[by_level], b[by_level]], axis=1).ravel()
    partner, earning = _pair_readings(source, np.repeat(level, 2), kept)
    trail, distance = _list_ranks(partner.reshape(-1, 2)[:, ::-1].ravel())
    trail, distance = trail.reshape(-1, 2), distance.reshape(-1, 2)
    # Either direction holds the whole trail: take the one with the smaller name.
    side = np.argmin(trail, axis=1)[:, None]
    name, rank = np.take_along_axis(trail, side, 1)[:, 0], np.take_along_axis(distance, side, 1)[:, 0]
    walk = np.argsort(name << 32 | rank)

    first = np.flatnonzero(np.diff(name[walk], prepend=-1))
    length = np.diff(first, append=len(walk))
    earned = np.add.reduceat(earning.reshape(-1, 2).sum(axis=1)[walk], first) / length if len(walk) else first
    best = stable_order(np.rint((2 - earned) * 1_000_000))
    best = best[stable_order(level[walk[first[best]]])]
    position = np.repeat(first[best] - np.cumsum(length[best]) + length[best], length[best]) + np.arange(len(walk))
    return by_level[walk[position]]


def _pair_readings(
    source: IntArray, level: IntArray, kept: BoolArray
) -> tuple[NDArray[np.int64], NDArray[np.floating[Any]]]:
    """Of each half-edge: its partner at the signal it reads, -1 without one, and what the reading earns."""
    order = stable_order(source)  # a signal's readings together, and there by level
    source, level = source[order], level[order]
    index = np.arange(len(order))
    starts = np.ones(len(order), np.bool_)
    starts[1:] = (source[1:] != source[:-1]) | (level[1:] != level[:-1])
    first = np.flatnonzero(starts)
    readers = np.diff(first, append=len(order))
    rank = index - np.repeat(first, readers)
    last = np.diff(source[first], append=-1) != 0
    earns = np.where(last & ~kept[source[first]], 1 / readers, 0)

    second = np.flatnonzero((rank % 2 == 1) & np.repeat(readers <= _MAX_READERS, readers))
    partner = np.full(len(order), -1, np.int64)
    partner[order[second]] = order[second - 1]
    partner[order[second - 1]] = order[second]
    earning = np.empty(len(order))
    earning[order] = np.repeat(earns, readers)
    return partner, earning


def _list_ranks(following: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Name each list, and how far each element is from where its list ends, by pointer jumping.

    Args:
        following: int64[n], the next element, -1 at the end of a list; a list may also be a cycle.

    Returns:
        name and distance, int64[n]: of a list its last element; of a cycle its smallest, where it is taken to end.
    """
    element = np.arange(len(following))
    end = following < 0
    jump = np.where(end, element, following)
    # The best end seen so far: real ends before all others, then the smaller name, then the shorter distance.
    name = np.where(end, element, element + len(following))
    best = name << 32
    step = 1
    while True:
        better = np.minimum(best, best[jump] + step)
        if np.array_equal(better, best):
            break
        best, jump, step = better, jump[jump], 2 * step
    name = best >> 32
    return np.where(name < len(following), name, name - len(following)), best & 0xFFFF_FFFF
