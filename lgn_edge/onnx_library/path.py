"""Finding the library: in the package, or in the user's cache, where it is built first when it must."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

from lgn_edge import toolchain
from lgn_edge.deploy_files import deploy_folder
from lgn_edge.errors import MissingProgramError, UnsupportedError
from lgn_edge.host import runs_here
from lgn_edge.native import cached_library, cached_path
from lgn_edge.onnx_library.folder import PLAN_SOURCE, prebuilt_path, sources_folder
from lgn_edge.targets.aarch64 import AARCH64
from lgn_edge.targets.target import Target
from lgn_edge.targets.x86_64 import X86_64

TARGETS: Final = (X86_64, AARCH64[0])
_STEM: Final = "onnxruntime"
_OBJECTS: Final = ".objects"  # a folder beside the library while it is made, so that a stopped build goes on
_PACKAGES: Final = ("apache-tvm", "ziglang")


@cache
def onnx_library_path() -> Path:
    """The shared library to give to ONNX Runtime's `SessionOptions.register_custom_ops_library`.

    A wheel of this project's own build carries it. Elsewhere it is built on first use, which takes half a minute of a
    processor, and kept in the user's cache folder until something changes that it is made from. A build that was
    stopped goes on where it was.

    Raises:
        MissingProgramError: it must be built, and the C toolchain is not installed.
        UnsupportedError: not Linux on x86-64 or aarch64.
        InputError: the cache folder cannot be written.
    """
    return library_for(library_target())


def find_library(target: Target) -> Path | None:
    """The library for a target where it is in the package or has been built before, or None."""
    for path in (prebuilt_path(target.name), cached_path(_STEM, _ingredients(target))):
        if path.is_file():
            return path
    return None


def library_for(target: Target, progress: Callable[[int, int], None] = lambda done, jobs: None) -> Path:
    """As `onnx_library_path`, for the target of a machine that may be another one.

    Args:
        target: of that machine.
        progress: told how much of the building is done, and how much there is.
    """
    found = find_library(target)
    if found is not None:
        return found
    reason = toolchain.missing()
    if reason:
        raise MissingProgramError(f"the ONNX Runtime library must be built first, which needs a compiler: {reason}")

    ingredients = _ingredients(target)
    objects = cached_path(_STEM, ingredients).with_suffix(_OBJECTS)

    def build(output: Path) -> None:
        from lgn_edge.onnx_library.build import build_library  # which imports TVM

        for old in objects.parent.glob(f"{_STEM}-*{_OBJECTS}"):  # of other sources; only one process builds at a time
            if old != objects:
                shutil.rmtree(old, ignore_errors=True)
        objects.mkdir(exist_ok=True)
        build_library(target, output, progress, kept=objects)

    library = cached_library(_STEM, ingredients, build)
    shutil.rmtree(objects, ignore_errors=True)
    return library


def library_target() -> Target:
    """What the library is built for on this machine: every processor of its architecture.

    Raises:
        UnsupportedError: not Linux on x86-64 or aarch64.
    """
    for target in TARGETS:
        if runs_here(target.triple):
            return target
    raise UnsupportedError("the ONNX Runtime library runs on Linux, on x86-64 and aarch64; use plain ONNX Runtime")


def _ingredients(target: Target) -> tuple[object, ...]:
    """All that the library depends on: every file that it is made from or by, and the compilers."""
    package = PLAN_SOURCE.parents[2]
    files = [
        *sources_folder().glob("*.*"),
        *(deploy_folder() / "artifact").glob("levels_*"),
        *(package / "kernels").glob("*.py"),
        *(package / "forms" / "rows").glob("*.*"),  # schedule.c, too, but no folder of compiled Python
        *(package / "forms" / "images").glob("*.py"),
        package / "passes" / "push_complements.py",
        package / "network" / "truth_table.py",
        *(package / "targets" / f"{name}.py" for name in ("compile", "target", "x86_64", "aarch64")),
        package / "toolchain.py",
        *Path(__file__).parent.glob("*.py"),
    ]
    read = [(path.name, path.read_bytes()) for path in sorted(files)]
    return target, read, [(package, version(package)) for package in _PACKAGES]
