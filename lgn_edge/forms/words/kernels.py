"""The kernels of a tape for as many samples as a word has bits: a slot is a word, and outputs are counted in planes.

Plane p of a class holds bit p of its count for each sample; a full adder takes two outputs at once. What is subtracted
is added as its complement, so that a class has one set of planes. The tape's tables are those of one sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.one_sample.classify import first_maximum
from lgn_edge.forms.one_sample.encode import (
    EDGE_BITS,
    LEVEL_BITS,
    borrow,
    encoder_tables,
    float_bits,
    sample_parameter,
)
from lgn_edge.forms.table.kernels import Operands, Walk, tape_tables
from lgn_edge.forms.table.tape import N_OPERATIONS, Tape
from lgn_edge.kernels.compare import float_above
from lgn_edge.kernels.encoding import Comparisons
from lgn_edge.kernels.shape import Shape
from lgn_edge.kernels.tir import Buffer, Expr, Kernel, Parameter, Table, as_index, constant, kernel, narrow, variable
from lgn_edge.network import Head
from lgn_edge.network.layers import Int32Array
from lgn_edge.passes.push_complements import EXECUTE

_TOGETHER = 4  # samples that the packing loop takes at a time
_SPREAD = 0x01010101  # the lowest bit of each octet


def pack_words(bits: Comparisons, n_slots: int, shape: Shape, tables: str, prefix: str) -> Kernel:
    """`void PREFIX_pack_words(const element *sample, word *slots)`: encode a word of samples, row by row.

    Args:
        bits: the comparisons, one a slot, in `loading_order`.
        n_slots: slots in all.
        shape: its words.
        tables: prefix of the tables' symbols.
        prefix: of the C symbols.
    """
    found = encoder_tables(bits, np.zeros(len(bits.feature), np.bool_))
    read = tuple(Table(f"{tables}_{name}", values) for name, values in found.items())
    parameters = (sample_parameter(bits), Parameter("slots", shape.word, n_slots))
    octets, n_edges = bits.element == "uint8", int(bits.is_edge.sum())
    n_plain = len(bits.feature) - n_edges

    def body(sample: Buffer, slots: Buffer, *table: Buffer) -> None:
        column, word = variable(), variable(shape.word)

        def compare(count: int, first: int, steps: Buffer, level_bits: int, above: Callable[..., Expr]) -> None:
            T.buffer_store(column, constant((shape.word_bits - 1) * bits.n_features, "int32"), [0])
            with T.serial(0, count) as bit:
                entry = T.Bind(as_index(steps[bit]))
                last = T.Bind(column[0] + (entry >> level_bits if octets else entry))
                T.buffer_store(column, last, [0])
                T.buffer_store(word, constant(0, shape.word), [0])
                with T.serial(0, shape.word_bits // _TOGETHER) as four:
                    for i in range(_TOGETHER):  # the last sample first
                        value = above(bit, entry, last - (four * _TOGETHER + i) * bits.n_features)
                        shifted = tirx.Cast("uint32", word[0]) << constant(1, "uint32")
                        T.buffer_store(word, tirx.Cast(shape.word, shifted | tirx.Cast("uint32", value)), [0])
                T.buffer_store(slots, word[0], [bit + first if first else bit])

        def plain(bit: Expr, entry: Expr, at: Expr) -> Expr:
            if octets:
                return borrow(entry - as_index(sample[at]), LEVEL_BITS)
            return float_above(float_bits(sample[at]), as_index(table[1][bit]))

        def edge(bit: Expr, entry: Expr, at: Expr) -> Expr:
            minus = as_index(sample[at + as_index(table[-1][bit])])
            return borrow(entry - as_index(sample[at]) + minus, EDGE_BITS)

        if n_plain:
            compare(n_plain, 0, table[0], LEVEL_BITS, plain)
        if n_edges:
            compare(n_edges, n_plain, table[-2], EDGE_BITS, edge)

    return kernel(f"{prefix}_pack_words", parameters, read, body)


def load_words(input_bit: Int32Array, n_slots: int, shape: Shape, tables: str, prefix: str) -> Kernel:
    """`void PREFIX_load_words(const word *words, int32_t stride, word *slots)`: one word of packed samples.

    `words` points at the word of signal 0; signal i is `stride` words further for each i.
    """
    table = Table(f"{tables}_input_bit", narrow(input_bit))
    parameters = (Parameter("words", shape.word, 1), Parameter("stride"), Parameter("slots", shape.word, n_slots))

    def body(words: Buffer, stride: Expr, slots: Buffer, input_bit: Buffer) -> None:
        with T.serial(0, len(table.values)) as i:
            T.buffer_store(slots, words[as_index(input_bit[i]) * stride], [i])

    return kernel(f"{prefix}_load_words", parameters, (table,), body)


def run_words(tape: Tape, head: Head, shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_run_words(word *slots, int32_t *scores, uint16_t *classes)`: scores[samples][classes], and classes.

    Args:
        tape: what to run; its live inputs are in their slots already.
        head: classes.
        shape: its words.
        prefix: of the C symbols.
    """
    word = shape.word
    entries = tape.length.reshape(-1, N_OPERATIONS)[len(tape.where) :].sum(axis=1) + tape.slots
    n_planes = int(entries.reshape(-1, 2).sum(axis=1).max()).bit_length()
    base = Table(f"{prefix}_words_base", (tape.base - entries[1::2]).astype(np.int32))
    parameters = (
        Parameter("slots", word, tape.n_slots),
        Parameter("scores", "int32", 1),
        Parameter("classes", "uint16", 1),
    )

    def body(slots: Buffer, scores: Buffer, classes: Buffer, *tables: Buffer) -> None:
        *walked, base = tables
        walk, flip = Walk(tape, slots, word, (1 << shape.word_bits) - 1, walked), variable(word)
        planes = T.alloc_buffer((max(n_planes, 1),), word, scope="global")
        walk.store()

        def count(gates: Sequence[Operands]) -> None:
            count_words([tirx.Cast(word, EXECUTE[op](a, b)) for op, a, b in gates])

        def count_words(values: Sequence[Expr]) -> None:
            _add(planes, n_planes, [T.Bind(tirx.Cast(word, value) ^ flip[0]) for value in values])

        with T.serial(0, head.n_outputs) as c:
            for plane in range(n_planes):
                T.buffer_store(planes, constant(0, word), [plane])
            with T.serial(0, 2) as sign:
                T.buffer_store(flip, tirx.Cast(word, 0 - sign), [0])
                walk.count(c * 2 + sign, count, count_words)
            with T.serial(0, 8) as first:
                octets = [_octets(planes, low, n_planes, first, shape) for low in range(0, n_planes, 8)]
                for octet in range(shape.word_bits // 8):
                    score = as_index(base[c])
                    for number, sums in enumerate(octets):
                        value = (sums >> constant(8 * octet, "uint32")) & constant(255, "uint32")
                        score = score + (tirx.Cast("int32", value) << 8 * number)
                    T.buffer_store(scores, score, [(first + 8 * octet) * head.n_outputs + c])
        with T.serial(0, shape.word_bits) as sample:
            first_maximum(scores, classes, head.n_outputs, sample)

    return kernel(f"{prefix}_run_words", parameters, (*tape_tables(tape, prefix), base), body)


def _add(planes: Buffer, n_planes: int, values: list[Expr], level: int = 0) -> None:
    """Add words of one weight to the planes: two by a full adder, a last one by a half adder; then their carries."""
    if not values or level == n_planes:
        return
    plane, carries = T.Bind(planes[level]), []
    for i in range(0, len(values) - 1, 2):
        x, y = values[i], values[i + 1]
        either = T.Bind(plane ^ x)
        carries.append((either & y) | (plane & x))
        plane = T.Bind(either ^ y)
    if len(values) % 2:
        carries.append(plane & values[-1])
        plane = plane ^ values[-1]
    carries = [T.Bind(carry) for carry in carries] if level + 1 < n_planes else []
    T.buffer_store(planes, plane, [level])
    _add(planes, n_planes, carries, level + 1)


def _octets(planes: Buffer, low: int, n_planes: int, first: Expr, shape: Shape) -> Expr:
    """Eight bits of the counts of samples `first`, `first + 8`, ..., an octet each."""
    mask = constant(_SPREAD & ((1 << shape.word_bits) - 1), "uint32")
    sums: Expr = constant(0, "uint32")
    for plane in range(low, min(low + 8, n_planes)):
        bits = (tirx.Cast("uint32", planes[plane]) >> tirx.Cast("uint32", first)) & mask
        sums = sums + (bits << constant(plane - low, "uint32"))
    return T.Bind(sums)
