"""Which form of a program a device gets: by what it shall be best at, and by what it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lgn_edge.artifact.device import STRAIGHT, TABLE, DeviceProgram, device_program
from lgn_edge.artifact.prediction import Cost, predict
from lgn_edge.errors import InputError
from lgn_edge.network import Circuit, Network
from lgn_edge.targets.target import Target

OPTIMIZE: Final = ("balanced", "speed", "size")
# gates, and outputs; beyond, straight-line code is not looked at
_LARGEST_STRAIGHT: Final = {"speed": 10_000, "balanced": 4_000, "size": 1_000}


@dataclass(frozen=True)
class Budget:
    """What the firmware may use of a device.

    Attributes:
        flash: bytes of code and constants; None without a limit.
        ram: bytes of workspace and stack; None without a limit.
    """

    flash: int | None = None
    ram: int | None = None

    def holds(self, cost: Cost) -> bool:
        """Whether something with that cost fits."""
        return cost.flash <= (self.flash or cost.flash) and cost.ram <= (self.ram or cost.ram)

    def __str__(self) -> str:
        parts = [f"{size:,} bytes of {name}" for name, size in (("flash", self.flash), ("RAM", self.ram)) if size]
        return " and ".join(parts)


@dataclass(frozen=True)
class Choice:
    """A form, and why it was chosen.

    Attributes:
        program: in that form.
        why: one sentence.
        predicted: the cost of each form that was looked at; None where nothing is known about the core.
    """

    program: DeviceProgram
    why: str
    predicted: Mapping[str, Cost | None]


def choose(network: Network, circuit: Circuit, target: Target, optimize: str, budget: Budget, batch: int = 1) -> Choice:
    """The best form that fits.

    "size" takes the fewest bytes of flash, "speed" the fewest instructions, "balanced" the smallest product of both.
    Where nothing is known about a core, "speed" is straight-line code and the others are tables.

    Raises:
        InputError: no form fits the budget; says what each would need. Or `optimize` is none of OPTIMIZE.
    """
    if optimize not in OPTIMIZE:
        raise InputError(f"cannot optimize for {optimize!r}; choose one of {', '.join(OPTIMIZE)}")
    programs = {TABLE: device_program(network, circuit, TABLE, target.core, batch)}
    if max(circuit.n_gates, len(circuit.outputs)) <= _LARGEST_STRAIGHT[optimize]:
        programs[STRAIGHT] = device_program(network, circuit, STRAIGHT, target.core, batch)
    predicted = {form: predict(program, network, target) for form, program in programs.items()}
    known = {form: cost for form, cost in predicted.items() if cost is not None}
    fitting = {form: cost for form, cost in known.items() if budget.holds(cost)}
    if known.keys() == programs.keys() and not fitting:
        raise InputError(
            f"{network.name} does not fit {target.name} with {budget}: {_needs(known)};"
            " train a smaller network, or take a larger part"
        )
    if known.keys() != programs.keys():
        form = STRAIGHT if optimize == "speed" and STRAIGHT in programs else TABLE
        why = f"{form}: for {optimize}; this core has no prediction"
        return Choice(programs[form], why, predicted)

    def rank(form: str) -> float:
        cost = fitting[form]
        instructions = cost.instructions or cost.flash
        return {"size": cost.flash, "speed": instructions, "balanced": cost.flash * instructions}[optimize]

    form = min(fitting, key=rank)
    others = [other for other in known if other not in fitting]
    reason = f"best for {optimize}" if len(fitting) > 1 else "the only one that was considered"
    if others:
        reason = f"{' and '.join(others)} would not fit {budget}"
    return Choice(programs[form], f"{form}: {reason}; predicted {_needs(known)}", predicted)


def check_batch(batch: int, target: Target) -> None:
    """Make sure that a machine can take so many samples at once.

    Raises:
        InputError: it cannot; says what it can.
    """
    word = 1 if target.shape.lanes > 1 else target.shape.word_bits
    if batch not in (1, word):
        can = "its rows are as they are; leave out --batch" if word == 1 else f"choose 1 or {word}"
        raise InputError(f"{target.name} cannot take {batch} samples at once; {can}")


def check_budget(name: str, target: Target, form: str, measured: Cost, budget: Budget) -> None:
    """Make sure that what was measured fits.

    Raises:
        InputError: it does not; says by how much.
    """
    if not budget.holds(measured):
        raise InputError(
            f"{name} does not fit {target.name} with {budget}: {_needs({form: measured})};"
            " train a smaller network, or take a larger part"
        )


def _needs(costs: Mapping[str, Cost]) -> str:
    texts = []
    for form, cost in costs.items():
        work = f", {cost.instructions:,} instructions" if cost.instructions is not None else ""
        texts.append(f"{form} needs {cost.flash:,} bytes of flash, {cost.ram:,} of RAM{work}")
    return "; ".join(texts)
