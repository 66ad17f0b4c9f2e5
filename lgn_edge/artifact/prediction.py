"""What a device program will cost, before anything is compiled: flash, RAM and instructions of each form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lgn_edge.artifact.device import STRAIGHT, TABLE, DeviceProgram
from lgn_edge.network import Network
from lgn_edge.targets.target import Target

SIZES: Final = ("one", "deep", "tables", "gates", "outputs", "reads", "far")
WORK: Final = ("one", "bits", "gates", "outputs", "reads", "far", "runs", "classes")
DEPTH: Final = ("one", "alive")


@dataclass(frozen=True)
class Cost:
    """Predicted or measured needs of one call for one sample.

    Attributes:
        flash: bytes of code and constants.
        ram: bytes of workspace and stack.
        instructions: executed; None where nobody counts them.
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


_NEAR: Final = 245  # values on the stack that a short load reaches

# Least squares over fourteen networks of 30 to 1,800 gates with uint8 inputs, built and executed on each core: errors
# of at most 5 % of flash (straight on rv32: 11 %) and 10 % of instructions. The other Cortex-M run M4's code.
_RATES: Final = {
    ("armv6-m", TABLE): Rates((901, 211.5, 1.006, 0, 0, 0, 0), (0, 16.76, 9.671, 7.16, 0, 0, 20.39, 0), (114.7, 0)),
    ("armv7-m", TABLE): Rates((1039, 307.2, 0.9966, 0, 0, 0, 0), (36.6, 9.54, 7.77, 7.261, 0, 0, 23.97, 0), (93.01, 0)),
    ("armv7-m", STRAIGHT): Rates(
        (52.81, 0, 3.337, 2.156, 3.004, 4.304, 3.475),
        (16.59, 11.11, 1.531, 0.7353, 0.7015, 0.4155, 0, 7.059),
        (54.63, 4.324),
    ),
    ("rv32", TABLE): Rates((1305, 245.9, 1.015, 0, 0, 0, 0), (32.32, 16.35, 11.36, 6.758, 0, 0, 13.19, 0), (88.75, 0)),
    ("rv32", STRAIGHT): Rates(
        (130.8, 0, 2.676, 3.224, 3.656, 4.977, 2.729),
        (45.31, 13.79, 2.369, 1.199, 0, 0.7893, 0, 5.783),
        (0, 5.022),
    ),
}
_ARMV7_M: Final = ("cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
_KINDS: Final = {
    **dict.fromkeys(("cortex-m0", "cortex-m0plus"), "armv6-m"),
    **dict.fromkeys(_ARMV7_M, "armv7-m"),
    **dict.fromkeys(("riscv32", "qemu-riscv32"), "rv32"),
}
_UNCOUNTED: Final = ("cortex-m55", "qemu-riscv32")  # no emulator counts their instructions


def predict(program: DeviceProgram, network: Network, target: Target) -> Cost | None:
    """What a program will cost, or None for a core without rates."""
    rates = _RATES.get((_KINDS.get(target.execution, ""), program.form))
    if rates is None:
        return None
    found = units(program, network)

    def total(names: tuple[str, ...], each: tuple[float, ...]) -> int:
        return round(sum(rate * found[name] for name, rate in zip(names, each, strict=True)))

    return Cost(
        flash=total(SIZES, rates.flash),
        ram=program.n_slots + total(DEPTH, rates.stack),
        instructions=None if target.execution in _UNCOUNTED else total(WORK, rates.instructions),
    )


def units(program: DeviceProgram, network: Network) -> dict[str, int]:
    """How often a program has what rates are for."""
    tape, split = program.tape, program.parts
    bits = tape.n_live_inputs
    threshold = network.encoder.threshold[tape.input_bit]
    level = 4 if network.encoder.input_dtype != "uint8" else 1 if (threshold >= 0).all() else 2
    tables = bits * (1 + level)
    if split is None:
        step = 2 if int(tape.step.max(initial=0)) > 255 else 1
        b = 1 if tape.n_slots <= 256 else 2
        runs = len(tape.length)
        tables += len(tape.step) * (step + b) + len(tape.slot_step) + runs * (1 + b) + 2 * network.head.classes * 2
        gates, outputs, reads, alive = len(tape.step), len(tape.slot_step), 0, 0
    else:
        runs = len(split.gates)
        gates, outputs = program.n_gates, len(program.circuit.outputs)
        reads, alive = split.reads, split.alive
    return {
        "one": 1,
        "deep": int(split is None and len(tape.where) > 1),  # a loop over groups
        "tables": tables,
        "bits": bits,
        "gates": gates,
        "outputs": outputs,
        "reads": reads,
        "far": round(reads * max(0.0, 1 - _NEAR / max(1, alive))),
        "alive": alive,
        "runs": runs,
        "classes": network.head.classes,
    }
