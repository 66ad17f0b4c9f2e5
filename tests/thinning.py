"""Few of many combinations in the quick run, all of them in the full one."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

exhaustive = pytest.mark.exhaustive  # left out by `make test`, run by `make test-full`


def combinations(*axes: Mapping[str, Any] | Sequence[str]) -> list[Any]:
    """Every combination of values, for `pytest.mark.parametrize`; all but a few are exhaustive.

    The quick run has one for each value of the longest axis, while the others turn like an odometer.
    """
    named = [dict(axis) if isinstance(axis, Mapping) else {name: name for name in axis} for axis in axes]
    lengths = [len(axis) for axis in named]
    longest = lengths.index(max(lengths))
    quick = {_at(turn, lengths, longest) for turn in range(lengths[longest])}
    return [
        pytest.param(
            *(list(axis.values())[i] for axis, i in zip(named, at, strict=True)),
            id="-".join(list(axis)[i] for axis, i in zip(named, at, strict=True)),
            marks=[] if at in quick else [exhaustive],
        )
        for at in itertools.product(*map(range, lengths))
    ]


def few(values: Mapping[str, Any] | Sequence[str], *quick: str) -> list[Any]:
    """Values by their names, for `pytest.mark.parametrize`; all but those named `quick` are exhaustive."""
    named = values if isinstance(values, Mapping) else {name: name for name in values}
    return [pytest.param(value, id=name, marks=[] if name in quick else [exhaustive]) for name, value in named.items()]


def _at(turn: int, lengths: list[int], longest: int) -> tuple[int, ...]:
    rest, at = turn, []
    for axis, length in enumerate(lengths):
        if axis == longest:
            at.append(turn)
        else:
            rest, digit = divmod(rest, length)
            at.append(digit)
    return tuple(at)
