"""The kernels of `cpu.c` and `trees.c` on this machine."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from lgn_edge.errors import LgnError
from lgn_edge.native import native_library

_GATES_SOURCE, _TREES_SOURCE = (Path(__file__).with_name(name) for name in ("cpu.c", "trees.c"))
_M_TRIM_THRESHOLD: Final = -1  # of malloc.h
_M_MMAP_THRESHOLD: Final = -3
_switched_off = False


@cache
def missing() -> str | None:
    """Why there are no compiled kernels here, or None; layers then compute with torch, to the same definition."""
    try:
        for source in (_GATES_SOURCE, _TREES_SOURCE):
            native_library(source)
    except LgnError as error:
        return str(error)
    return None


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]  # it looks for files, which compile to nothing
def usable(device_type: str) -> bool:
    """Whether tensors of a device ("cpu", "cuda") can go through the kernels."""
    return device_type == "cpu" and not _switched_off and missing() is None


@contextmanager
def switched_off() -> Iterator[None]:
    """Within the block everything is computed by torch."""
    global _switched_off
    before, _switched_off = _switched_off, True
    try:
        yield
    finally:
        _switched_off = before


def keep_memory() -> None:
    """Ask the C library to keep freed memory for the next step, for the rest of the process (glibc; nothing elsewhere).

    Otherwise it gives every large tensor back to the system, and taking it again costs a page fault for each 4 KiB: a
    third of a training step.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD):
            mallopt(option, 2**30)


class _Memory:
    """The memory of a contiguous tensor as an argument of C; None as NULL."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def from_param(self, tensor: Tensor | None) -> ctypes.c_void_p:
        if tensor is None:
            return ctypes.c_void_p()
        if tensor.dtype != self.dtype or not tensor.is_cpu:
            raise TypeError(f"a tensor is {tensor.dtype} on {tensor.device}; the kernel reads contiguous {self.dtype}")
        return ctypes.c_void_p(tensor.data_ptr())


class _Sizes:
    """A list of sizes as a struct of C that holds nothing else."""

    @staticmethod
    def from_param(sizes: Sequence[int]) -> ctypes.Array[ctypes.c_size_t]:
        return (ctypes.c_size_t * len(sizes))(*sizes)


_SIZE: Final = ctypes.c_size_t
_BYTES, _WORDS, _INDICES = _Memory(torch.bool), _Memory(torch.int16), _Memory(torch.int32)
_FLOATS, _LONG = _Memory(torch.float32), _Memory(torch.int64)
_GATES: Final = (_SIZE, _SIZE, _SIZE, _FLOATS, _INDICES, _INDICES, _FLOATS)
_LOOKUP: Final = (_SIZE, _SIZE, _SIZE, _SIZE, _FLOATS, _INDICES, _FLOATS)

_TREES: Final = (_Sizes, _SIZE)

# As in `trees.c`.
_TREES_ARGUMENTS: Final = {
    "lgn_trees_bits_forward": (*_TREES, _WORDS, _INDICES, _FLOATS, _WORDS),
    "lgn_trees_bits_backward": (
        *(*_TREES, _WORDS, _INDICES, _FLOATS, _FLOATS, _FLOATS, _FLOATS),
        *(_SIZE, _INDICES, _FLOATS),
    ),
    "lgn_trees_forward": (*_TREES, _FLOATS, _INDICES, _FLOATS, _FLOATS),
    "lgn_trees_backward": (*_TREES, _FLOATS, _INDICES, _FLOATS, _FLOATS, _FLOATS, _FLOATS),
}

# As in `cpu.c`.
_GATES_ARGUMENTS: Final = {
    "lgn_pack": (_SIZE, _SIZE, _SIZE, _BYTES, _WORDS),
    "lgn_unpack": (_SIZE, _SIZE, _WORDS, _FLOATS),
    "lgn_bits_forward": (_SIZE, _SIZE, _WORDS, _INDICES, _INDICES, _FLOATS, _WORDS),
    "lgn_bits_backward": (_SIZE, _SIZE, _SIZE, _WORDS, _INDICES, _INDICES, _FLOATS, _FLOATS, _FLOATS, _FLOATS),
    "lgn_bits_choice": (_SIZE, _SIZE, _SIZE, _WORDS, _INDICES, _INDICES, _FLOATS, _INDICES, _FLOATS, _FLOATS),
    "lgn_forward": (*_GATES, _FLOATS),
    "lgn_backward": (*_GATES, _FLOATS, _FLOATS, _FLOATS),
    "lgn_lookup_forward": (*_LOOKUP, _FLOATS),
    "lgn_lookup_backward": (*_LOOKUP, _FLOATS, _FLOATS, _FLOATS),
    "lgn_argmax": (_SIZE, _SIZE, _FLOATS, _LONG),
    "lgn_count": (_SIZE, _SIZE, _SIZE, _WORDS, _FLOATS),
}


@cache
def _function(name: str) -> Any:
    trees = name in _TREES_ARGUMENTS
    function = getattr(native_library(_TREES_SOURCE if trees else _GATES_SOURCE), name)
    function.argtypes, function.restype = (_TREES_ARGUMENTS if trees else _GATES_ARGUMENTS)[name], None
    return function


def call(name: str, *arguments: int | Sequence[int] | Tensor | None) -> None:
    """Call a function of the kernels: sizes as they are, tensors by their memory, None as NULL.

    Raises:
        ctypes.ArgumentError: a tensor has another type than the function reads.
    """
    _function(name)(*[each.contiguous() if isinstance(each, Tensor) else each for each in arguments])
