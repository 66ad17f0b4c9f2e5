"""Bits of words of positions into slots, a byte a bit."""

from __future__ import annotations

from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.positions.memory import memory
from lgn_edge.forms.positions.program import Positions
from lgn_edge.forms.positions.slots import Slots
from lgn_edge.kernels.tir import Buffer, Kernel, Parameter, Table, as_index, constant, kernel, narrow


def expand(positions: Positions, slots: Slots, n_slots: int, prefix: str) -> Kernel:
    """`void PREFIX_expand(word *memory, uint8_t *slots)`: bits of words into slots, a byte a bit."""
    tables = [Table(f"{prefix}_word{i}", narrow(group.words)) for i, group in enumerate(slots.groups)]

    def body(memory: Buffer, slot: Buffer, *words: Buffer) -> None:
        first = 0
        for group, word in zip(slots.groups, words, strict=True):
            with T.serial(0, len(group.words)) as i:
                value = T.Bind(memory[as_index(word[i])])
                to = T.Bind(i * len(group.bits) + first)
                for place, bit in enumerate(group.bits.tolist()):
                    one = value >> constant(bit, positions.word) & constant(1, positions.word)
                    T.buffer_store(slot, tirx.Cast("uint8", one), [to + place])
            first += len(group.words) * len(group.bits)

    return kernel(f"{prefix}_expand", [memory(positions), Parameter("slots", "uint8", n_slots)], tables, body)
