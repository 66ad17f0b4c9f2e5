"""Kernels and tables to objects of a target."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tvm
from tvm import tirx

from lgn_edge.kernels.tir import Kernel
from lgn_edge.targets.target import Target
from lgn_edge.targets.toolchain import assemble


def compile_kernels(kernels: Sequence[Kernel], target: Target, folder: Path) -> list[Path]:
    """Compile kernels with TVM's LLVM and assemble their tables.

    The code does not depend on the values of the tables, and its size does not grow with them.

    Args:
        kernels: with distinct symbols.
        target: what to compile for.
        folder: where the objects are written.

    Returns:
        the objects: one with the code, one with the tables.
    """
    code = folder / "kernels.o"
    _build(kernels, target).write_to_file(str(code))
    return [code, _assemble_tables(kernels, target, folder)]


def kernel_source(kernels: Sequence[Kernel], target: Target, form: str = "s") -> str:
    """What LLVM makes of the kernels: assembly ("s") or its own IR ("ll"), to look at."""
    return str(_build(kernels, target).inspect_source(form))


def _build(kernels: Sequence[Kernel], target: Target) -> tvm.runtime.Module:
    """Straight to LLVM: TVM's default pipeline would add its runtime's calling convention and checks."""
    llvm = _llvm_target(target)
    module = tvm.IRModule({kernel.symbol: kernel.function for kernel in kernels})
    module = tirx.transform.LowerIntrin()(tirx.transform.BindTarget(llvm)(module))
    return tvm.get_global_func("target.build.llvm")(module, llvm)


def _llvm_target(target: Target) -> tvm.target.Target:
    options: dict[str, object] = {"kind": "llvm", "mtriple": target.triple, "mcpu": target.cpu}
    if target.attributes:
        options["mattr"] = list(target.attributes)
    if target.vector_bits:
        options["vector-width"] = target.vector_bits
    return tvm.target.Target(options)


def _assemble_tables(kernels: Sequence[Kernel], target: Target, folder: Path) -> Path:
    """Tables are included as bytes by the assembler: no compiler looks at them, so a large one costs its copying."""
    lines = []
    for table in (table for kernel in kernels for table in kernel.tables):
        data = folder / f"{table.symbol}.bin"
        values = table.values
        data.write_bytes(values.astype(values.dtype.newbyteorder("<")).tobytes())
        # Wide machines load whole vectors from tables; small ones would only lose flash to padding.
        align = 64 if target.hosted else 4
        lines += [
            f'.section .rodata.{table.symbol},"a",%progbits',
            f".balign {align}",
            f".globl {table.symbol}",
            f".hidden {table.symbol}",
            f".type {table.symbol},%object",
            f"{table.symbol}:",
            f'.incbin "{data.name}"',
            f".size {table.symbol}, . - {table.symbol}",
        ]
    lines.append('.section .note.GNU-stack,"",%progbits')
    source = folder / "tables.S"
    source.write_text("\n".join(lines) + "\n")
    output = folder / "tables.o"
    assemble(source, output, target.machine)
    return output
