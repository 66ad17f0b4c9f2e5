"""The kernels of `gpu_programs` on a GPU: whether they can run, and how they are launched."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

CANDIDATES: Final = 64  # of a program at most; with 128 samples 64 sums a thread
PAIRS: Final = 128  # of an output of a tree and a sample: one a thread
LOOKUP_SAMPLES: Final = 64  # beside up to 64 corners


class Tile(NamedTuple):
    """What a program works on at once. Sums are added in an order that follows from it, so it is never searched for.

    Attributes:
        gates: rows; a program of one warp has one.
        samples: of a row.
    """

    gates: int
    samples: int


def tile(rows: torch.dtype, batch: int) -> Tile:
    """The tile of rows of numbers: a lane of the GPU takes 16 bytes of a row at once, where the batch has that many."""
    if batch <= 32:
        return Tile(16, 32)
    if rows.itemsize == 2:
        return Tile(4, 256) if batch > 128 else Tile(8, 128)
    return Tile(4, 128)


def word_tile(words: int) -> Tile:
    """The tile of rows of packed words: 128 of them, of more gates where a row has few."""
    columns = min(32, power_of_two(words))
    return Tile(128 // columns, columns)


def power_of_two(least: int) -> int:
    """The first power of two that is not less."""
    return 1 << max(0, least - 1).bit_length()


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
