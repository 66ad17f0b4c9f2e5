"""What the planes of an image compare: steps from position to position, not a number for each."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.forms.positions.grid import Axis, Grid
from lgn_edge.forms.positions.pack import planes_of
from lgn_edge.forms.positions.program import Image
from lgn_edge.kernels.encoding import comparisons
from lgn_edge.network import Threshold
from lgn_edge.nn.edges import EdgeRecipe


@given(st.integers(2, 9), st.integers(2, 9), st.integers(1, 3), st.integers(0, 2**31))
def test_edges_look_beside_their_position(rows: int, columns: int, planes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels, plane = rows * columns, int(rng.integers(planes))
    plus, minus = EdgeRecipe(levels=1, plane=plane).channels(planes * pixels, (rows, columns))
    level = np.repeat(rng.integers(0, 255, planes + 4), pixels).astype(np.float32)
    feature = np.concatenate([np.arange(planes * pixels), plus.reshape(-1)])
    subtracted = np.concatenate([np.full(planes * pixels, -1), minus.reshape(-1)])
    bits = comparisons(Threshold(planes * pixels, feature, level, "uint8", subtracted), np.arange(len(level)))
    image = Image(0, np.arange(planes + 4), Grid(Axis(rows, 1, 32), Axis(columns, 1, 32)), (0, 1), (0, 1))
    found = planes_of(bits, image)
    assert found is not None
    assert found.step == (columns, 1)
    assert found.first.tolist() == [*range(0, planes * pixels, pixels), *[plane * pixels] * 4]
    assert found.beside == ((0, 0),) * planes + ((0, 1), (0, -1), (1, 0), (-1, 0))
    ends = [(0, planes), *((i, i + 1) for i in range(planes, planes + 4))]
    assert found.runs() == list(zip(((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)), ends, strict=True))
    feature[-1] = (feature[-1] + 1) % pixels  # one position that looks elsewhere
    other = comparisons(Threshold(planes * pixels, feature, level, "uint8", subtracted), np.arange(len(level)))
    assert planes_of(other, image) is None
