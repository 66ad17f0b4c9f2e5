"""Which inputs are stored as their complements, so that a core with multiply-and-add counts more outputs in one go."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.network import Circuit
from lgn_edge.network.bits import pack, unpack
from lgn_edge.network.truth_table import A_AND_NOT_B, AND, OR, XOR
from lgn_edge.passes.rewrite import BoolArray

# What counting costs, in half instructions: a gate whose product goes straight into the sum has no instruction of its
# own, and a subtraction is an instruction of four bytes instead of two.
_GATE, _SUBTRACTED = 3, 2

_ONES: Final = np.uint64(2**64 - 1)


def _where(*tables: int) -> NDArray[np.uint64]:
    """All ones for the gates that are named, 0 for the others."""
    masks = np.zeros(16, np.uint64)
    masks[list(tables)] = _ONES
    return masks


# An AND of what is stored is AND where neither input is a complement, AND-NOT where b is one, OR where both are.
_AND: Final = _where(AND, A_AND_NOT_B, OR)
_AND_A: Final = _where(AND, A_AND_NOT_B)
_AND_B: Final = _where(AND)
_XOR: Final = _where(XOR)


def input_polarity(circuit: Circuit) -> BoolArray:
    """The inputs to store as complements, bool[n_inputs], for `push_complements(circuit, polarity)`.

    An output that nothing else reads costs one instruction where its gate is an AND of what is stored, or an XOR that
    is added, not subtracted. What is stored of every signal follows from the inputs; all inputs are looked at at once,
    and the best of them flipped, until no flip makes the whole cheaper.

    Args:
        circuit: its gates are `push_complements.OPERATIONS`.

    Cost: O(inputs * gates), some twenty times.
    """
    single = _counted_once(circuit)
    polarity = np.zeros(circuit.n_inputs, np.bool_)
    flips = np.vstack([np.zeros((1, circuit.n_inputs), np.bool_), np.eye(circuit.n_inputs, dtype=np.bool_)])
    best = np.iinfo(np.int64).max
    many = circuit.n_inputs
    while many:
        cost = _costs(circuit, single, polarity ^ flips)
        best, gain = int(cost[0]), cost[0] - cost[1:]
        chosen = np.argsort(-gain, kind="stable")[: min(many, int((gain > 0).sum()))]
        many = len(chosen)
        while many:  # flips that are good alone may be bad together
            candidate = polarity.copy()
            candidate[chosen[:many]] ^= True
            if _costs(circuit, single, candidate[None])[0] < best:
                polarity, many = candidate, circuit.n_inputs
                break
            many //= 2
    return polarity


def _counted_once(circuit: Circuit) -> NDArray[np.int64]:
    """The outputs whose gate nothing else reads."""
    uses = np.bincount(np.concatenate([circuit.a, circuit.b, circuit.outputs]), minlength=circuit.n_signals)
    return np.flatnonzero((circuit.outputs >= circuit.n_inputs) & (uses[circuit.outputs] == 1))


def _costs(circuit: Circuit, single: NDArray[np.int64], inputs: BoolArray) -> NDArray[np.int64]:
    """What counting costs, int64[n], with the polarity of each row of inputs, bool[n, n_inputs]."""
    everything = Circuit(
        circuit.n_inputs,
        circuit.table,
        circuit.a,
        circuit.b,
        np.arange(circuit.n_signals, dtype=np.int32),
        np.zeros(circuit.n_signals, np.bool_),
    )
    value = everything.evaluate(pack(inputs))
    inverted = np.where(circuit.inverted, _ONES, 0)[:, None]
    subtracted = value[circuit.outputs] ^ inverted
    gate = circuit.outputs[single] - circuit.n_inputs
    a, b = value[circuit.a[gate]], value[circuit.b[gate]]
    both, flip_a, flip_b, is_xor = (masks[circuit.table[gate]][:, None] for masks in (_AND, _AND_A, _AND_B, _XOR))
    product = (a ^ flip_a) & (b ^ flip_b) & both
    difference = ~subtracted[single] & is_xor

    def count(words: NDArray[np.uint64]) -> NDArray[np.int64]:
        return np.asarray(unpack(words, len(inputs)).sum(axis=1), np.int64)

    saved = _GATE * count(product | difference) + _SUBTRACTED * count(product & subtracted[single])
    return _SUBTRACTED * count(subtracted) - saved
