"""An order of gates in which neighbours read a common signal: trails through the graph of what is read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lgn_edge.passes.rewrite import IntArray, stable_order


def trail_order(level: IntArray, a: IntArray, b: IntArray) -> NDArray[np.int64]:
    """Permutation int64[G] of the gates: level by level, inside a level along trails.

    The gates of a level are edges between the signals they read. The edges at a signal are paired off in the order they
    stand; walking from an edge to its partner at its other end makes paths and cycles that use every edge once. On a
    trail a signal is read by two gates in a row, so one read by no other gate dies at once and its slot takes the
    result.

    Every walk is taken in both directions at once, as half-edges: 2 * g enters gate g by its first input, 2 * g + 1 by
    its second. The position on the walk is the distance to its end, which pointer jumping finds for all walks together
    (for a cycle, the distance to its smallest half-edge).

    Args:
        level: int[G], level of each gate.
        a: int[G], first signal each gate reads.
        b: int[G], second signal.

    Cost: O(gates * log(longest trail)).
    """
    by_level = stable_order(level)
    level = level[by_level]
    source = np.stack([a[by_level], b[by_level]], axis=1).ravel()
    following = _partners(source, np.repeat(level, 2)).reshape(-1, 2)[:, ::-1].ravel()
    trail, distance = _list_ranks(following)
    # both directions hold the whole trail: take the one with the smaller name
    trail, distance = trail.reshape(-1, 2), distance.reshape(-1, 2)
    backwards = trail[:, 1] < trail[:, 0]
    name = np.where(backwards, trail[:, 1], trail[:, 0])
    rank = np.where(backwards, distance[:, 1], distance[:, 0])
    return by_level[np.argsort(name << 32 | rank)]


def _partners(source: IntArray, level: IntArray) -> NDArray[np.int64]:
    """Half-edges paired off at each signal of each level: the partner of each, or -1 for one left over."""
    order = stable_order(source)  # a signal's half-edges together, and there by level
    source, level = source[order], level[order]
    index = np.arange(len(order))
    starts = np.ones(len(order), np.bool_)
    starts[1:] = (source[1:] != source[:-1]) | (level[1:] != level[:-1])
    rank = index - np.maximum.accumulate(np.where(starts, index, 0))
    second = np.flatnonzero(rank % 2 == 1)
    partner = np.full(len(order), -1, np.int64)
    partner[order[second]] = order[second - 1]
    partner[order[second - 1]] = order[second]
    return partner


def _list_ranks(following: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Name each list, and how far each element is from where its list ends.

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
