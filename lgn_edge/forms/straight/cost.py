"""What straight-line code costs."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.forms.one_sample.encoder import encoder_units
from lgn_edge.forms.prediction import Cost, Rates, core_kind
from lgn_edge.forms.straight.register_program import RegisterProgram, Step
from lgn_edge.network import Network
from lgn_edge.network.layers import Int32Array
from lgn_edge.targets.target import Target

UNROLL: Final = 4  # comparisons that the loop which encodes a sample takes at a time
_NEAR: Final = 250  # slots on the stack that a short load reaches

# Least squares over networks with uint8 inputs, built and executed on each core: fourteen of 30 to 1,800 gates.
# Errors of at most 8 % of flash and 10 % of instructions. The other Cortex-M run M4's code.
_RATES: Final = {
    "armv6-m": Rates(
        flash={"one": 267.4, "tables": 1.309, "gates": 2.625, "outputs": 1.237, "reads": 2.836, "far": 6.964},
        instructions={
            "one": 43.69,
            "fast_bits": 9.44,
            "gates": 1.463,
            "outputs": 0.519,
            "reads": 1.384,
            "far": 2.147,
            "classes": 13.41,
        },
        stack={"one": 112, "alive": 0.08, "far": 0.5},
    ),
    "armv7-m": Rates(
        flash={
            "one": 287.1,
            "tables": 1.476,
            "gates": 3.512,
            "outputs": 2.136,
            "fused": 3.32,
            "reads": 2.265,
            "writes": 1.003,
            "far": 2.603,
        },
        instructions={
            "one": 43.26,
            "fast_bits": 7.161,
            "gates": 1.223,
            "outputs": 0.4389,
            "fused": 0.5774,
            "reads": 1.462,
            "classes": 12.43,
        },
        stack={"one": 107.9, "alive": 0.04866},
    ),
    "rv32": Rates(
        flash={
            "one": 328.1,
            "tables": 1.365,
            "gates": 1.319,
            "outputs": 2.127,
            "reads": 8.251,
            "writes": 1.698,
            "far": 3.247,
        },
        instructions={
            "one": 50.1,
            "fast_bits": 9.85,
            "gates": 1.498,
            "outputs": 0.3294,
            "reads": 1.572,
            "classes": 16.3,
        },
        stack={"one": 80.61, "alive": 0.07927},
    ),
}


def straight_cost(
    steps: RegisterProgram,
    slots_bytes: int,
    network: Network,
    input_bit: Int32Array,
    complemented: NDArray[np.bool_],
    target: Target,
) -> Cost | None:
    """The cost of straight-line code with so many bytes of slots, or None for a core without rates."""
    rates = _RATES.get(core_kind(target))
    if rates is None:
        return None
    units = encoder_units(network, input_bit, complemented, UNROLL) | _step_units(steps)
    return rates.cost(units, workspace=slots_bytes)


def _step_units(steps: RegisterProgram) -> dict[str, int]:
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
