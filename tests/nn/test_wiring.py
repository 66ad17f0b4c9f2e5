from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.errors import InputError
from lgn_edge.nn.wiring import wire


def draw(wiring: str, n_inputs: int, gates: int, seed: int, lanes: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    return wire(wiring, n_inputs, gates, lanes=lanes, generator=torch.Generator().manual_seed(seed))


def spread(n_inputs: int, *wires: torch.Tensor) -> int:
    uses = torch.bincount(torch.cat(wires).long(), minlength=n_inputs)
    return int(uses.max() - uses.min())


@given(st.integers(2, 40), st.integers(1, 200), st.integers(0, 2**31))
def test_random_uses_inputs_evenly_and_never_one_twice(n_inputs: int, gates: int, seed: int) -> None:
    a, b = draw("random", n_inputs, gates, seed)
    assert a.dtype == b.dtype == torch.int32
    assert len(a) == len(b) == gates
    assert (a != b).all()
    assert spread(n_inputs, a, b) <= 1


@given(st.integers(2, 25), st.data(), st.integers(0, 2**31))
def test_unique_has_no_pair_twice(n_inputs: int, data: st.DataObject, seed: int) -> None:
    gates = data.draw(st.integers(1, n_inputs * (n_inputs - 1) // 2))
    a, b = draw("unique", n_inputs, gates, seed)
    pairs = {frozenset(pair) for pair in zip(a.tolist(), b.tolist(), strict=True)}
    assert len(pairs) == gates
    assert all(len(pair) == 2 for pair in pairs)
    assert spread(n_inputs, a, b) <= 2


@given(st.integers(1, 6), st.integers(1, 9), st.sampled_from([1, 2, 8, 32]), st.integers(0, 2**31))
def test_aligned_is_a_word_and_a_rotated_word(words: int, rows: int, lanes: int, seed: int) -> None:
    a, b = (w.reshape(rows, lanes) for w in draw("aligned", words * lanes, rows * lanes, seed, lanes))
    lane = torch.arange(lanes)
    assert ((a % lanes) == lane).all()
    assert ((a // lanes) == (a // lanes)[:, :1]).all()
    assert ((b // lanes) == (b // lanes)[:, :1]).all()
    rotation = (b % lanes - lane) % lanes
    assert (rotation == rotation[:, :1]).all()
    assert words * lanes == 1 or lanes == 1 or (a != b).all()


def test_the_seed_decides() -> None:
    for wiring in ("random", "unique", "aligned"):
        first, again, other = (draw(wiring, 64, 96, seed) for seed in (1, 1, 2))
        assert torch.equal(first[0], again[0])
        assert torch.equal(first[1], again[1])
        assert not (torch.equal(first[0], other[0]) and torch.equal(first[1], other[1]))


def test_one_input() -> None:
    a, b = draw("random", 1, 5, 0)
    assert a.tolist() == b.tolist() == [0] * 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("unique", 4, 7, 0), "7 gates cannot read different pairs of 4 inputs.*at least 5 inputs"),
        (("aligned", 33, 64, 0), "inputs in words of 32 but has 33; choose a multiple such as 64"),
        (("aligned", 64, 33, 0), "gates in words of 32"),
        (("straight", 4, 4, 0), "'straight'"),
    ],
)
def test_refusals(arguments: tuple[str, int, int, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        draw(*arguments)
