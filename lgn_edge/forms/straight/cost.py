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

# Fitted by benchmarks/fit_prediction.py, which prints their errors too: networks of uint8 and float32 inputs, built and
# executed on each core, thirteen of 30 to 1,500 gates of each type. Errors of at most a tenth of flash and
# of instructions.
# What edges take besides was measured on three of these networks.
# The other Cortex-M run M4's code.
_RATES: Final = {
    "armv6-m": Rates(
        flash={
            "one": 324.7,
            "tables": 0.868,
            "gates": 1.598,
            "outputs": 2.039,
            "reads": 3.472,
            "writes": 0.4438,
            "far": 6.988,
            "floats": 180.5,
            "edges": 120,
        },
        instructions={
            "one": 87.07,
            "fast_bits": 8.439,
            "gates": 0.4532,
            "outputs": 1.401,
            "reads": 2.235,
            "far": 2.011,
            "classes": 6.414,
            "fast_float_bits": 22.77,
            "fast_edge_bits": 6.96,
        },
        stack={"one": 117.8, "alive": 0.02674, "far": 0.5961, "floats": 17.77},
    ),
    "armv7-m": Rates(
        flash={
            "one": 294.6,
            "tables": 0.979,
            "gates": 4.867,
            "outputs": 2.717,
            "fused": 3.158,
            "reads": 1.495,
            "far": 2.521,
            "floats": 204.6,
            "edges": 130,
        },
        instructions={
            "one": 41.34,
            "fast_bits": 6.677,
            "gates": 1.116,
            "outputs": 0.9594,
            "fused": 0.7065,
            "reads": 1.539,
            "classes": 12.17,
            "fast_float_bits": 21.02,
            "fast_edge_bits": 4.27,
        },
        stack={"one": 100.6, "alive": 0.05792, "floats": 11.42},
    ),
    "rv32": Rates(
        flash={
            "one": 340.3,
            "tables": 0.8137,
            "gates": 4.63,
            "outputs": 2.111,
            "reads": 4.076,
            "writes": 0.7535,
            "far": 1.911,
            "floats": 128.3,
            "edges": 170,
        },
        instructions={
            "one": 33.34,
            "fast_bits": 7.927,
            "gates": 0.741,
            "outputs": 0.7997,
            "reads": 2.537,
            "classes": 23.89,
            "fast_float_bits": 14.79,
            "fast_edge_bits": 4.2,
        },
        stack={"one": 75.08, "alive": 0.05084, "far": 0.03958},
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
    return rates.cost(straight_units(steps, network, input_bit, complemented), workspace=slots_bytes)


def straight_units(
    steps: RegisterProgram, network: Network, input_bit: Int32Array, complemented: NDArray[np.bool_]
) -> dict[str, int]:
    """How often code and its encoder have what rates are for."""
    return encoder_units(network, input_bit, complemented, UNROLL) | _step_units(steps)


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
