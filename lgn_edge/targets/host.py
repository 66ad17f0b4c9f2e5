"""This machine: which code it runs, and the target with the best vector instructions it has."""

from __future__ import annotations

import platform
import re
from dataclasses import replace
from pathlib import Path

from lgn_edge.errors import UnsupportedError
from lgn_edge.targets.aarch64 import AARCH64
from lgn_edge.targets.target import Level, Target
from lgn_edge.targets.x86_64 import LEVEL_FLAGS, X86_64

_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


def native() -> Target:
    """The target for this machine.

    Raises:
        UnsupportedError: not Linux on x86-64 or aarch64.
    """
    if runs_here(X86_64.triple):
        level = _x86_level()
        return replace(X86_64, name="native", description=f"this machine ({level.cpu})", levels=(level,))
    if runs_here(AARCH64[0].triple):
        return replace(AARCH64[0], name="native", description="this machine (aarch64)", execution="host")
    raise UnsupportedError(
        f"target native is not supported on {_this()}; build on Linux (x86-64 or aarch64), or build for another target"
    )


def runs_here(triple: str) -> bool:
    """Whether this machine runs hosted code for LLVM's platform `triple`."""
    architecture = _ARCHITECTURES.get(platform.machine().lower())
    return platform.system() == "Linux" and triple == f"{architecture}-unknown-linux-gnu"


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


def _this() -> str:
    return f"{platform.system()} {platform.machine()}"


def _x86_level() -> Level:
    """The highest level that this machine has with all levels below it, without a suffix as it is the only one."""
    flags = _cpu_flags()
    found = Level("x86-64")
    for level in X86_64.levels:
        if not LEVEL_FLAGS[level.cpu] <= flags:
            break
        found = replace(level, suffix="")
    return found


def _cpu_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return set()
    found = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return set(found.group(1).split()) if found else set()
