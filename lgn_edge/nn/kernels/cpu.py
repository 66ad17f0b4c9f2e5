"""The kernels of `cpu.c` on this machine: compiled once by the ziglang wheel, kept in the user's cache folder."""

from __future__ import annotations

import ctypes
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

from torch import Tensor

from lgn_edge.errors import InputError, LgnError
from lgn_edge.files import atomic_path
from lgn_edge.targets import toolchain
from lgn_edge.targets.host import native

_SOURCE: Final = Path(__file__).with_name("cpu.c")
_M_TRIM_THRESHOLD: Final = -1  # of malloc.h
_M_MMAP_THRESHOLD: Final = -3
_switched_off = False


@cache
def missing() -> str | None:
    """Why there are no compiled kernels here, or None; layers then compute with torch, to the same definition."""
    try:
        _library()
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
    getattr(_library(), name)(*map(_argument, arguments))


def _argument(value: int | Tensor | None) -> ctypes.c_size_t | ctypes.c_void_p:
    if isinstance(value, int):
        return ctypes.c_size_t(value)
    if value is None:
        return ctypes.c_void_p()
    assert value.is_contiguous()
    return ctypes.c_void_p(value.data_ptr())


@cache
def _library() -> ctypes.CDLL:
    reason = toolchain.missing()
    if reason:
        raise InputError(reason)
    machine = _machine()
    key = repr((_SOURCE.read_bytes(), machine, version("ziglang")))
    path = _cache_folder() / f"cpu-{hashlib.sha256(key.encode()).hexdigest()[:16]}.so"
    if not path.exists():
        _compile(machine, path)
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise InputError(f"{path} cannot be loaded ({error}); delete it, so that it is compiled again") from error


def _machine() -> toolchain.Machine:
    """This machine with the best vector instructions it has, at their full width."""
    target = native()
    flags = ("-mprefer-vector-width=512",) if target.family == "x86-64" else ()
    cpu = target.levels[0].cpu.replace("-", "_")  # as zig spells it
    return replace(target.machine, cpu=cpu, flags=(*target.machine.flags, *flags))


def _cache_folder() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lgn-edge" / "kernels"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"compiled kernels cannot be kept in {folder} ({(error.strerror or str(error)).lower()});"
            " set XDG_CACHE_HOME to a folder that can be written"
        ) from error
    return folder


def _compile(machine: toolchain.Machine, path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, atomic_path(path) as library:
        compiled = Path(folder) / "cpu.o"
        toolchain.compile_c(_SOURCE, compiled, machine, optimize="-O3")
        toolchain.link_shared([compiled], library)
