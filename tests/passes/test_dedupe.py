import numpy as np
import pytest
from hypothesis import given

from lgn_edge.errors import UnsupportedError
from lgn_edge.network.truth_table import A_AND_NOT_B, AND, NAND, NOT_A_AND_B, OR, XOR
from lgn_edge.passes.dedupe import dedupe
from lgn_edge.passes.push_complements import push_complements
from tests.passes.claims import assert_same_function, circuit, gates, outputs
from tests.strategies import circuits


def test_either_order_of_inputs():
    c = circuit(2, [(AND, 0, 1), (AND, 1, 0), (A_AND_NOT_B, 0, 1), (NOT_A_AND_B, 1, 0)], [2, 3, 4, ~5])
    assert (gates(dedupe(c)), outputs(dedupe(c))) == ([(AND, 0, 1), (A_AND_NOT_B, 0, 1)], [2, 2, 3, ~3])


def test_merged_inputs_make_readers_equal():
    c = circuit(3, [(AND, 0, 1), (AND, 1, 0), (XOR, 3, 2), (XOR, 2, 4), (OR, 5, 6)], [7])
    assert gates(dedupe(c)) == [(AND, 0, 1), (XOR, 3, 2), (OR, 4, 4)]


def test_complements_after_push():
    c = circuit(2, [(AND, 0, 1), (NAND, 0, 1)], [2, 3])
    assert dedupe(c) is c
    merged = dedupe(push_complements(c))
    assert (gates(merged), outputs(merged)) == ([(AND, 0, 1)], [2, ~2])


def test_kept():
    """Equal functions of different structure, asymmetric gates the other way round."""
    c = circuit(2, [(A_AND_NOT_B, 0, 1), (A_AND_NOT_B, 1, 0), (OR, 2, 3), (XOR, 0, 1)], [4, 5])
    assert dedupe(c) is c


def test_twin_chains():
    n = 3000
    rows = [(AND, 0, 1), (AND, 1, 0)]
    rows += [(XOR if g // 2 % 3 else AND, g, 0) for g in range(2, 2 * n)]  # gate g reads the one two before it
    c = circuit(2, rows, [2 * n, 2 * n + 1])
    assert dedupe(c).n_gates == n


def test_too_large():
    class Huge:
        n_signals = 2**30 + 1

    with pytest.raises(UnsupportedError, match="1073741825 signals; it handles 1073741824 at most"):
        dedupe(Huge())


@given(circuits())
def test_random(c):
    merged = dedupe(c)
    assert_same_function(c, merged)
    swapped = np.array([sum((t >> s & 1) << d for s, d in ((3, 3), (2, 1), (1, 2), (0, 0))) for t in range(16)])
    written = {min((t, a, b), (int(swapped[t]), b, a)) for t, a, b in gates(merged)}
    assert len(written) == merged.n_gates
    assert dedupe(merged) is merged
