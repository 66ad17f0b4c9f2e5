"""The form of small machines for image layers that shall be fast: words of positions, an expression a gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lgn_edge.forms.form import Task
from lgn_edge.forms.one_sample.sources import Code
from lgn_edge.forms.positions.form import PositionsPart, planned
from lgn_edge.forms.positions_straight.cost import positions_straight_cost
from lgn_edge.forms.positions_straight.functions import n_reads
from lgn_edge.forms.prediction import Cost

POSITIONS_STRAIGHT: Final = "positions_straight"
# words that the code of all kernels reads; beyond, it is not looked at
_LARGEST: Final = {"speed": 40_000, "balanced": 20_000, "size": 4_000}
_REGISTER_BITS: Final = 32


@dataclass(frozen=True)
class PositionsStraightPart(PositionsPart):
    """A network as `Positions`, whose kernels are code, and a `Tape` of the gates behind them."""

    form: str = POSITIONS_STRAIGHT

    @property
    def n_values(self) -> int:
        """None: the values of a kernel are in registers."""
        return 0

    def cost(self) -> Cost | None:
        """By the rates of the core."""
        return positions_straight_cost(
            self.positions, self.slots, self.tape, self.network, self.input_bit, self.target, self.memory.bytes
        )

    def image_code(self, prefix: str) -> Code:
        """A function for some kernels each, and the one that calls them."""
        from lgn_edge.forms.one_sample.classify import KEEP
        from lgn_edge.forms.positions_straight.kernels import MACROS, convolve_straight

        return Code(convolve_straight(self.positions, prefix), (KEEP, MACROS), ())


@dataclass(frozen=True)
class PositionsStraight:
    """Words of positions, and straight-line code (`forms.form.Form`)."""

    name: str = POSITIONS_STRAIGHT
    stages: tuple[str, ...] = ("encode", "gates", "head")
    unpredicted: tuple[str, ...] = ("speed",)

    def serves(self, task: Task) -> bool:
        """As words of positions do, where a register holds one, while the code stays small enough for its aim."""
        part = planned(PositionsStraightPart, task)
        if part is None or task.target.core.register_bits < _REGISTER_BITS:
            return False
        return sum(n_reads(stage) for stage in part.positions.stages) <= _LARGEST[task.optimize]

    def plan(self, task: Task) -> PositionsStraightPart:
        """The stages of the image layers, and the tape of the others."""
        part = planned(PositionsStraightPart, task)
        assert part is not None, "serves() has looked"
        return part
