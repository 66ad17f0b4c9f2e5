"""The kernels of `gpu_programs` on a GPU: whether they can run, and how they are launched."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import torch
from torch import Tensor

GATES: Final = 4  # of a tile; with 128 samples, a few registers a thread for each of four sums
SAMPLES: Final = 128
WORDS: Final = 32
CANDIDATES: Final = 16
PAIRS: Final = 128  # of an output of a tree and a sample: one a thread
LOOKUP_SAMPLES: Final = 64  # beside up to 64 corners


@cache
def missing() -> str | None:
    """Why there are no kernels for a GPU here, or None; layers then compute with torch, to the same definition."""
    if find_spec("triton") is None:
        return "Triton is not installed; pip install triton, which comes with torch's builds for GPUs"
    return None


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]  # it looks for files, which compile to nothing
def usable(device_type: str) -> bool:
    """Whether tensors of a device ("cpu", "cuda") can go through the kernels."""
    return device_type == "cuda" and missing() is None


def tiles(count: int, size: int) -> int:
    """How many tiles of a size cover so many; at least one, as no launch may be empty."""
    return max(1, -(-count // size))


def launch(name: str, grid: tuple[int, ...], *arguments: float | Tensor, **sizes: str | int | tuple[int, ...]) -> None:
    """Run a program of `gpu_programs` on a grid, on the device of its arguments."""
    ready = [each.contiguous() if isinstance(each, Tensor) else each for each in arguments]
    programs: Any = import_module("lgn_edge.nn.kernels.gpu_programs")
    device = next(each.device for each in ready if isinstance(each, Tensor))
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():  # Triton asks which is the current one
        getattr(programs, name)[grid](*ready, **sizes)
