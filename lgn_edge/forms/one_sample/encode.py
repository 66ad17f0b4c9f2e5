"""One sample into slots: encoded from its features, or loaded from packed bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.kernels.compare import float_above
from lgn_edge.kernels.encoding import Comparisons
from lgn_edge.kernels.tir import (
    Buffer,
    Expr,
    Integers,
    Kernel,
    Parameter,
    Table,
    as_index,
    constant,
    kernel,
    narrow,
    signed,
    variable,
)
from lgn_edge.network.layers import Int32Array

# Of a level of uint8 samples, whose difference from what it is compared with has its sign in the last of them.
LEVEL_BITS: Final = 9  # -1 to 255 less 0 to 255
EDGE_BITS: Final = 10  # -256 to 255 less -255 to 255


def pack_one(
    bits: Comparisons, complemented: NDArray[np.bool_], slot: str, n_slots: int, prefix: str, unroll: int = 1
) -> Kernel:
    """`void PREFIX_pack(const element *sample, slot *slots)`: encode one sample, a slot a bit.

    Args:
        bits: the comparisons, one a slot, in `loading_order`.
        complemented: bool[bits], the bits that are stored as their complements.
        slot: the type of a slot.
        n_slots: slots in all.
        prefix: of the C symbols.
        unroll: comparisons that the loop takes at a time, a power of two.
    """
    tables = tuple(Table(f"{prefix}_{name}", values) for name, values in encoder_tables(bits, complemented).items())
    parameters = (sample_parameter(bits), Parameter("slots", slot, n_slots))
    octets, flips = bits.element == "uint8", bool(complemented.any())
    n_edges = int(bits.is_edge.sum())
    n_plain = len(bits.feature) - n_edges

    def body(sample: Buffer, slots: Buffer, *table: Buffer) -> None:
        column = variable()

        def moved(step: Expr) -> Expr:
            at = T.Bind(column[0] + step)
            T.buffer_store(column, at, [0])
            return at

        def compare(bit: Expr) -> None:
            entry = T.Bind(as_index(table[0][bit]))
            at = moved(entry >> LEVEL_BITS if octets else entry >> 1 if flips else entry)
            if octets:
                # what the entry holds above the level does not reach the borrow
                value = borrow(entry - as_index(sample[at]), LEVEL_BITS)
            else:
                value = float_above(float_bits(sample[at]), as_index(table[1][bit]))
                value = tirx.Cast("int32", value) ^ (entry & 1) if flips else value
            T.buffer_store(slots, tirx.Cast(slot, value), [bit])

        def compare_edge(edge: Expr) -> None:
            entry = T.Bind(as_index(table[-2][edge]))
            at = moved(entry >> EDGE_BITS)
            minus = as_index(sample[at + as_index(table[-1][edge])])
            value = borrow(entry - as_index(sample[at]) + minus, EDGE_BITS)
            T.buffer_store(slots, tirx.Cast(slot, value), [edge + n_plain])

        T.buffer_store(column, constant(0, "int32"), [0])
        _unrolled(n_plain, unroll, compare)
        if n_edges:
            T.buffer_store(column, constant(0, "int32"), [0])
            _unrolled(n_edges, unroll, compare_edge)

    return kernel(f"{prefix}_pack", parameters, tables, body)


def sample_parameter(bits: Comparisons) -> Parameter:
    """The samples of a kernel, of the type that they have in memory."""
    return Parameter("sample", "uint8" if bits.element == "uint8" else "float32", 1)


def sample_type(bits: Comparisons) -> str:
    """The same type in C."""
    return "uint8_t" if bits.element == "uint8" else "float"


def float_bits(value: Expr) -> Expr:
    """The bit pattern of a float, int32, by the function of `classify.FLOAT_BITS`."""
    return tirx.call_extern("int32", "lgn_bits", value)


def encoder_tables(bits: Comparisons, complemented: NDArray[np.bool_]) -> dict[str, Integers]:
    """What `pack_one` reads for each bit.

    For uint8 one number: the step to its feature above some bits of the level, half of what these hold more where the
    bit is complemented: then the difference has a borrow where it had none. Edges, the last bits, start from feature 0
    again, and have a second number: how far behind their feature the one is that is subtracted. For float32 the step,
    above a bit that says whether it is complemented where one is, and the level.
    """
    if bits.element == "uint8":
        edge = bits.is_edge
        if not edge.any():
            return {"compare": _steps_and_levels(bits, complemented, LEVEL_BITS)}
        plain, edges = bits.of(~edge), bits.of(edge)
        return {
            "compare": _steps_and_levels(plain, complemented[~edge], LEVEL_BITS),
            "compare_edge": _steps_and_levels(edges, complemented[edge], EDGE_BITS),
            "minus": signed(edges.minus - edges.feature),
        }
    step = np.diff(bits.feature, prepend=0)
    return {"step": narrow(step << 1 | complemented if complemented.any() else step), "level": bits.level}


def _steps_and_levels(bits: Comparisons, complemented: NDArray[np.bool_], level_bits: int) -> Integers:
    step, sign = np.diff(bits.feature, prepend=0), 1 << (level_bits - 1)
    return narrow(step << level_bits | (bits.level + sign * complemented) % (2 * sign))


def borrow(difference: Expr, bits: int) -> Expr:
    """The last of the bits of a difference: unsigned, as C leaves to its compiler how a negative number is moved."""
    last = (tirx.Cast("uint32", difference) >> constant(bits - 1, "uint32")) & constant(1, "uint32")
    return tirx.Cast("int32", last)


def load_one(
    input_bit: Int32Array, complemented: NDArray[np.bool_], slot: str, n_slots: int, word: str, prefix: str
) -> Kernel:
    """`void PREFIX_load(const word *words, int32_t stride, int32_t bit, slot *slots)`: one packed sample.

    `words` points at the word of signal 0 that holds the sample, as bit `bit`; signal i is `stride` words further for
    each i. Slot s takes signal `input_bit[s]`, or its complement where `complemented[s]`.
    """
    flips = bool(complemented.any())
    table = Table(f"{prefix}_input_bit", narrow(input_bit << 1 | complemented if flips else input_bit))
    parameters = (
        Parameter("words", word, 1),
        Parameter("stride"),
        Parameter("bit"),
        Parameter("slots", slot, n_slots),
    )

    def body(words: Buffer, stride: Expr, bit: Expr, slots: Buffer, input_bit: Buffer) -> None:
        with T.serial(0, len(table.values)) as i:
            entry = T.Bind(as_index(input_bit[i]))
            value = words[(entry >> 1 if flips else entry) * stride] >> tirx.Cast(word, bit)
            value = value ^ tirx.Cast(word, entry) if flips else value
            T.buffer_store(slots, tirx.Cast(slot, value & constant(1, word)), [i])

    return kernel(f"{prefix}_load", parameters, (table,), body)


def _unrolled(count: Expr | int, factor: int, emit: Callable[[Expr], None]) -> None:
    """`emit(0)` to `emit(count - 1)`: a loop that takes `factor`, a power of two, at a time, and one for the rest."""
    done: Expr | int = 0
    if factor > 1 and not (isinstance(count, int) and count < factor):
        with T.serial(0, count // factor if isinstance(count, int) else count >> (factor.bit_length() - 1)) as group:
            for i in range(factor):
                emit(group * factor + i)
        done = count - count % factor if isinstance(count, int) else T.Bind(count & -factor)
    if not (isinstance(count, int) and count == done):
        with T.serial(done, count) as i:
            emit(i)
