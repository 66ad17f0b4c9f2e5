"""What every kernel is written with: C-callable TIR functions, constant tables, and snippets of LLVM IR.

A kernel is one `PrimFunc` over raw pointers that returns nothing and calls nothing, so its object is a plain C symbol
without TVM's runtime. Tables are symbols of the artifact's read-only data: the code does not grow with the network, and
compiling it does not take longer for a larger one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tvm import tirx
from tvm.ir import PointerType, PrimType, StringImm, TupleType
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script.builder import ir as T

Expr: TypeAlias = Any  # TVM ships no types of its own
Buffer: TypeAlias = Any
PrimFunc: TypeAlias = Any
Integers: TypeAlias = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Table:
    """A constant array that a kernel reads.

    Attributes:
        symbol: the C symbol, in the artifact's read-only data, aligned to 64 bytes.
        values: one-dimensional integers.
    """

    symbol: str
    values: Integers

    @property
    def dtype(self) -> str:
        """The element type as TIR spells it."""
        return str(self.values.dtype.name)


@dataclass(frozen=True)
class Kernel:
    """A compiled-to-be C function and the tables it reads."""

    symbol: str
    function: PrimFunc
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class Parameter:
    """A parameter of a kernel.

    Attributes:
        name: as it shows in the IR.
        dtype: of the value, or of what it points at.
        elements: how many it points at, when it is a pointer to a known number of them; 1 when the number is not known.
            None for a scalar.
    """

    name: str
    dtype: str = "int32"
    elements: int | None = None


def kernel(
    symbol: str, parameters: Sequence[Parameter], tables: Sequence[Table], body: Callable[..., None], llvm: str = ""
) -> Kernel:
    """Make a kernel.

    Args:
        symbol: its C name.
        parameters: in the order of the C function.
        tables: what it reads.
        body: called once to emit the statements, with a value or buffer a parameter, then a buffer a table.
        llvm: more LLVM IR, for instructions that TIR cannot name.
    """
    imported = llvm + "".join(_getter(table) for table in tables)
    with IRBuilder() as builder, T.prim_func():
        T.func_name(symbol)
        T.func_ret(TupleType([]))
        arguments = [T.arg(p.name, pointer_or_value(p)) for p in parameters]
        values = [
            value if p.elements is None else T.decl_buffer((p.elements,), p.dtype, data=value)
            for p, value in zip(parameters, arguments, strict=True)
        ]
        body(*values, *(_table_buffer(table) for table in tables))
    function = builder.get()
    if imported:
        snippet = tirx.AttrStmt(tirx.IntImm("int32", 0), "pragma_import_llvm", StringImm(imported), function.body)
        function = function.with_body(snippet)
    function = function.with_attr({"global_symbol": symbol, "tirx.noalias": True})
    return Kernel(symbol, function, tuple(tables))


def scratch(dtype: str, elements: int) -> Buffer:
    """An array on the stack."""
    return T.alloc_buffer((elements,), dtype, scope="local")


def row(buffer: Buffer, index: Expr, lanes: int) -> Expr:
    """Load `lanes` elements that start at `index * lanes`."""
    return buffer[index] if lanes == 1 else tirx.BufferLoad(buffer, [tirx.Ramp(index * lanes, 1, lanes)])


def store_row(buffer: Buffer, index: Expr, lanes: int, value: Expr) -> None:
    """Store what `row` loads."""
    T.buffer_store(buffer, value, [index if lanes == 1 else tirx.Ramp(index * lanes, 1, lanes)])


def constant(value: int, dtype: str, lanes: int = 1) -> Expr:
    """A constant, the same in every lane."""
    scalar = tirx.const(value, dtype)
    return scalar if lanes == 1 else tirx.Broadcast(scalar, lanes)


def repeat(
    stop: int | Expr, first: int, value: Expr, step: Callable[[Expr, Expr], Expr], dtype: str, lanes: int
) -> Expr:
    """Give `value` through `step(i, value)` for each i from `first` to `stop - 1`, and return what is left.

    Unrolled where `stop` is a number; a loop where it is known only when the kernel runs.
    """
    if isinstance(stop, int):
        for i in range(first, stop):
            value = step(i, value)
        return value
    carried = scratch(dtype, lanes)
    store_row(carried, 0, lanes, value)
    with T.serial(first, stop) as i:
        store_row(carried, 0, lanes, step(i, row(carried, 0, lanes)))
    return T.Bind(row(carried, 0, lanes))


def narrow(values: Integers) -> Integers:
    """The same non-negative values in the narrowest of uint8, uint16 and uint32, never empty."""
    largest = int(values.max(initial=0))
    array: Integers = values.astype(np.uint8 if largest < 1 << 8 else np.uint16 if largest < 1 << 16 else np.uint32)
    return array if len(array) else np.zeros(1, np.uint8)


def signed(values: Integers) -> Integers:
    """The same values in the narrowest of int8, int16 and int32, at least one."""
    fits = (kind for kind in (np.int8, np.int16) if np.array_equal(values.astype(kind), values))
    array: Integers = values.astype(next(fits, np.int32))
    return array


def quotient(value: int | Expr, divisor: int) -> int | Expr:
    """`value // divisor`, as machines have it: the divisor is a power of two, so that it is a shift."""
    return value >> (divisor.bit_length() - 1)


def as_index(value: Expr) -> Expr:
    """An element of a table as an int32 to compute addresses with."""
    return tirx.Cast("int32", value)


def variable(dtype: str = "int32") -> Buffer:
    """A local variable; TVM's C knows arrays of global scope only."""
    return T.alloc_buffer((1,), dtype, scope="global")


def pointer_or_value(parameter: Parameter, scope: str = "") -> Expr:
    """The variable that a parameter is; `scope` is of the memory that a pointer leads to."""
    kind = PrimType(parameter.dtype)
    return tirx.Var(parameter.name, kind if parameter.elements is None else PointerType(kind, scope))


def _getter(table: Table) -> str:
    """LLVM IR that reaches the table: a hidden external symbol and an inlined function that returns its address."""
    element = f"i{table.values.dtype.itemsize * 8}"
    return (
        f"@{table.symbol} = external hidden constant [{len(table.values)} x {element}], align 64\n"
        f"define linkonce_odr hidden ptr @{table.symbol}_address() alwaysinline {{ ret ptr @{table.symbol} }}\n"
    )


def _table_buffer(table: Table) -> Buffer:
    address = tirx.call_extern(PointerType(PrimType(table.dtype)), f"{table.symbol}_address")
    data = pointer_or_value(Parameter(table.symbol, table.dtype, 1))
    T.Bind(address, var=data)
    return T.decl_buffer((len(table.values),), table.dtype, data=data)
