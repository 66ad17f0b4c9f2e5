"""Whether firmware can be executed here."""

from __future__ import annotations

import importlib.util
import shutil

from lgn_edge.errors import MissingProgramError

_PACKAGES = {"unicorn": "unicorn", "elftools": "pyelftools", "capstone": "capstone", "wasmtime": "wasmtime"}
_WASM = ("wasmtime",)
# for cores that unicorn lacks, the program that executes them, and Debian's package of it
_PROGRAMS = {
    "cortex-m55": ("qemu-system-arm", "qemu-system-arm"),
    "qemu-riscv32": ("qemu-riscv32", "qemu-user"),
    "atmega328p": ("simavr", "simavr"),
    "atmega2560": ("simavr", "simavr"),
}


def emulator(core: str) -> str | None:
    """The program or package that executes a core; None for sources, which run where they are compiled."""
    if core == "source":
        return None
    return core if core in _WASM else _PROGRAMS.get(core, ("unicorn", ""))[0]


def available(core: str = "") -> str | None:
    """Why nothing, or not this core, can be emulated here, or None; imports nothing of the packages."""
    if core == "source":
        return "sources run where they are compiled"
    needed = [module for module in _PACKAGES if (module in _WASM) == (core in _WASM)]
    missing = [_PACKAGES[module] for module in needed if importlib.util.find_spec(module) is None]
    if missing:
        return _reason(*missing)
    program, package = _PROGRAMS.get(core, ("", ""))
    if program and shutil.which(program) is None:
        return f"{program} is not installed: apt-get install {package}"
    return None


def require(module: str) -> None:
    """Make sure that `module` can be imported.

    Raises:
        MissingProgramError: it is not installed.
    """
    if importlib.util.find_spec(module) is None:
        raise MissingProgramError(_reason(_PACKAGES[module]))


def _reason(*packages: str) -> str:
    return f"not installed: {' and '.join(packages)}; pip install 'lgn-edge[emulate]'"
