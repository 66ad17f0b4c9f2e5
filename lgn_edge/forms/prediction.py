"""What a device program will cost, before anything is compiled: flash, RAM and instructions of each form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from lgn_edge.forms.one_sample.device import STRAIGHT, TABLE, DeviceProgram, packs_by_four
from lgn_edge.forms.straight.register_program import Step
from lgn_edge.forms.table.tape import N_OPERATIONS, Tape
from lgn_edge.network import Network
from lgn_edge.targets.target import Target

SIZES: Final = (
    "one",
    "loops",
    "deep",
    "mixed",
    "large",
    "tables",
    "gates",
    "outputs",
    "fused",
    "reads",
    "writes",
    "far",
)
WORK: Final = (
    "one",
    "bits",
    "fast_bits",
    "gates",
    "fast_gates",
    "outputs",
    "fused",
    "reads",
    "far",
    "runs",
    "classes",
)
DEPTH: Final = ("one", "alive", "far")


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


@dataclass(frozen=True)
class Rates:
    """What each unit of a program costs on a core.

    Attributes:
        flash: bytes, one a name of SIZES.
        instructions: one a name of WORK.
        stack: bytes, one a name of DEPTH.
    """

    flash: tuple[float, ...]
    instructions: tuple[float, ...]
    stack: tuple[float, ...]


@dataclass(frozen=True)
class WordRates:
    """What taking words of samples costs on a core, in bytes.

    Attributes:
        code: of flash.
        loop: of flash for each loop over gates of one operation.
        large: of flash where loops take four gates at a time.
        stack: of RAM.
    """

    code: float
    loop: float
    large: float
    stack: float


_NEAR: Final = 250  # slots on the stack that a short load reaches

# Least squares over networks with uint8 inputs, built and executed on each core: seventeen of 30 to 8,000 gates for
# tables, fourteen of 30 to 1,800 for straight-line code. Errors of at most 8 % of flash and 10 % of instructions. The
# other Cortex-M run M4's code.
_RATES: Final = {
    ("armv6-m", TABLE): Rates(
        (360.2, 58.72, 197.2, 49.66, 546.6, 0.9938, 0, 0.3367, 0, 0, 0, 0),
        (0, 13.19, 11.5, 9.512, 8.2, 6.686, 0, 0, 0, 24.97, 0),
        (132.4, 0, 0),
    ),
    ("armv6-m", STRAIGHT): Rates(
        (267.4, 0, 0, 0, 0, 1.309, 2.625, 1.237, 0, 2.836, 0, 6.964),
        (43.69, 0, 9.44, 1.463, 0, 0.519, 0, 1.384, 2.147, 0, 13.41),
        (112, 0.08, 0.5),
    ),
    ("armv7-m", TABLE): Rates(
        (441.6, 57.65, 293.4, 81.64, 852.7, 0.9855, 0, 0.4359, 0, 0, 0, 0),
        (9.853, 9.355, 6.9, 7.845, 7.2, 6.256, 0, 0, 0, 16.16, 38.52),
        (91.59, 0, 0),
    ),
    ("armv7-m", STRAIGHT): Rates(
        (287.1, 0, 0, 0, 0, 1.476, 3.512, 2.136, 3.32, 2.265, 1.003, 2.603),
        (43.26, 0, 7.161, 1.223, 0, 0.4389, 0.5774, 1.462, 0, 0, 12.43),
        (107.9, 0.04866, 0),
    ),
    ("rv32", TABLE): Rates(
        (446.4, 85.86, 336.2, 103.5, 631.4, 1.006, 0, 0.518, 0, 0, 0, 0),
        (0, 9.94, 8.2, 11.81, 10.6, 7.476, 0, 0, 0, 2.817, 117.2),
        (81.4, 0, 0),
    ),
    ("rv32", STRAIGHT): Rates(
        (328.1, 0, 0, 0, 0, 1.365, 1.319, 2.127, 0, 8.251, 1.698, 3.247),
        (50.1, 0, 9.85, 1.498, 0, 0.3294, 0, 1.572, 0, 0, 16.3),
        (80.61, 0.07927, 0),
    ),
}
# The same of eight networks, what `batch` adds; errors of at most 3 % of the whole.
_WORDS: Final = {
    "armv6-m": WordRates(code=772, loop=145, large=1259, stack=190),
    "armv7-m": WordRates(code=780, loop=140, large=1290, stack=145),
    "rv32": WordRates(code=826, loop=160, large=1120, stack=132),
}
_ARMV7_M: Final = ("cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
_KINDS: Final = {
    **dict.fromkeys(("cortex-m0", "cortex-m0plus"), "armv6-m"),
    **dict.fromkeys(_ARMV7_M, "armv7-m"),
    **dict.fromkeys(("riscv32", "qemu-riscv32"), "rv32"),
}


def predict(program: DeviceProgram, network: Network, target: Target) -> Cost | None:
    """What a program will cost, or None for a core without rates."""
    kind = _KINDS.get(target.execution, "")
    rates = _RATES.get((kind, program.form))
    if rates is None:
        return None
    found = units(program, network)

    def total(names: tuple[str, ...], each: tuple[float, ...]) -> int:
        return round(sum(rate * found[name] for name, rate in zip(names, each, strict=True)))

    cost = Cost(
        flash=total(SIZES, rates.flash),
        ram=np.dtype(program.slot).itemsize * program.n_slots + total(DEPTH, rates.stack),
        instructions=total(WORK, rates.instructions),
    )
    return cost if program.batch == 1 else _with_words(cost, program, network, _WORDS[kind])


def _with_words(cost: Cost, program: DeviceProgram, network: Network, rates: WordRates) -> Cost:
    """The cost of a program that takes words of samples too; straight-line code brings the tape for them."""
    found = _tape_units(program.tape, network)
    flash = rates.code + rates.loop * found["loops"] + rates.large * found["large"]
    if program.steps is None:
        return replace(cost, flash=round(cost.flash + flash), ram=round(program.workspace_bytes + rates.stack))
    flash += found["tables"] + _encoder_bytes(program, network) * bool(program.complemented.any())
    return replace(cost, flash=round(cost.flash + flash), ram=program.workspace_bytes + cost.ram)


def units(program: DeviceProgram, network: Network) -> dict[str, int]:
    """How often a program has what rates are for."""
    bits = "fast_bits" if packs_by_four(program) else "bits"
    found = dict.fromkeys((*SIZES, *WORK, *DEPTH), 0)
    found |= {"one": 1, bits: program.tape.n_live_inputs, "classes": network.head.classes}
    found |= _tape_units(program.tape, network) if program.steps is None else _step_units(program)
    found["tables"] += _encoder_bytes(program, network)
    return found


def _encoder_bytes(program: DeviceProgram, network: Network) -> int:
    """Of the tables that packing reads."""
    from lgn_edge.forms.one_sample.encode import encoder_tables
    from lgn_edge.kernels.encoding import comparisons

    bits = comparisons(network.encoder, program.input_bit)
    return sum(values.nbytes for values in encoder_tables(bits, program.complemented).values())


def _tape_units(tape: Tape, network: Network) -> dict[str, int]:
    step = 2 if int(tape.step.max(initial=0)) > 255 else 1
    b = 1 if tape.n_slots <= 256 else 2
    runs, fast = len(tape.length), tape.unit > 2
    used = tape.length.reshape(-1, N_OPERATIONS) > 0
    loops = used[: len(tape.where)].any(axis=0).sum() + used[len(tape.where) :].any(axis=0).sum()
    return {
        "tables": len(tape.step) * (step + b) + len(tape.slot_step) + runs * (1 + b) + 4 * network.head.classes,
        "loops": int(loops),  # one an operation that is there
        "deep": int(len(tape.where) > 1),  # a loop over groups
        "mixed": int(len(tape.slot_step) > 0),  # a loop over outputs that are stored
        "large": int(fast),
        "fast_gates" if fast else "gates": len(tape.step),
        "outputs": len(tape.slot_step),
        "runs": runs,
    }


def _step_units(program: DeviceProgram) -> dict[str, int]:
    steps = program.steps
    assert steps is not None
    reads = steps.count(Step.READ)
    return {
        "gates": steps.count(Step.GATE),
        "outputs": steps.count(Step.COUNT),
        "fused": steps.count(Step.FUSED),
        "reads": reads,
        "writes": steps.count(Step.WRITE),
        "far": round(reads * max(0.0, 1 - _NEAR / steps.n_slots)),
        "alive": steps.n_slots,
    }
