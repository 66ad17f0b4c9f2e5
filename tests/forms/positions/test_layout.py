"""How many steps it takes to OR lanes in a row."""

from __future__ import annotations

from functools import reduce

import pytest

from lgn_edge.forms.positions.layout import _doubled


@pytest.mark.parametrize("count", range(1, 20))
def test_so_many_lanes_in_a_row_are_ored(count: int) -> None:
    lanes = reduce(lambda word, up: word | word << up, _doubled(count), 1)
    assert lanes == 2**count - 1
    assert len(_doubled(count)) == (count - 1).bit_length()
