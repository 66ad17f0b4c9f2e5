"""What words of positions cost: the encoder, the image layers, and the tape behind them."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import numpy as np

from lgn_edge.forms.positions.program import Image, Positions, Stage
from lgn_edge.forms.positions.slots import Slots
from lgn_edge.forms.prediction import Cost, Rates, core_kind
from lgn_edge.forms.table.cost import tape_cost
from lgn_edge.forms.table.tape import Tape
from lgn_edge.kernels.encoding import Comparisons, comparisons
from lgn_edge.network import Network
from lgn_edge.network.layers import Int32Array
from lgn_edge.targets.target import Target

# Fitted to networks of image layers with uint8, float32 and differences of uint8, built and executed on each core (see
# benchmarks/fit_prediction.py): flash and instructions are at most 10.2 % off. Of networks that rates were not fitted
# to they are 5 to 6 % off in the mean; the worst, a tiny one, 36 %. The other Cortex-M run M4's code.
_RATES: Final = {
    "armv6-m": Rates(
        flash={
            "tables": 1.508,
            "root_loops": 11.53,
            "half_code": 6.278,
            "root_code": 60.72,
            "fold_code": 14.87,
            "halo_code": 6.264,
            "float_pack_code": 2.256,
            "edge_pack_code": 22.71,
            "listed_edge_code": 35.35,
            "slot_code": 14.66,
            "floats": 429.9,
            "nests": 22.6,
            "nest_code": 6.608,
        },
        instructions={
            "bits": 7.295,
            "float_bits": 13.93,
            "edge_bits": 8.118,
            "listed_bits": 4.693,
            "packed_words": 64.89,
            "reads": 4.206,
            "kernel_words": 1.348,
            "halos": 6.172,
            "slots": 4.021,
        },
        stack={
            "one": 252.6,
            "floats": 3.452,
        },
    ),
    "armv7-m": Rates(
        flash={
            "one": 164.3,
            "tables": 1.154,
            "root_loops": 67.07,
            "half_code": 6.737,
            "root_code": 16.31,
            "halo_code": 10.02,
            "edge_pack_code": 20.61,
            "listed_edge_code": 35.49,
            "slot_code": 18.83,
            "floats": 184.4,
            "nests": 27.33,
            "nest_code": 2.68,
        },
        instructions={
            "bits": 5.03,
            "float_bits": 8.828,
            "edge_bits": 7.002,
            "listed_bits": 4.201,
            "packed_words": 7.285,
            "reads": 2.438,
            "kernel_words": 8.841,
            "root_reads": 3.183,
            "halos": 1.855,
            "slots": 2.676,
        },
        stack={
            "one": 153.3,
        },
    ),
    "rv32": Rates(
        flash={
            "one": 310.6,
            "tables": 1.115,
            "root_loops": 46.15,
            "half_code": 7.161,
            "root_code": 27.58,
            "edge_pack_code": 22.5,
            "listed_edge_code": 52.91,
            "slot_code": 34.62,
            "floats": 85.96,
            "nest_code": 15.25,
        },
        instructions={
            "bits": 4.883,
            "float_bits": 6.66,
            "edge_bits": 6.558,
            "listed_bits": 6.192,
            "packed_words": 41.36,
            "reads": 2.797,
            "kernel_words": 11.06,
            "halos": 2.257,
            "slots": 3.995,
        },
        stack={
            "one": 133.5,
        },
    ),
}


def positions_cost(
    positions: Positions, slots: Slots, tape: Tape, network: Network, input_bit: Int32Array, target: Target, bytes: int
) -> Cost | None:
    """The cost of words of positions in so many bytes, and the tape behind; None for a core without rates."""
    rates, behind = _RATES.get(core_kind(target)), tape_cost(tape, network, target)
    if rates is None or behind is None:
        return None
    return rates.cost(positions_units(positions, slots, network, input_bit), bytes) + behind


def positions_units(positions: Positions, slots: Slots, network: Network, input_bit: Int32Array) -> dict[str, int]:
    """How often words of positions and their encoder have what rates are for; the tape has its own units.

    Args:
        positions: the image layers.
        slots: what the tape reads of them.
        network: whose encoder it is.
        input_bit: its bits, position by position.
    """
    from lgn_edge.forms.positions.convolve import convolve_tables

    found = Counter(around_units(positions, slots, network, input_bit))
    for stage in positions.stages:
        found.update(_stage_units(stage))
    found.update(tables=sum(table.nbytes for table in convolve_tables(positions).values()))
    return found


def around_units(positions: Positions, slots: Slots, network: Network, input_bit: Int32Array) -> dict[str, int]:
    """Those of the encoder, of halos and of slots; whatever runs the kernels."""
    bits = comparisons(network.encoder, input_bit)
    found = Counter(_encoder_units(positions.images[0], bits))
    for image in positions.images.values():
        found.update(_halo_units(image))
    found.update(_slot_units(slots))
    found.update(one=1, tables=_table_bytes(positions, slots, bits))
    return found


def _encoder_units(image: Image, bits: Comparisons) -> dict[str, int]:
    """Comparisons by what they compare, and how much code packing and loading are: bits of words in loops."""
    from lgn_edge.forms.positions.pack import planes_of

    planes, n_edges, floats = planes_of(bits, image), int(bits.is_edge.sum()), bits.element == "int32"
    rows, columns = ([len(lanes) for lanes, _ in axis.alike()] for axis in (image.grid.y, image.grid.x))
    kinds = [(0, 0)] if planes is None else [beside for beside, _ in planes.runs()]
    edge_kinds = sum(beside != (0, 0) for beside in kinds)
    code = sum(rows) * sum(columns)
    return {
        "float_bits" if floats else "bits": len(bits.feature) - n_edges,
        "edge_bits": n_edges,
        "listed_bits": len(bits.feature) if planes is None else 0,
        "packed_words": len(image.channel) * image.grid.homes,
        "pack_loops": len(kinds) * len(rows) * len(columns),
        "float_pack_code" if floats else "pack_code": (len(kinds) - edge_kinds) * code,
        "edge_pack_code": edge_kinds * code,
        "listed_edge_code": code if planes is None and n_edges else 0,
        "floats": int(floats),
    }


def _stage_units(stage: Stage) -> dict[str, int]:
    words, cells = stage.points.shape
    leaves, halves = int(stage.leaves.sum()), len(stage.pairs)
    kinds, first = np.unique(stage.kind, return_index=True)
    roots = np.unique(np.stack([stage.root, stage.flip], axis=1), axis=0)
    kernels, leaves_of_kinds = len(stage.root), int(stage.leaves[first].sum())
    nests = sum(axis.phases > 1 for axis in (stage.out.grid.y, stage.out.grid.x))  # loops in those of kinds
    return {
        "halves": len(stage.kind),
        "taps": leaves,
        "half_words": len(stage.kind) * words,
        "seen": leaves * words,
        "reads": leaves * words * cells,
        "values": len(stage.kind) * words * cells,
        "kernels": kernels,
        "kernel_words": kernels * words,
        "root_reads": halves * words * cells,
        "folds": kernels * words * len(stage.folds),
        "half_loops": len(kinds),
        "root_loops": len(roots),
        "half_code": leaves_of_kinds * cells,
        "root_code": len(roots) * cells,
        "nests": nests * (len(kinds) + len(roots)),
        "nest_code": nests * leaves_of_kinds,
        "fold_code": len(roots) * len(stage.folds),
    }


def _halo_units(image: Image) -> dict[str, int]:
    words = len(image.halos()) if len(image.channel) else 0
    return {"halo_code": words, "halos": words * len(image.channel)}


def _slot_units(slots: Slots) -> dict[str, int]:
    return {
        "groups": len(slots.groups),
        "slot_code": sum(len(group.bits) for group in slots.groups),
        "slot_words": sum(len(group.words) for group in slots.groups),
        "slots": slots.size,
    }


def _table_bytes(positions: Positions, slots: Slots, bits: Comparisons) -> int:
    from lgn_edge.forms.positions.pack import pack_tables, planes_of
    from lgn_edge.kernels.tir import narrow

    tables: list[Any] = list(pack_tables(bits, planes_of(bits, positions.images[0])).values())
    return sum(table.nbytes for table in [*tables, *(narrow(group.words) for group in slots.groups)])
