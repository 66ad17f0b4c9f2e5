"""The kernels of `cpu.c` on this machine."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from torch import Tensor

from lgn_edge.errors import LgnError
from lgn_edge.native import native_library

_SOURCE: Final = Path(__file__).with_name("cpu.c")
_M_TRIM_THRESHOLD: Final = -1  # of malloc.h
_M_MMAP_THRESHOLD: Final = -3
_switched_off = False


@cache
def missing() -> str | None:
    """Why there are no compiled kernels here, or None; layers then compute with torch, to the same definition."""
    try:
        native_library(_SOURCE)
    except LgnError as error:
        return str(error)
    return None


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


def call(name: str, *arguments: int | Tensor | None) -> None:
    """Call a function of `cpu.c`: sizes as they are, contiguous tensors by their memory, None as NULL."""
    getattr(native_library(_SOURCE), name)(*map(_argument, arguments))


def _argument(value: int | Tensor | None) -> ctypes.c_size_t | ctypes.c_void_p:
    if isinstance(value, int):
        return ctypes.c_size_t(value)
    if value is None:
        return ctypes.c_void_p()
    assert value.is_contiguous()
    return ctypes.c_void_p(value.data_ptr())
