"""The C of this package, compiled on first use for this machine, and kept in the user's cache folder."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

from lgn_edge import toolchain
from lgn_edge.errors import InputError, MissingProgramError
from lgn_edge.files import atomic_path, cache_folder, scratch_folder
from lgn_edge.host import architecture, x86_level


@cache
def native_library(source: Path) -> ctypes.CDLL:
    """The shared library of one C99 file that calls nothing, with the best vector instructions this machine has.

    It is compiled by the ziglang wheel the first time, and found again by what went into it, headers beside
    it included.

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
        with scratch_folder() as folder:
            compiled = folder / "compiled.o"
            toolchain.compile_c(source, compiled, machine, optimize="-O3")
            toolchain.link_shared([compiled], library)

    headers = [header.read_bytes() for header in sorted(source.parent.glob("*.h"))]
    path = cached_library(source.stem, (source.read_bytes(), headers, machine, version("ziglang")), build)
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise InputError(f"{path} cannot be loaded ({error}); delete it, so that it is compiled again") from error


def cached_library(stem: str, ingredients: object, build: Callable[[Path], None]) -> Path:
    """The library STEM in the user's cache folder, built there when it has not been from the same ingredients.

    Args:
        stem: of the file's name.
        ingredients: all that the result depends on; its `repr` is what counts.
        build: writes the library to the path it is given. Where several processes need it, one builds and all wait.

    Raises:
        InputError: the cache folder cannot be written.
    """
    path = cached_path(stem, ingredients)
    if not path.exists():
        with _alone(path.with_name(f"{stem}.lock")):
            if not path.exists():
                with atomic_path(path) as library:
                    build(library)
    return path


def cached_path(stem: str, ingredients: object) -> Path:
    """Where `cached_library` keeps what is built from these ingredients, whether it is there or not."""
    return cache_folder("native") / f"{stem}-{hashlib.sha256(repr(ingredients).encode()).hexdigest()[:16]}.so"


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock that ends with the process at the latest; the file stays."""
    import fcntl  # which Linux has; nothing is compiled for other systems

    try:
        file = path.open("ab")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; set XDG_CACHE_HOME to another folder") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _machine() -> toolchain.Machine:
    """This machine with the best vector instructions that it has."""
    linux = toolchain.LINUX[architecture()]
    if architecture() == "aarch64":
        return replace(linux, cpu="generic")
    cpu = x86_level().replace("-", "_")  # as zig spells it
    return replace(linux, cpu=cpu, flags=(*linux.flags, "-mprefer-vector-width=512"))
