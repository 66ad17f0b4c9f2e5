"""A network as waves of gates that may run at once, each with trees behind it that count outputs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lgn_edge.errors import InvariantError
from lgn_edge.forms.gpu.sizes import PLANES, TREE
from lgn_edge.network.bits import unpack
from lgn_edge.network.layers import ArrayRecord, Int32Array
from lgn_edge.network.truth_table import UInt8Array, Words


@dataclass(frozen=True, eq=False)
class WaveProgram(ArrayRecord):
    """Gates and trees over slots, of which all of a wave or round run between two barriers.

    Live input `input_bit[i]` is loaded into slot i. Then come steps of a wave and a round each. Gate g of a wave writes
    `wave_gate(kind[g], slot[a[g]], slot[b[g]])` to `slot[dst[g]]`. Tree t of a round counts the ones in its 31 slots
    and writes the five bits of the number, the lowest first, to its planes. Score c is in the end base[c], and the
    weight of each of its terms for each sample of which the term's slot has a one.

    Nothing is written in a wave or round that is read or written by another in it.

    Attributes:
        n_inputs: input bits of the circuit, live or not.
        input_bit: int32[L], the live inputs, ascending; at least one.
        n_slots: slots in all.
        kind: uint8[G], see `wave_gate`.
        a, b, dst: int32[G], slots.
        wave_stop: int32[steps], the gate behind the last of each wave, ascending; waves may be empty.
        tree_source: int32[31 * T], slots.
        tree_plane: int32[5 * T], slots.
        round_stop: int32[steps], the tree behind the last of each round, ascending; rounds may be empty.
        term_slot: int32[terms].
        term_weight: int32[terms], a power of two, or less 0 the negative of one.
        term_stop: int32[classes], the term behind the last of each.
        base: int32[classes].
    """

    n_inputs: int
    input_bit: Int32Array
    n_slots: int
    kind: UInt8Array
    a: Int32Array
    b: Int32Array
    dst: Int32Array
    wave_stop: Int32Array
    tree_source: Int32Array
    tree_plane: Int32Array
    round_stop: Int32Array
    term_slot: Int32Array
    term_weight: Int32Array
    term_stop: Int32Array
    base: Int32Array

    def __post_init__(self) -> None:
        """Raises InvariantError where a wave or round depends on the order in it."""
        if len(self.wave_stop) != len(self.round_stop):
            raise InvariantError("program: waves and rounds are not as many")
        wave = _step(self.wave_stop, self.n_gates)
        _check(self.n_slots, np.concatenate([wave, wave]), np.concatenate([self.a, self.b]), wave, self.dst)
        round_ = _step(self.round_stop, self.n_trees)
        read, written = np.repeat(round_, TREE), np.repeat(round_, PLANES)
        _check(self.n_slots, read, self.tree_source, written, self.tree_plane)

    @property
    def n_gates(self) -> int:
        """Gates executed."""
        return len(self.dst)

    @property
    def n_live_inputs(self) -> int:
        """Inputs that are loaded."""
        return len(self.input_bit)

    @property
    def n_trees(self) -> int:
        """Trees counted."""
        return len(self.tree_plane) // PLANES

    @property
    def n_steps(self) -> int:
        """Waves, and rounds."""
        return len(self.wave_stop)

    @property
    def classes(self) -> int:
        """Scores of a sample."""
        return len(self.base)

    def evaluate(self, words: ArrayLike) -> Int32Array:
        """Scores int32[samples, classes] of packed inputs [n_inputs, words], all bits of the words: the definition."""
        inputs = np.asarray(words)
        slots = np.zeros((self.n_slots, inputs.shape[1]), inputs.dtype)
        slots[: self.n_live_inputs] = inputs[self.input_bit]
        samples = inputs.shape[1] * inputs.dtype.itemsize * 8
        source, plane = self.tree_source.reshape(-1, TREE), self.tree_plane.reshape(-1, PLANES)
        gates, trees = (pairwise([0, *stops.tolist()]) for stops in (self.wave_stop, self.round_stop))
        for gate, tree in zip(gates, trees, strict=True):
            wave, round_ = slice(*gate), slice(*tree)
            slots[self.dst[wave]] = wave_gate(self.kind[wave], slots[self.a[wave]], slots[self.b[wave]])
            rows = [unpack(slots[row], samples).sum(1, dtype=np.uint8) for row in source[round_]]
            bits = np.stack([np.zeros(samples, np.uint8), *rows])[1:]
            for i in range(PLANES):
                packed = np.packbits(bits >> i & 1, axis=1, bitorder="little")
                slots[plane[round_, i]] = packed.view(inputs.dtype)
        scores = np.repeat(self.base[None], samples, axis=0)
        terms = unpack(slots[self.term_slot], samples) * self.term_weight
        for c, (start, stop) in enumerate(pairwise([0, *self.term_stop.tolist()])):
            scores[:, c] += terms[:, start:stop].sum(1, dtype=np.int32)
        return scores


def wave_gate(kind: UInt8Array, a: Words, b: Words) -> Words:
    """One gate a row: `(ka & a) ^ (b & (kb ^ (kab & a)))`, where bits 0, 1 and 2 of the kind are ka, kb and kab.

    That is every gate of which f(0, 0) = 0, and no others are left when complements are pushed.
    """
    ones = np.array(np.iinfo(a.dtype).max, a.dtype)
    ka, kb, kab = ((kind[:, None] >> i & 1).astype(a.dtype) * ones for i in range(3))
    return np.asarray((ka & a) ^ (b & (kb ^ (kab & a))))


def _step(stop: Int32Array, count: int) -> NDArray[np.int64]:
    """The wave or round of each."""
    if (np.diff(stop, prepend=0) < 0).any() or (stop[-1] if len(stop) else 0) != count:
        raise InvariantError("program: the waves or rounds are not those of all gates or trees")
    return np.repeat(np.arange(len(stop)), np.diff(stop, prepend=0))


def _check(
    n_slots: int, read_step: NDArray[np.int64], read: Int32Array, written_step: NDArray[np.int64], written: Int32Array
) -> None:
    reads = np.unique(read_step * n_slots + read)
    writes = np.sort(written_step * n_slots + written)
    if (np.diff(writes) == 0).any() or np.isin(writes, reads, assume_unique=True).any():
        raise InvariantError("program: a wave or round writes what it reads, or writes it twice")
