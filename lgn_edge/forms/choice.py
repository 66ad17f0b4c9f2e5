"""The plan of an artifact: its stages in the forms that cost least, by what the result shall be best at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lgn_edge.errors import InputError, UnsupportedError
from lgn_edge.forms.form import Form, Part, Task, stages
from lgn_edge.forms.prediction import Cost
from lgn_edge.forms.registry import FORMS
from lgn_edge.forms.rows.few import Convolutions
from lgn_edge.forms.straight.form import Straight, StraightPart
from lgn_edge.forms.table.form import Table, TablePart
from lgn_edge.forms.words.part import WordsPart
from lgn_edge.network import Circuit, Network
from lgn_edge.targets.target import Target

OPTIMIZE: Final = ("balanced", "speed", "size")


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
class Plan:
    """What an artifact runs, and why.

    Attributes:
        parts: in the order that data passes them; together they are all stages of the network.
        why: their forms were chosen, one sentence.
        predicted: the cost of each form that was looked at; None where nothing is known about the core.
    """

    parts: tuple[Part, ...]
    why: str
    predicted: Mapping[str, Cost | None]

    @property
    def form(self) -> str:
        """The forms of the parts, by their names."""
        return " + ".join(part.form for part in self.parts)


def plan(
    network: Network,
    circuit: Circuit,
    target: Target,
    optimize: str,
    budget: Budget,
    batch: int = 1,
    convolutions: Convolutions | None = None,
) -> Plan:
    """The best form that fits.

    "size" takes the fewest bytes of flash, "speed" the fewest instructions, "balanced" the smallest product of both.
    Where nothing is known about a core, the forms say themselves what they are good for.

    Args:
        network: what to run.
        circuit: its logic layers, simplified.
        target: the machine.
        optimize: one of OPTIMIZE.
        budget: what firmware may use.
        batch: samples that firmware takes at once where a call has so many (`check_batch`).
        convolutions: the image layers that stay what they are, in front of the circuit (`rows.split`).

    Raises:
        InputError: no form fits the budget; says what each would need. Or `optimize` is none of OPTIMIZE.
        UnsupportedError: no form runs the network's stages on the target.
    """
    if optimize not in OPTIMIZE:
        raise InputError(f"cannot optimize for {optimize!r}; choose one of {', '.join(OPTIMIZE)}")
    if target.shape.lanes > 1 and str(budget):
        raise InputError(f"{target.name} has no limits of flash and RAM; --flash and --ram are for firmware")
    task = Task(network, circuit, target, optimize, convolutions)
    able = [form for form in FORMS if batch == 1 or isinstance(form, Table | Straight)]  # words go beside these
    forms = {form.name: form for form in able if form.stages == stages(network) and form.serves(task)}
    if not forms:
        raise UnsupportedError(f"no form runs {', '.join(stages(network))} on {target.name}; build for another target")
    parts = {name: _with_words(form.plan(task), batch) for name, form in forms.items()}
    predicted = {name: part.cost() for name, part in parts.items()}
    name, why = _choose(network.name, target, optimize, budget, forms, predicted)
    part = parts[name]
    return Plan((part,), f"{part.form}: {part.why or why}", predicted)


def _with_words(part: Part, batch: int) -> Part:
    """The part, and words of samples beside it where they are asked for."""
    if batch == 1:
        return part
    assert isinstance(part, TablePart | StraightPart), "check_batch lets words of samples to machines without rows only"
    return WordsPart(part)


def _choose(
    name: str,
    target: Target,
    optimize: str,
    budget: Budget,
    forms: Mapping[str, Form],
    predicted: Mapping[str, Cost | None],
) -> tuple[str, str]:
    """The name of the best form, and why it is that."""
    known = {form: cost for form, cost in predicted.items() if cost is not None}
    if known.keys() != forms.keys():
        apt = [form for form in forms if optimize in forms[form].unpredicted]
        reason = f"for {optimize}" if len(forms) > 1 else "the only one that was considered"
        unknown = [form for form in forms if form not in known]
        of = f"for {' and '.join(unknown)} on" if known else "for"
        return (apt or list(forms))[0], f"{reason}; no costs are predicted {of} {target.name}"
    fitting = {form: cost for form, cost in known.items() if budget.holds(cost)}
    if not fitting:
        raise _too_large(name, target, budget, known)

    def rank(form: str) -> float:
        cost = fitting[form]
        instructions = cost.instructions or cost.flash
        return {"size": cost.flash, "speed": instructions, "balanced": cost.flash * instructions}[optimize]

    others = [form for form in known if form not in fitting]
    reason = f"best for {optimize}" if len(fitting) > 1 else "the only one that was considered"
    if others:
        reason = f"{' and '.join(others)} would not fit {budget}"
    return min(fitting, key=rank), f"{reason}; predicted {_needs(known)}"


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
        raise _too_large(name, target, budget, {form: measured})


def _too_large(name: str, target: Target, budget: Budget, costs: Mapping[str, Cost]) -> InputError:
    return InputError(
        f"{name} does not fit {target.name} with {budget}: {_needs(costs)};"
        " train a smaller network, or take a larger part"
    )


def _needs(costs: Mapping[str, Cost]) -> str:
    texts = []
    for form, cost in costs.items():
        work = f", {cost.instructions:,} instructions" if cost.instructions is not None else ""
        texts.append(f"{form} needs {cost.flash:,} bytes of flash, {cost.ram:,} of RAM{work}")
    return "; ".join(texts)
