"""What words of positions cost whose kernels are straight-line code."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np

from lgn_edge.forms.images.trees import HALVES
from lgn_edge.forms.positions.convolve import masks_of
from lgn_edge.forms.positions.cost import around_units
from lgn_edge.forms.positions.program import Positions, Stage
from lgn_edge.forms.positions.slots import Slots
from lgn_edge.forms.positions_straight.functions import Function, functions_of
from lgn_edge.forms.prediction import Cost, Rates, core_kind
from lgn_edge.forms.table.cost import tape_cost
from lgn_edge.forms.table.tape import Tape
from lgn_edge.network import Network
from lgn_edge.network.layers import Int32Array
from lgn_edge.targets.target import Target

# Those of the code of kernels on Cortex-M were fitted to the convolutions of eleven networks, executed by themselves,
# the others to whole networks, which benchmarks/fit_prediction.py builds and executes. Of 72 such networks flash is 4 %
# off in the mean and 13 % at most on M4 and RV32, instructions are 5 % off in the mean and, where all is tiny, up to
# 25 %. On M0 no more than the tests' networks were compared. The other Cortex-M run M4's code.
_RATES: Final = {
    "armv6-m": Rates(
        flash={
            "tables": 1.033,
            "halo_code": 26.71,
            "pack_code": 6.803,
            "float_pack_code": 6.447,
            "edge_pack_code": 22.9,
            "listed_edge_code": 35.6,
            "slot_code": 12.35,
            "floats": 547.8,
            "operations": 1.198,
            "pointers": 0.281,
            "far_pointers": 5.017,
            "loops": 34.99,
            "functions": 1167,
        },
        instructions={
            "bits": 7.81,
            "float_bits": 14.41,
            "edge_bits": 12.81,
            "listed_bits": 9.717,
            "halos": 5.595,
            "slots": 3.568,
            "operations_executed": 1.363,
            "pointers_executed": 1.775,
            "looped_executed": 9.071,
        },
        stack={"one": 232.1, "floats": 27.48},
    ),
    "armv7-m": Rates(
        flash={
            "tables": 1.052,
            "halo_code": 23.99,
            "pack_code": 2.065,
            "float_pack_code": 0.8857,
            "edge_pack_code": 23.04,
            "listed_edge_code": 36.92,
            "slot_code": 9.369,
            "floats": 298.2,
            "operations": 2.306,
            "pointers": 0.1179,
            "far_pointers": 2.753,
            "loops": 26.43,
            "functions": 518.8,
        },
        instructions={
            "one": 123.2,
            "bits": 3.591,
            "float_bits": 9.153,
            "edge_bits": 7.315,
            "listed_bits": 7.095,
            "packed_words": 8.152,
            "halos": 2.112,
            "slots": 2.454,
            "operations_executed": 0.9357,
            "pointers_executed": 1.388,
            "loops": 13.04,
        },
        stack={"one": 165.1},
    ),
    "rv32": Rates(
        flash={
            "one": 403.1,
            "tables": 1.112,
            "halo_code": 24.42,
            "pack_code": 9.922,
            "float_pack_code": 9.666,
            "edge_pack_code": 22.32,
            "listed_edge_code": 52.59,
            "slot_code": 19.39,
            "floats": 193,
            "operations": 2.118,
            "pointers": 7.351,
            "far_pointers": 3.288,
            "loops": 20.53,
            "functions": 158.2,
        },
        instructions={
            "one": 252,
            "bits": 4.038,
            "float_bits": 7.467,
            "edge_bits": 7.679,
            "listed_bits": 9.158,
            "packed_words": 11.94,
            "halos": 2.498,
            "slots": 3.588,
            "operations_executed": 0.9851,
            "pointers_executed": 0.4126,
            "loops": 16.85,
        },
        stack={"one": 122},
    ),
}
_NEAR: Final = 1 << 10  # words that are added to a pointer by an instruction that holds their number


def positions_straight_cost(
    positions: Positions, slots: Slots, tape: Tape, network: Network, input_bit: Int32Array, target: Target, bytes: int
) -> Cost | None:
    """The cost of words of positions in so many bytes, and the tape behind; None for a core without rates."""
    rates, behind = _RATES.get(core_kind(target)), tape_cost(tape, network, target)
    if rates is None or behind is None:
        return None
    return rates.cost(positions_straight_units(positions, slots, network, input_bit), bytes) + behind


def positions_straight_units(
    positions: Positions, slots: Slots, network: Network, input_bit: Int32Array
) -> dict[str, int]:
    """How often there is what rates are for, as `positions_units` has it; the kernels are code."""
    found = Counter(around_units(positions, slots, network, input_bit))
    for stage in positions.stages:
        for function in functions_of(stage):
            found.update(_function_units(function))
    return found


def _function_units(function: Function) -> dict[str, int]:
    """Units of code, and how often they are executed, which is once for each word of an output."""
    stage, kernels = function.stage, len(function.trees)
    words, cells = stage.points.shape
    pointers = [begin for tree in function.trees for begin in tree.begins]
    of_trees = (_seen(stage, tree.taps) + cells * (_gates(stage, tree.halves) + 1) for tree in function.trees)
    loops = kernels * sum(axis.phases > 1 for axis in (stage.out.grid.y, stage.out.grid.x))
    operations = sum(of_trees) + kernels * (len(stage.folds) + _is_masked(stage))
    return {
        "operations": operations,
        "pointers": len(pointers),
        "far_pointers": sum(begin >= _NEAR for begin in pointers),
        "loops": loops,
        "functions": 1,
        "operations_executed": operations * words,
        "pointers_executed": len(pointers) * words,
        "looped_executed": kernels * words * (loops > 0),
    }


def _seen(stage: Stage, taps: tuple[int, ...]) -> int:
    """Words that a kernel reads for a word of its output, each once."""
    return len(np.unique(np.add.outer(taps, stage.points[0])))


def _gates(stage: Stage, halves: tuple[int, ...]) -> int:
    return sum(len(HALVES[stage.kind[half]]) for half in halves) + len(halves) - 1


def _is_masked(stage: Stage) -> bool:
    return bool((masks_of(stage.out) != 2**32 - 1).any())
