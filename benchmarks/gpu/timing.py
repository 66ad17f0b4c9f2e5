"""Timing on a GPU, by its own events."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Final

import torch

DEVICE: Final = "cuda" if torch.cuda.is_available() else "cpu"


def seconds(function: Callable[[], object], rounds: int = 15) -> float | None:
    """Median seconds of a call that the GPU works on, after two others; None without one, where it is called once."""
    if DEVICE == "cpu":
        function()
        return None
    taken = []
    for _ in range(rounds + 2):
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        function()
        stop.record()
        torch.cuda.synchronize()
        taken.append(start.elapsed_time(stop) / 1e3)
    return statistics.median(taken[2:])


def alone(function: Callable[[], object]) -> float | None:
    """Median seconds of a short kernel with nothing of it in the caches; None without a GPU."""
    if DEVICE == "cpu":
        function()
        return None
    from triton.testing import do_bench

    function()
    torch.cuda.synchronize()
    return float(do_bench(function, warmup=3, rep=20, return_mode="median")) / 1e3
