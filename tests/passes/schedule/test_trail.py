from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.passes.schedule.trail import trail_order


def kept(n_signals, *outputs):
    return np.isin(np.arange(n_signals), outputs)


def order(level, edges, outputs=()):
    a, b = np.array(edges, np.int32).reshape(-1, 2).T
    return trail_order(np.array(level, np.int32), a, b, kept(7, *outputs)).tolist()


def test_path():
    """2-0, 0-3, 3-1 however they stand."""
    path = order([1, 1, 1], [(3, 1), (2, 0), (0, 3)])
    assert path in ([0, 2, 1], [1, 2, 0])


def test_cycle():
    edges = [(0, 1), (2, 3), (1, 2), (3, 0)]
    walk = [set(edges[g]) for g in order([1] * 4, edges)]
    assert all(walk[i] & walk[i + 1] for i in range(3))


def test_levels_first():
    assert order([2, 1, 2], [(0, 1), (0, 1), (1, 0)])[0] == 1


def test_trails_that_free_slots_come_first():
    """Gate 0 frees one signal, gate 1 two, gate 2 none: 4 and 5 are outputs, 0 is read at the next level."""
    assert order([1, 1, 1, 2], [(1, 4), (2, 3), (0, 5), (0, 6)], outputs=[4, 5]) == [1, 0, 2, 3]


def test_self_loops_and_multiple_edges():
    assert sorted(order([1] * 5, [(0, 0), (0, 1), (0, 1), (0, 0), (1, 1)])) == [0, 1, 2, 3, 4]


def test_empty():
    assert order([], []) == []


@given(st.integers(0, 2**32 - 1), st.integers(1, 80), st.integers(1, 40), st.integers(1, 4))
def test_random(seed, n_gates, n_signals, n_levels):
    """A permutation, level by level."""
    rng = np.random.default_rng(seed)
    level = rng.integers(0, n_levels, n_gates)
    a, b = rng.integers(0, n_signals, (2, n_gates))
    result = trail_order(level, a, b, rng.random(n_signals) < 0.2)
    assert sorted(result.tolist()) == list(range(n_gates))
    assert (np.diff(level[result]) >= 0).all()


def test_fanout_two_is_one_cycle():
    """Gate g reads g and g + 1 around a ring, shuffled: neighbours always share an input."""
    n = 500
    ring = np.random.default_rng(0).permutation(n)
    a, b = ring, (ring + 1) % n
    walk = trail_order(np.ones(n, np.int32), a, b, kept(n))
    shared = [{a[g], b[g]} & {a[h], b[h]} for g, h in pairwise(walk)]
    assert all(shared)
