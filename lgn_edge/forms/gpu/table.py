"""A program as numbers that the kernels read: one table, so that kernels take few buffers and depend on no network."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.forms.gpu.program import WaveProgram
from lgn_edge.forms.gpu.sizes import PLANES, TREE
from lgn_edge.kernels.encoding import Comparisons

# The table begins with these: numbers, and the places of what follows.
NUMBERS: Final = ("bits", "features", "slots", "steps", "classes")
PLACES: Final = ("compare", "input", "wave", "gate", "round", "tree", "term_stop", "term", "base")
HEADER: Final = NUMBERS + PLACES

COMPARE: Final = 3  # numbers of a comparison: feature, level, and the feature that is subtracted or -1
GATE: Final = {True: 2, False: 4}  # of a gate, narrow or not
TERM: Final = 2  # slot and weight
ROW: Final = TREE + PLANES  # of a tree: sources, then planes
NARROWEST: Final = 1 << 16  # slots that 16 bits name


def program_table(program: WaveProgram, bits: Comparisons) -> NDArray[np.uint32]:
    """The table uint32[...]: HEADER, then the parts in the order of PLACES.

    A gate is a | b << 16 and dst | kind << 16 where 16 bits name every slot, else a, b, dst and kind.
    """
    gates: tuple[NDArray[Any], ...] = (program.a, program.b, program.dst, program.kind)
    if is_narrow(program):
        low, high = [gate.astype(np.uint32) for gate in gates[0::2]], [gate.astype(np.uint32) for gate in gates[1::2]]
        gates = tuple(one | other << np.uint32(16) for one, other in zip(low, high, strict=True))
    trees = np.hstack([program.tree_source.reshape(-1, TREE), program.tree_plane.reshape(-1, PLANES)])
    parts = {
        "compare": np.stack([bits.feature, bits.level, bits.minus], axis=1),
        "input": program.input_bit,
        "wave": np.append(0, program.wave_stop),
        "gate": np.stack(gates, axis=1),
        "round": np.append(0, program.round_stop),
        "tree": trees,
        "term_stop": np.append(0, program.term_stop),
        "term": np.stack([program.term_slot, program.term_weight], axis=1),
        "base": program.base,
    }
    numbers = (
        program.n_live_inputs,
        bits.n_features,
        program.n_slots,
        program.n_steps,
        program.classes,
    )
    sizes = [len(HEADER), *(parts[name].size for name in PLACES)]
    places = np.cumsum(sizes)[:-1]
    return np.concatenate([_words(np.array([*numbers, *places]))] + [_words(parts[name]) for name in PLACES])


def is_narrow(program: WaveProgram) -> bool:
    """Whether 16 bits name every slot."""
    return program.n_slots <= NARROWEST


def _words(values: NDArray[Any]) -> NDArray[np.uint32]:
    return values.astype(np.int64).astype(np.uint32).ravel()
