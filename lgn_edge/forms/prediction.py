"""What a part of a network will cost, before anything is compiled: how units and rates become flash, RAM, instructions.

Each form counts its own units and keeps its own rates, beside the kernels that they are of (`table/cost.py`,
`straight/cost.py`, `words/cost.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lgn_edge.targets.target import Target

_ARMV7_M: Final = ("cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
_KINDS: Final = {
    **dict.fromkeys(("cortex-m0", "cortex-m0plus"), "armv6-m"),
    **dict.fromkeys(_ARMV7_M, "armv7-m"),
    **dict.fromkeys(("riscv32", "qemu-riscv32"), "rv32"),
}


@dataclass(frozen=True)
class Cost:
    """Predicted or measured needs of one call for one sample.

    Attributes:
        flash: bytes of code and constants.
        ram: bytes of workspace and stack.
        instructions: executed; None where they were to be measured and no emulator counts them.
    """

    flash: int
    ram: int
    instructions: int | None

    def __add__(self, other: Cost) -> Cost:
        """The cost of both, one after the other, in one workspace with one stack: the larger of them."""
        both = (self.instructions, other.instructions)
        instructions = None if None in both else sum(filter(None, both))
        return Cost(self.flash + other.flash, max(self.ram, other.ram), instructions)


@dataclass(frozen=True)
class Rates:
    """What each unit of a program costs on a kind of core; a unit that is not named costs nothing.

    Attributes:
        flash: bytes.
        instructions: executed for one sample.
        stack: bytes.
    """

    flash: Mapping[str, float]
    instructions: Mapping[str, float]
    stack: Mapping[str, float]

    def cost(self, units: Mapping[str, int], workspace: int) -> Cost:
        """The cost of a program with so many of each unit and so many bytes of workspace."""
        return Cost(
            flash=_total(self.flash, units),
            ram=workspace + _total(self.stack, units),
            instructions=_total(self.instructions, units),
        )


def core_kind(target: Target) -> str:
    """Cores of a kind run the same code: "armv6-m", "armv7-m", "rv32"; "" where nothing is known."""
    return _KINDS.get(target.execution, "")


def _total(rates: Mapping[str, float], units: Mapping[str, int]) -> int:
    return round(sum(rate * units.get(name, 0) for name, rate in rates.items()))
