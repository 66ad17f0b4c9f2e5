"""Programs that come with no wheel, such as emulators and other compilers: the one place that looks for them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

HIDE_VARIABLE: Final = "LGN_EDGE_NO_PROGRAMS"  # set: none of them is found, as on a machine that has none
# The package of Debian, where its name is another.
_PACKAGES: Final = {
    "arm-none-eabi-gcc": "gcc-arm-none-eabi",
    "avr-gcc": "gcc-avr",
    "node": "nodejs",
    "qemu-aarch64": "qemu-user",
    "qemu-riscv32": "qemu-user",
    "qemu-riscv64": "qemu-user",
    "qemu-system-riscv32": "qemu-system-misc",
}


def find_program(name: str, folder: Path | None = None) -> str | None:
    """The path of a program, in `folder` or on the PATH; None where it is not installed, or hidden."""
    if programs_hidden():
        return None
    return (shutil.which(name, path=str(folder)) if folder else None) or shutil.which(name)


def missing_program(name: str, folder: Path | None = None) -> str | None:
    """Why a program cannot be run here and how to get it, or None."""
    if find_program(name, folder):
        return None
    if programs_hidden():
        return f"{name} is not looked for, as {HIDE_VARIABLE} is set"
    return f"{name} is not installed: apt-get install {_PACKAGES.get(name, name)}"


def programs_hidden() -> bool:
    """Whether programs are hidden: the tests are run as on a bare machine."""
    return os.environ.get(HIDE_VARIABLE, "") not in ("", "0")
