"""Kernels and tables as C99: what TVM writes, without TVM's headers, with the tables as constants of the file.

The same source serves every compiler. Tables are `static const`; where constant data would be copied to RAM (AVR), they
are in the address space `__flash` instead, which avr-gcc has in its default mode, `-std=gnu99`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import tvm
from tvm import tirx

from lgn_edge.kernels.tir import Kernel, Table

_VALUES_PER_LINE = 16

_PROLOGUE = """\
#include <stdint.h>

#if defined(__AVR__) && (defined(__FLASH) || defined(__flash)) && !defined(__STRICT_ANSI__)
#define TABLE static const __flash
#else
#define TABLE static const
#endif
"""


def c_source(kernels: Sequence[Kernel], comment: str, prologue: str = "", epilogue: str = "") -> str:
    """One C99 file with the kernels and their tables.

    Args:
        kernels: with distinct symbols. They call nothing but what `prologue` defines, and their variables are of
            global scope, the only one that TVM's C knows; pointers called `sample` and `words` are only read through.
            Tables may be shared.
        comment: the first line, without the comment's delimiters.
        prologue: C that goes before them.
        epilogue: C that goes behind them.
    """
    parts = [f"/* SPDX-License-Identifier: MIT-0 */\n/* {comment} */\n\n{_PROLOGUE}", *([prologue] if prologue else [])]
    written = set()
    for kernel in kernels:
        parts += [_table(table) for table in kernel.tables if table.symbol not in written]
        written |= {table.symbol for table in kernel.tables}
        prototype, function = _function(kernel)
        parts.append(f"{prototype};\n\n{function}")
    return "\n".join([*parts, *([epilogue] if epilogue else [])])


def _table(table: Table) -> str:
    values = [str(value) for value in table.values.tolist()]
    lines = [", ".join(values[start : start + _VALUES_PER_LINE]) for start in range(0, len(values), _VALUES_PER_LINE)]
    body = ",\n    ".join(lines)
    return f"TABLE {table.dtype}_t {table.symbol}[{len(values)}] = {{\n    {body},\n}};\n"


def _function(kernel: Kernel) -> tuple[str, str]:
    """Prototype and definition, out of what TVM writes around them."""
    target = tvm.target.Target({"kind": "c"})
    module = tvm.IRModule({kernel.symbol: kernel.function})
    module = tirx.transform.BindTarget(target)(module)
    text = str(tvm.get_global_func("target.build.c")(module, target).inspect_source())
    found = re.search(rf"^TVM_DLL (void {kernel.symbol}\([^)]*\)) (\{{.*^\}})$", text, re.MULTILINE | re.DOTALL)
    if not found:
        raise ValueError(f"TVM wrote no function {kernel.symbol}:\n{text}")
    signature, body = found.groups()
    for table in kernel.tables:  # a table is reached by its name, not by the address that TVM asks for
        body = re.sub(rf"^ *{table.dtype}_t\* {table.symbol} = .*;\n", "", body, flags=re.MULTILINE)
    readable = re.sub(r"(\w+)\* (sample|words)\b", r"const \1* \2", signature)
    return readable, f"{readable} {_used(body)}\n"


def _used(body: str) -> str:
    """The same, where variables that are only written are read once, for nothing: compilers warn of them.

    A loop that is empty for a network leaves its variables behind.
    """
    for line, name in re.findall(r"^( *\w+ (_ptr\w*)\[1\];\n)", body, re.MULTILINE):
        read = re.sub(rf"^ *{name}\[0\] = ", "", body.replace(line, ""), flags=re.MULTILINE)
        if not re.search(rf"\b{name}\b", read):
            body = body.replace(line, f"{line}{line[: len(line) - len(line.lstrip())]}(void){name};\n")
    return body
