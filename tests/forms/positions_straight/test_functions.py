"""Which functions straight-line code has, and from where it reads."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.forms.positions_straight import functions
from lgn_edge.forms.positions_straight.functions import REACH, begins, functions_of, n_reads
from tests.forms.positions_straight.test_kernels import positions_of
from tests.forms.rows.test_convolve import network_of


@given(st.sets(st.integers(0, 300)), st.integers(0, REACH))
def test_pointers_reach_all_words(words: set[int], span: int) -> None:
    found = begins(sorted(words), span)
    for word in words:
        assert any(begin <= word <= begin + REACH - span for begin in found)
    assert all(b > a + REACH - span for a, b in pairwise(found)), "no more of them than it takes"


@pytest.mark.parametrize("longest", [1, 40, 400])
def test_functions_have_all_kernels_and_no_more_than_they_may(longest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "_LONGEST", longest)
    for stage in positions_of(network_of("cells of four", 0.5)).stages:
        found = list(functions_of(stage))
        assert [tree.number for of in found for tree in of.trees] == list(range(len(stage.root)))
        reads = [[tree.leaves * stage.points.shape[1] for tree in of.trees] for of in found]
        assert all(sum(of) <= longest or len(of) == 1 for of in reads)
        assert all(sum(a) + b[0] > longest for a, b in pairwise(reads))
        assert sum(map(sum, reads)) == n_reads(stage)
