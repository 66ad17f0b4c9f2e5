"""This machine: 512 samples a row, with the best vector instructions it has."""

from __future__ import annotations

import platform
import re
from pathlib import Path

from lgn_edge.errors import UnsupportedError
from lgn_edge.kernels.shape import Shape
from lgn_edge.targets.target import Target
from lgn_edge.targets.toolchain import Machine

_ROW = Shape(word_bits=64, lanes=8)

# The x86-64 micro-architecture levels of the psABI, best first, by the flags that Linux names them with.
_X86_LEVELS = (
    ("x86-64-v4", {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
    ("x86-64-v3", {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"}),
    ("x86-64-v2", {"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"}),
)


def native() -> Target:
    """The target for this machine.

    Raises:
        UnsupportedError: not Linux on x86-64 or aarch64.
    """
    architecture = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}.get(
        platform.machine().lower()
    )
    if platform.system() != "Linux" or architecture is None:
        raise UnsupportedError(
            f"target native is not supported on {platform.system()} {platform.machine()};"
            " build on Linux (x86-64 or aarch64), or build for a microcontroller"
        )
    cpu = _x86_level() if architecture == "x86_64" else "generic"
    return Target(
        name="native",
        family="host",
        description=f"this machine ({cpu if architecture == 'x86_64' else architecture})",
        triple=f"{architecture}-unknown-linux-gnu",
        cpu=cpu,
        vector_bits=512 if cpu == "x86-64-v4" else 0,
        machine=Machine(f"{architecture}-linux-gnu.2.17", "", ("-fPIC",)),
        shape=_ROW,
        workspace_on_stack=64 * 1024,
        selftest_vectors=67,
        hosted=True,
    )


def _x86_level() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return "x86-64"
    found = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    flags = set(found.group(1).split()) if found else set()
    for i, (level, _) in enumerate(_X86_LEVELS):
        if all(needed <= flags for _, needed in _X86_LEVELS[i:]):
            return level
    return "x86-64"
