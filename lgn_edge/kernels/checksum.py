"""A number that changes with every flipped bit of the tables: what the self-test holds against the build's."""

from __future__ import annotations

from collections.abc import Sequence

from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.kernels.tir import Buffer, Kernel, Parameter, Table, constant, kernel

_FACTOR = 31  # odd, so that multiplying loses nothing: two tables that differ in one element never agree


def checksum(tables: Sequence[Table], prefix: str) -> Kernel:
    """`void PREFIX_checksum(uint32_t *result)`: `checksum_of` the tables, as the device reads them."""

    def body(result: Buffer, *buffers: Buffer) -> None:
        T.buffer_store(result, constant(0, "uint32"), [0])
        for table, buffer in zip(tables, buffers, strict=True):
            with T.serial(0, len(table.values)) as i:
                # in a variable: GCC warns of the sign when a narrow number widens and is added at once
                value = T.Bind(tirx.Cast("uint32", buffer[i]))
                T.buffer_store(result, result[0] * constant(_FACTOR, "uint32") + value, [0])

    return kernel(f"{prefix}_checksum", (Parameter("result", "uint32", 1),), tables, body)


def checksum_of(tables: Sequence[Table]) -> int:
    """The last h of `h = 31 * h + value`, modulo 2**32, over all values of all tables."""
    h = 0
    for table in tables:
        for value in table.values.tolist():
            h = (h * _FACTOR + value) % 2**32
    return h
