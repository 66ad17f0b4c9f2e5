"""This machine: which compiled code it runs."""

from __future__ import annotations

import platform
import re
from pathlib import Path
from typing import Final

from lgn_edge.errors import UnsupportedError

# The micro-architecture levels of the psABI, the lowest first: what one adds to the level before it, by Linux's names.
X86_LEVELS: Final = {
    "x86-64-v2": frozenset({"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"}),
    "x86-64-v3": frozenset({"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"}),
    "x86-64-v4": frozenset({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
}
_ARCHITECTURES: Final = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


def architecture() -> str:
    """The processor's architecture, "x86_64" or "aarch64".

    Raises:
        UnsupportedError: not Linux on one of them.
    """
    found = _ARCHITECTURES.get(platform.machine().lower())
    if platform.system() != "Linux" or found is None:
        raise UnsupportedError(
            f"code for this machine itself is not supported on {_this()};"
            " use Linux on x86-64 or aarch64, or build for another target"
        )
    return found


def runs_here(triple: str) -> bool:
    """Whether this machine runs hosted code for LLVM's platform `triple`."""
    try:
        return triple == f"{architecture()}-unknown-linux-gnu"
    except UnsupportedError:
        return False


def require_here(triple: str) -> None:
    """Make sure that this machine runs hosted code for `triple`.

    Raises:
        UnsupportedError: it does not.
    """
    if not runs_here(triple):
        raise UnsupportedError(
            f"code for {triple} cannot run on {_this()};"
            " copy the artifact to a machine of its kind, or build for native"
        )


def x86_level() -> str:
    """LLVM's name of the highest level that this x86-64 processor has with all levels below it."""
    flags, found = cpu_flags(), "x86-64"
    for level, added in X86_LEVELS.items():
        if not added <= flags:
            break
        found = level
    return found


def cpu_flags() -> set[str]:
    """Features of this processor by Linux's names; empty where Linux does not tell."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return set()
    found = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return set(found.group(1).split()) if found else set()


def _this() -> str:
    return f"{platform.system()} {platform.machine()}"
