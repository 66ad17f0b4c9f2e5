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

# Fitted by benchmarks/fit_prediction.py, which prints their errors too: sixteen networks of image layers, each with
# uint8, float32 and differences of uint8, built and executed on each core. Errors of at most a tenth of flash and of
# instructions. The other Cortex-M run M4's code.
_RATES: Final = {
    "armv6-m": Rates(
        flash={
            "tables": 1.505,
            "half_loops": 21.94,
            "root_loops": 28.92,
            "half_code": 7.929,
            "halo_code": 14.01,
            "float_pack_code": 17.06,
            "slot_code": 18.92,
            "edges": 1177,
            "nests": 26.2,
        },
        instructions={
            "bits": 5.053,
            "float_bits": 12.72,
            "edge_bits": 8.774,
            "listed_bits": 7.009,
            "half_words": 16.52,
            "reads": 4.226,
            "folds": 10.13,
            "halos": 8.845,
            "slots": 2.814,
        },
        stack={
            "one": 249.7,
            "floats": 6.415,
        },
    ),
    "armv7-m": Rates(
        flash={
            "tables": 1.312,
            "root_loops": 29.96,
            "half_code": 7.315,
            "root_code": 18.36,
            "halo_code": 3.5,
            "pack_code": 18.12,
            "float_pack_code": 22.16,
            "slot_code": 14.81,
            "floats": 16.74,
            "nests": 36.79,
        },
        instructions={
            "bits": 5.058,
            "float_bits": 9.256,
            "edge_bits": 5.061,
            "listed_bits": 1.833,
            "seen": 4.443,
            "root_reads": 8.362,
            "halos": 3.005,
            "slots": 2.444,
        },
        stack={
            "one": 153.1,
        },
    ),
    "rv32": Rates(
        flash={
            "tables": 0.8029,
            "root_loops": 76.28,
            "half_code": 8.124,
            "pack_code": 15.43,
            "float_pack_code": 13.13,
            "slot_code": 30.56,
            "floats": 358.1,
            "edges": 555.4,
            "nests": 27.41,
            "nest_code": 7.145,
        },
        instructions={
            "bits": 4.752,
            "float_bits": 8.218,
            "edge_bits": 5.705,
            "listed_bits": 2.248,
            "halves": 17.57,
            "taps": 1.976,
            "seen": 3.748,
            "reads": 2.243,
            "halos": 1.478,
            "slots": 3.841,
        },
        stack={
            "one": 144.5,
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
    return rates.cost(positions_units(positions, slots, comparisons(network.encoder, input_bit)), bytes) + behind


def positions_units(positions: Positions, slots: Slots, bits: Comparisons) -> dict[str, int]:
    """How often words of positions and their encoder have what rates are for; the tape has its own units.

    Args:
        positions: the image layers.
        slots: what the tape reads of them.
        bits: what is compared, position by position.
    """
    found = Counter(_encoder_units(positions.images[0], bits))
    for stage in positions.stages:
        found.update(_stage_units(stage))
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
    from lgn_edge.forms.positions.convolve import convolve_tables
    from lgn_edge.forms.positions.pack import pack_tables, planes_of
    from lgn_edge.kernels.tir import narrow

    image = positions.images[0]
    tables: list[Any] = [*convolve_tables(positions).values(), *pack_tables(bits, planes_of(bits, image)).values()]
    return sum(table.nbytes for table in [*tables, *(narrow(group.words) for group in slots.groups)])
