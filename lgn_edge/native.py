"""The C of this package, compiled on first use for this machine, and kept in the user's cache folder."""

from __future__ import annotations

import ctypes
import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

from lgn_edge import toolchain
from lgn_edge.errors import InputError, MissingProgramError
from lgn_edge.files import atomic_path, cache_folder
from lgn_edge.host import architecture, x86_level


@cache
def native_library(source: Path) -> ctypes.CDLL:
    """The shared library of one C99 file that calls nothing, with the best vector instructions this machine has.

    It is compiled by the ziglang wheel the first time, and found again by what went into it.

    Raises:
        MissingProgramError: the C toolchain is not installed.
        InputError: the cache folder cannot be written, or what lies there cannot be loaded.
        UnsupportedError: not Linux on x86-64 or aarch64.
    """
    reason = toolchain.missing()
    if reason:
        raise MissingProgramError(reason)
    machine = _machine()

    def build(library: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            compiled = Path(folder) / "compiled.o"
            toolchain.compile_c(source, compiled, machine, optimize="-O3")
            toolchain.link_shared([compiled], library)

    path = cached_library(source.stem, (source.read_bytes(), machine, version("ziglang")), build)
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise InputError(f"{path} cannot be loaded ({error}); delete it, so that it is compiled again") from error


def cached_library(stem: str, ingredients: object, build: Callable[[Path], None]) -> Path:
    """The library STEM in the user's cache folder, built there when it has not been from the same ingredients.

    Args:
        stem: of the file's name.
        ingredients: all that the result depends on; its `repr` is what counts.
        build: writes the library to the path it is given. Several processes may do so at once; one wins.

    Raises:
        InputError: the cache folder cannot be written.
    """
    name = f"{stem}-{hashlib.sha256(repr(ingredients).encode()).hexdigest()[:16]}.so"
    path = cache_folder("native") / name
    if not path.exists():
        with atomic_path(path) as library:
            build(library)
    return path


def _machine() -> toolchain.Machine:
    """This machine with the best vector instructions that it has."""
    linux = toolchain.LINUX[architecture()]
    if architecture() == "aarch64":
        return replace(linux, cpu="generic")
    cpu = x86_level().replace("-", "_")  # as zig spells it
    return replace(linux, cpu=cpu, flags=(*linux.flags, "-mprefer-vector-width=512"))
