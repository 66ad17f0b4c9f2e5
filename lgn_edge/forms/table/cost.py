"""What a tape costs."""

from __future__ import annotations

from typing import Final

import numpy as np

from lgn_edge.forms.one_sample.encoder import encoder_units, unrolled
from lgn_edge.forms.prediction import Cost, Rates, core_kind
from lgn_edge.forms.table.tape import N_OPERATIONS, Tape
from lgn_edge.network import Network
from lgn_edge.targets.target import Target

# Fitted by benchmarks/fit_prediction.py, which prints their errors too: networks of uint8 and float32 inputs, built and
# executed on each core, sixteen of 30 to 5,000 gates of each type. Errors of at most a tenth of flash and
# of instructions.
# What edges take besides was measured on three of these networks.
# The other Cortex-M run M4's code.
_RATES: Final = {
    "armv6-m": Rates(
        flash={
            "one": 338.3,
            "loops": 54.89,
            "deep": 88.53,
            "mixed": 51.09,
            "large": 378.4,
            "tables": 1.005,
            "gates": 0.09999,
            "outputs": 0.1965,
            "floats": 66.8,
            "edges": 110,
        },
        instructions={
            "one": 139.3,
            "bits": 12.08,
            "fast_bits": 7.553,
            "gates": 10.71,
            "fast_gates": 9.019,
            "outputs": 6.241,
            "runs": 2.652,
            "classes": 135.3,
            "float_bits": 24.62,
            "fast_float_bits": 21.81,
            "edge_bits": 5.02,
            "fast_edge_bits": 8.51,
        },
        stack={"one": 125.2},
    ),
    "armv7-m": Rates(
        flash={
            "one": 434.6,
            "loops": 54.04,
            "deep": 264.3,
            "mixed": 60.15,
            "large": 370,
            "tables": 1.012,
            "gates": 0.04498,
            "outputs": 0.2032,
            "floats": 56.07,
            "edges": 120,
        },
        instructions={
            "one": 105.6,
            "bits": 10.61,
            "fast_bits": 6.647,
            "gates": 8.563,
            "fast_gates": 7.639,
            "outputs": 4.821,
            "runs": 14.6,
            "classes": 7.832,
            "float_bits": 21.35,
            "fast_float_bits": 18.68,
            "edge_bits": 4.01,
            "fast_edge_bits": 4.26,
        },
        stack={"one": 90.21, "floats": 3.111},
    ),
    "rv32": Rates(
        flash={
            "one": 496.1,
            "loops": 76.29,
            "deep": 139.7,
            "mixed": 45.22,
            "large": 974.6,
            "tables": 0.9868,
            "gates": 0.2185,
            "outputs": 0.3966,
            "floats": 92.99,
            "edges": 190,
        },
        instructions={
            "one": 163.5,
            "bits": 11.75,
            "fast_bits": 8.828,
            "gates": 11.94,
            "fast_gates": 10.84,
            "outputs": 6.057,
            "classes": 90.78,
            "float_bits": 17.12,
            "fast_float_bits": 13.14,
            "edge_bits": 5.17,
            "fast_edge_bits": 4.26,
        },
        stack={"one": 76.48, "floats": 1.766},
    ),
}


def table_cost(tape: Tape, network: Network, target: Target) -> Cost | None:
    """The cost of a tape, or None for a core without rates."""
    rates = _RATES.get(core_kind(target))
    if rates is None:
        return None
    return rates.cost(table_units(tape, network), workspace=tape.n_slots)


def tape_cost(tape: Tape, network: Network, target: Target) -> Cost | None:
    """The cost of walking a tape whose inputs are there, without what a program has besides; likewise."""
    rates = _RATES.get(core_kind(target))
    if rates is None:
        return None
    return rates.cost(tape_units(tape, network) | {"classes": network.head.n_outputs}, workspace=tape.n_slots)


def table_units(tape: Tape, network: Network) -> dict[str, int]:
    """How often a tape and its encoder have what rates are for."""
    plain = np.zeros(tape.n_live_inputs, np.bool_)
    found = tape_units(tape, network)
    encoder = encoder_units(network, tape.input_bit, plain, unrolled(tape.input_bit))
    return found | encoder | {"tables": found["tables"] + encoder["tables"]}


def tape_units(tape: Tape, network: Network) -> dict[str, int]:
    """The same of the tape alone."""
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
