"""The words that kernels of positions work in."""

from __future__ import annotations

from lgn_edge.forms.positions.program import Positions
from lgn_edge.kernels.tir import Parameter


def memory(positions: Positions) -> Parameter:
    """The words of all images, and behind them what a stage keeps for its roots."""
    return Parameter("memory", positions.word, 1)
