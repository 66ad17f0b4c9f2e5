"""Finding the library: in the package, or in the user's cache, where it is built first when it must."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

from lgn_edge import toolchain
from lgn_edge.deploy_files import deploy_folder
from lgn_edge.errors import MissingProgramError, UnsupportedError
from lgn_edge.host import runs_here
from lgn_edge.native import cached_library
from lgn_edge.onnx_library.folder import PLAN_SOURCE, prebuilt_path, sources_folder
from lgn_edge.targets.aarch64 import AARCH64
from lgn_edge.targets.target import Target
from lgn_edge.targets.x86_64 import X86_64

TARGETS: Final = (X86_64, AARCH64[0])
_PACKAGES: Final = ("apache-tvm", "ziglang")


@cache
def onnx_library_path() -> Path:
    """The shared library to give to ONNX Runtime's `SessionOptions.register_custom_ops_library`.

    A wheel of this project's own build carries it. Elsewhere it is built on first use, in about half a minute, and kept
    in the user's cache folder until something changes that it is made from.

    Raises:
        MissingProgramError: it must be built, and the C toolchain is not installed.
        UnsupportedError: not Linux on x86-64 or aarch64.
        InputError: the cache folder cannot be written.
    """
    return library_for(library_target())


def library_for(target: Target) -> Path:
    """As `onnx_library_path`, for the target of a machine that may be another one."""
    prebuilt = prebuilt_path(target.name)
    if prebuilt.is_file():
        return prebuilt
    reason = toolchain.missing()
    if reason:
        raise MissingProgramError(f"the ONNX Runtime library must be built first, which needs a compiler: {reason}")

    def build(output: Path) -> None:
        from lgn_edge.onnx_library.build import build_library  # which imports TVM

        build_library(target, output)

    return cached_library("onnxruntime", (target, _ingredients(), [(p, version(p)) for p in _PACKAGES]), build)


def library_target() -> Target:
    """What the library is built for on this machine: every processor of its architecture.

    Raises:
        UnsupportedError: not Linux on x86-64 or aarch64.
    """
    for target in TARGETS:
        if runs_here(target.triple):
            return target
    raise UnsupportedError("the ONNX Runtime library runs on Linux, on x86-64 and aarch64; use plain ONNX Runtime")


def _ingredients() -> list[tuple[str, bytes]]:
    """Every file that the library is made from or by."""
    package = PLAN_SOURCE.parents[2]
    files = [
        *sources_folder().iterdir(),
        *(deploy_folder() / "artifact").glob("levels_*"),
        *(package / "kernels").glob("*.py"),
        *(package / "forms" / "rows").iterdir(),
        *(package / "targets" / f"{name}.py" for name in ("compile", "target", "x86_64", "aarch64")),
        package / "toolchain.py",
        *Path(__file__).parent.glob("*.py"),
    ]
    return [(path.name, path.read_bytes()) for path in sorted(files)]
