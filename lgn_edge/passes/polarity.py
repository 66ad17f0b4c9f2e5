"""Which inputs are stored as their complements, so that a core with multiply-and-add counts more outputs in one go."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.network import Circuit
from lgn_edge.network.bits import pack, unpack
from lgn_edge.network.truth_table import A_AND_NOT_B, AND, OR, XOR, Words
from lgn_edge.passes.rewrite import BoolArray

# What counting costs, in half instructions: a gate whose product goes straight into the sum has no instruction of its
# own, and a subtraction is an instruction of four bytes instead of two.
_GATE, _SUBTRACTED = 3, 2

_MOST_WORK: Final = 1 << 23  # live inputs times gates; beyond, no input is stored as its complement
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

    Cost: O(live inputs * gates), some twenty times; a circuit for which that is more than some millions is not looked
    at, and none of its inputs stored as its complement.
    """
    read = np.zeros(circuit.n_signals, np.bool_)
    read[circuit.a] = read[circuit.b] = read[circuit.outputs] = True
    live = np.flatnonzero(read[: circuit.n_inputs])
    if len(live) * circuit.n_gates > _MOST_WORK:
        return np.zeros(circuit.n_inputs, np.bool_)
    single = _counted_once(circuit)
    polarity = np.zeros(circuit.n_inputs, np.bool_)
    best = np.iinfo(np.int64).max
    many = len(live)
    while many:
        cost = _costs(circuit, single, _flipped(polarity, live), 1 + len(live))
        best, gain = int(cost[0]), cost[0] - cost[1:]
        chosen = live[np.argsort(-gain, kind="stable")[: min(many, int((gain > 0).sum()))]]
        many = len(chosen)
        while many:  # flips that are good alone may be bad together
            candidate = polarity.copy()
            candidate[chosen[:many]] ^= True
            if _costs(circuit, single, pack(candidate[None]), 1)[0] < best:
                polarity, many = candidate, len(live)
                break
            many //= 2
    return polarity


def _flipped(polarity: BoolArray, live: NDArray[np.int64]) -> Words:
    """Packed [n_inputs, words]: sample 0 is the polarity, sample 1 + i has the input `live[i]` flipped."""
    words = np.repeat(np.where(polarity, _ONES, 0)[:, None], len(live) // 64 + 1, axis=1)
    sample = 1 + np.arange(len(live), dtype=np.uint64)
    words[live, sample // 64] ^= np.uint64(1) << sample % 64
    return words


def _counted_once(circuit: Circuit) -> NDArray[np.int64]:
    """The outputs whose gate nothing else reads."""
    uses = np.bincount(np.concatenate([circuit.a, circuit.b, circuit.outputs]), minlength=circuit.n_signals)
    return np.flatnonzero((circuit.outputs >= circuit.n_inputs) & (uses[circuit.outputs] == 1))


def _costs(circuit: Circuit, single: NDArray[np.int64], inputs: Words, n: int) -> NDArray[np.int64]:
    """What counting costs, int64[n], with the polarity of each of `n` samples of packed inputs [n_inputs, words]."""
    everything = Circuit(
        circuit.n_inputs,
        circuit.table,
        circuit.a,
        circuit.b,
        np.arange(circuit.n_signals, dtype=np.int32),
        np.zeros(circuit.n_signals, np.bool_),
    )
    value = everything.evaluate(inputs)
    inverted = np.where(circuit.inverted, _ONES, 0)[:, None]
    subtracted = value[circuit.outputs] ^ inverted
    gate = circuit.outputs[single] - circuit.n_inputs
    a, b = value[circuit.a[gate]], value[circuit.b[gate]]
    both, flip_a, flip_b, is_xor = (masks[circuit.table[gate]][:, None] for masks in (_AND, _AND_A, _AND_B, _XOR))
    product = (a ^ flip_a) & (b ^ flip_b) & both
    difference = ~subtracted[single] & is_xor

    def count(words: NDArray[np.uint64]) -> NDArray[np.int64]:
        return np.asarray(unpack(words, n).sum(axis=1), np.int64)

    saved = _GATE * count(product | difference) + _SUBTRACTED * count(product & subtracted[single])
    return _SUBTRACTED * count(subtracted) - saved
