"""Whether firmware can be executed here."""

from __future__ import annotations

import importlib.util
from typing import Final

from lgn_edge.errors import MissingProgramError
from lgn_edge.programs import missing_program

_PACKAGES = {"unicorn": "unicorn", "elftools": "pyelftools", "capstone": "capstone", "wasmtime": "wasmtime"}
_WASM = ("wasmtime",)
# the program that executes a core that unicorn lacks
PROGRAMS: Final = {
    "cortex-m55": "qemu-system-arm",
    "qemu-riscv32": "qemu-riscv32",
    "atmega328p": "simavr",
    "atmega2560": "simavr",
}


def emulator(core: str) -> str | None:
    """The program or package that executes a core; None for sources, which run where they are compiled."""
    if core == "source":
        return None
    return core if core in _WASM else PROGRAMS.get(core, "unicorn")


def available(core: str = "") -> str | None:
    """Why nothing, or not this core, can be emulated here, or None; imports nothing of the packages."""
    if core == "source":
        return "sources run where they are compiled"
    needed = [module for module in _PACKAGES if (module in _WASM) == (core in _WASM)]
    missing = [_PACKAGES[module] for module in needed if importlib.util.find_spec(module) is None]
    if missing:
        return _reason(*missing)
    return missing_program(PROGRAMS[core]) if core in PROGRAMS else None


def unreadable() -> str | None:
    """Why a linked image cannot be read here, executed or not, or None."""
    return None if importlib.util.find_spec("elftools") else _reason(_PACKAGES["elftools"])


def require(module: str) -> None:
    """Make sure that `module` can be imported.

    Raises:
        MissingProgramError: it is not installed.
    """
    if importlib.util.find_spec(module) is None:
        raise MissingProgramError(_reason(_PACKAGES[module]))


def _reason(*packages: str) -> str:
    return f"not installed: {' and '.join(packages)}; pip install 'lgn-edge[emulate]'"
