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
    variable,
)
from lgn_edge.network.layers import Int32Array

LEVEL_BITS: Final = 9  # of a level of uint8 samples: -1 to 255, and 256 more


def pack_one(
    bits: Comparisons, complemented: NDArray[np.bool_], slot: str, n_slots: int, prefix: str, unroll: int = 1
) -> Kernel:
    """`void PREFIX_pack(const element *sample, slot *slots)`: encode one sample, a slot a bit.

    Args:
        bits: the comparisons, one a slot, by feature.
        complemented: bool[bits], the bits that are stored as their complements.
        slot: the type of a slot.
        n_slots: slots in all.
        prefix: of the C symbols.
        unroll: comparisons that the loop takes at a time, a power of two.
    """
    tables = tuple(Table(f"{prefix}_{name}", values) for name, values in encoder_tables(bits, complemented).items())
    parameters = (sample_parameter(bits), Parameter("slots", slot, n_slots))
    octets, flips = bits.element == "uint8", bool(complemented.any())

    def body(sample: Buffer, slots: Buffer, *table: Buffer) -> None:
        column = variable()
        T.buffer_store(column, constant(0, "int32"), [0])

        def compare(bit: Expr) -> None:
            entry = T.Bind(as_index(table[0][bit]))
            step = entry >> LEVEL_BITS if octets else entry >> 1 if flips else entry
            at = T.Bind(column[0] + step)
            T.buffer_store(column, at, [0])
            if octets:
                # bit 8 of the difference is its borrow; what the entry holds above the level does not reach it
                value = borrow(entry - as_index(sample[at]))
            else:
                value = float_above(float_bits(sample[at]), as_index(table[1][bit]))
                value = tirx.Cast("int32", value) ^ (entry & 1) if flips else value
            T.buffer_store(slots, tirx.Cast(slot, value), [bit])

        _unrolled(len(bits.feature), unroll, compare)

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

    For uint8 one number: the step to its feature above nine bits of the level, 256 more where the bit is complemented:
    then the difference has a borrow where it had none. For float32 the step, above a bit that says whether it is
    complemented where one is, and the level.
    """
    step = np.diff(bits.feature, prepend=0)
    if bits.element == "uint8":
        level = (bits.level + 256 * complemented) % (1 << LEVEL_BITS)
        return {"compare": narrow(step << LEVEL_BITS | level)}
    return {"step": narrow(step << 1 | complemented if complemented.any() else step), "level": bits.level}


def borrow(difference: Expr) -> Expr:
    """Bit 8 of a difference, 0 or 1: unsigned, as C leaves to its compiler how a negative number is moved."""
    eighth = (tirx.Cast("uint32", difference) >> constant(8, "uint32")) & constant(1, "uint32")
    return tirx.Cast("int32", eighth)


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
