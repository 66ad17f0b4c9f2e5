"""What a device program will cost, before anything is compiled: flash, RAM and instructions of each form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from lgn_edge.artifact.device import STRAIGHT, TABLE, DeviceProgram, packs_by_four
from lgn_edge.network import Network
from lgn_edge.passes.register_program import Step
from lgn_edge.passes.tape import N_OPERATIONS, Tape
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
    "floats",
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
    "float_bits",
    "fast_float_bits",
)
DEPTH: Final = ("one", "alive", "far", "floats")


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

# Fitted by benchmarks/fit_prediction.py, which prints their errors too: networks of uint8 and float32 inputs, built and
# executed on each core, sixteen of 30 to 5,000 gates of each type for tables, thirteen of up to 1,500 for straight-line
# code. Errors of at most a tenth of flash and of instructions. The other Cortex-M run M4's code.
_RATES: Final = {
    ("armv6-m", TABLE): Rates(
        (338.3, 54.89, 88.53, 51.09, 378.4, 1.005, 0.09999, 0.1965, 0, 0, 0, 0, 66.8),
        (139.3, 12.08, 7.553, 10.71, 9.019, 6.241, 0, 0, 0, 2.652, 135.3, 24.62, 21.81),
        (125.2, 0, 0, 0),
    ),
    ("armv6-m", STRAIGHT): Rates(
        (324.7, 0, 0, 0, 0, 0.868, 1.598, 2.039, 0, 3.472, 0.4438, 6.988, 180.5),
        (87.07, 0, 8.439, 0.4532, 0, 1.401, 0, 2.235, 2.011, 0, 6.414, 0, 22.77),
        (117.8, 0.02674, 0.5961, 17.77),
    ),
    ("armv7-m", TABLE): Rates(
        (434.6, 54.04, 264.3, 60.15, 370, 1.012, 0.04498, 0.2032, 0, 0, 0, 0, 56.07),
        (105.6, 10.61, 6.647, 8.563, 7.639, 4.821, 0, 0, 0, 14.6, 7.832, 21.35, 18.68),
        (90.21, 0, 0, 3.111),
    ),
    ("armv7-m", STRAIGHT): Rates(
        (294.6, 0, 0, 0, 0, 0.979, 4.867, 2.717, 3.158, 1.495, 0, 2.521, 204.6),
        (41.34, 0, 6.677, 1.116, 0, 0.9594, 0.7065, 1.539, 0, 0, 12.17, 0, 21.02),
        (100.6, 0.05792, 0, 11.42),
    ),
    ("rv32", TABLE): Rates(
        (496.1, 76.29, 139.7, 45.22, 974.6, 0.9868, 0.2185, 0.3966, 0, 0, 0, 0, 92.99),
        (163.5, 11.75, 8.828, 11.94, 10.84, 6.057, 0, 0, 0, 0, 90.78, 17.12, 13.14),
        (76.48, 0, 0, 1.766),
    ),
    ("rv32", STRAIGHT): Rates(
        (340.3, 0, 0, 0, 0, 0.8137, 4.63, 2.111, 0, 4.076, 0.7535, 1.911, 128.3),
        (33.34, 0, 7.927, 0.741, 0, 0.7997, 0, 2.537, 0, 0, 23.89, 0, 14.79),
        (75.08, 0.05084, 0.03958, 0),
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
    floats = network.encoder.input_dtype == "float32"
    bits = ("fast_" if packs_by_four(program) else "") + ("float_bits" if floats else "bits")
    found = dict.fromkeys((*SIZES, *WORK, *DEPTH), 0)
    found |= {"one": 1, bits: program.tape.n_live_inputs, "classes": network.head.classes, "floats": int(floats)}
    found |= _tape_units(program.tape, network) if program.steps is None else _step_units(program)
    found["tables"] += _encoder_bytes(program, network)
    return found


def _encoder_bytes(program: DeviceProgram, network: Network) -> int:
    """Of the tables that packing reads."""
    from lgn_edge.kernels.encoding import comparisons
    from lgn_edge.kernels.tape import encoder_tables

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
