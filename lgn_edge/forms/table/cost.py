"""What a tape costs."""

from __future__ import annotations

from typing import Final

import numpy as np

from lgn_edge.forms.one_sample.encoder import encoder_units, unrolled
from lgn_edge.forms.prediction import Cost, Rates, core_kind
from lgn_edge.forms.table.tape import N_OPERATIONS, Tape
from lgn_edge.network import Network
from lgn_edge.targets.target import Target

# Least squares over networks with uint8 inputs, built and executed on each core: seventeen of 30 to 8,000 gates.
# Errors of at most 8 % of flash and 10 % of instructions. The other Cortex-M run M4's code.
_RATES: Final = {
    "armv6-m": Rates(
        flash={
            "one": 360.2,
            "loops": 58.72,
            "deep": 197.2,
            "mixed": 49.66,
            "large": 546.6,
            "tables": 0.9938,
            "outputs": 0.3367,
        },
        instructions={
            "bits": 13.19,
            "fast_bits": 11.5,
            "gates": 9.512,
            "fast_gates": 8.2,
            "outputs": 6.686,
            "runs": 24.97,
        },
        stack={"one": 132.4},
    ),
    "armv7-m": Rates(
        flash={
            "one": 441.6,
            "loops": 57.65,
            "deep": 293.4,
            "mixed": 81.64,
            "large": 852.7,
            "tables": 0.9855,
            "outputs": 0.4359,
        },
        instructions={
            "one": 9.853,
            "bits": 9.355,
            "fast_bits": 6.9,
            "gates": 7.845,
            "fast_gates": 7.2,
            "outputs": 6.256,
            "runs": 16.16,
            "classes": 38.52,
        },
        stack={"one": 91.59},
    ),
    "rv32": Rates(
        flash={
            "one": 446.4,
            "loops": 85.86,
            "deep": 336.2,
            "mixed": 103.5,
            "large": 631.4,
            "tables": 1.006,
            "outputs": 0.518,
        },
        instructions={
            "bits": 9.94,
            "fast_bits": 8.2,
            "gates": 11.81,
            "fast_gates": 10.6,
            "outputs": 7.476,
            "runs": 2.817,
            "classes": 117.2,
        },
        stack={"one": 81.4},
    ),
}


def table_cost(tape: Tape, network: Network, target: Target) -> Cost | None:
    """The cost of a tape, or None for a core without rates."""
    rates = _RATES.get(core_kind(target))
    if rates is None:
        return None
    plain = np.zeros(tape.n_live_inputs, np.bool_)
    found = tape_units(tape, network)
    encoder = encoder_units(network, tape.input_bit, plain, unrolled(tape.input_bit))
    units = found | encoder | {"tables": found["tables"] + encoder["tables"]}
    return rates.cost(units, workspace=tape.n_slots)


def tape_units(tape: Tape, network: Network) -> dict[str, int]:
    """How often a tape has what its rates are for."""
    step = 2 if int(tape.step.max(initial=0)) > 255 else 1
    b = 1 if tape.n_slots <= 256 else 2
    runs, fast = len(tape.length), tape.unit > 2
    used = tape.length.reshape(-1, N_OPERATIONS) > 0
    loops = used[: len(tape.where)].any(axis=0).sum() + used[len(tape.where) :].any(axis=0).sum()
    return {
        "tables": len(tape.step) * (step + b) + len(tape.slot_step) + runs * (1 + b) + 4 * network.head.n_outputs,
        "loops": int(loops),  # one an operation that is there
        "deep": int(len(tape.where) > 1),  # a loop over groups
        "mixed": int(len(tape.slot_step) > 0),  # a loop over outputs that are stored
        "large": int(fast),
        "gates": 0 if fast else len(tape.step),
        "fast_gates": len(tape.step) if fast else 0,
        "outputs": len(tape.slot_step),
        "runs": runs,
    }
