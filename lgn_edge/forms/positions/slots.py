"""From words of positions to bytes: what the gates behind image layers read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lgn_edge.forms.positions.program import Memory, Positions
from lgn_edge.network import Circuit
from lgn_edge.network.layers import Int32Array
from lgn_edge.network.truth_table import UInt8Array
from lgn_edge.passes.kernel_tables import BoolArray


@dataclass(frozen=True)
class Group:
    """Words that become slots, each the same bits: word by word, bit by bit.

    Attributes:
        words: int32[n].
        bits: int32[b], ascending.
    """

    words: Int32Array
    bits: Int32Array


@dataclass(frozen=True)
class Slots:
    """Bytes 0 and 1 in a row.

    Attributes:
        groups: whose bits are the slots, one group behind the other.
        slot: int32, of each bit of the encoder, then of each output of the image layers: where it is; -1 where it has
            no slot.
    """

    groups: tuple[Group, ...]
    slot: Int32Array

    @property
    def size(self) -> int:
        """Slots in all."""
        return sum(len(group.words) * len(group.bits) for group in self.groups)

    def evaluate(self, memory: Memory) -> UInt8Array:
        """The slots uint8[size, n] of words [words, n]: the definition."""
        bits = [group.bits[:, None].astype(memory.dtype) for group in self.groups]
        parts = [memory[group.words][:, None] >> bit & 1 for group, bit in zip(self.groups, bits, strict=True)]
        return np.concatenate([part.reshape(-1, memory.shape[1]) for part in parts]).astype(np.uint8)

    def read_by(self, circuit: Circuit) -> Circuit:
        """The circuit, whose inputs are signals as `slot` has them, as a reader of slots."""
        place = np.concatenate([self.slot, np.arange(circuit.n_gates) + self.size])
        return Circuit(
            self.size, circuit.table, place[circuit.a], place[circuit.b], place[circuit.outputs], circuit.inverted
        )


def slots_of(positions: Positions, live: BoolArray, widths: dict[int, int]) -> Slots:
    """The slots that hold what is live.

    Args:
        positions: has words for all of it.
        live: bool, which bits of the encoder, then of the outputs of the image layers.
        widths: how many bits each of them has, by source, in that order.
    """
    groups, slots, size = [], [], 0
    for source, alive in zip(widths, np.split(live, np.cumsum(list(widths.values()))[:-1]), strict=True):
        slot = np.full(widths[source], -1, np.int64)
        if alive.any():
            signals, word, bit = positions.images[source].places()
            words = np.unique(word[alive[signals]])
            bits = np.unique(bit[alive[signals]])
            at = np.minimum(np.searchsorted(words, word), len(words) - 1) * len(bits) + np.searchsorted(bits, bit)
            slot[signals[alive[signals]]] = size + at[alive[signals]]
            groups.append(Group(words.astype(np.int32), bits.astype(np.int32)))
            size += len(words) * len(bits)
        slots.append(slot)
    return Slots(tuple(groups), np.concatenate(slots).astype(np.int32))
