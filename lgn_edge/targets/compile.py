"""Kernels and tables to objects of a target."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import tvm
from tvm import tirx

from lgn_edge.files import scratch_folder
from lgn_edge.kernels.tir import Kernel, Table
from lgn_edge.targets.target import Level, Target
from lgn_edge.toolchain import assemble

Job = Callable[[], Path]


def run_jobs(jobs: Sequence[Job]) -> list[Path]:
    """What the jobs return, in their order; as many run at once as there are processors.

    LLVM works outside Python's lock, and the C compiler is a process of its own.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        submitted = [pool.submit(job) for job in jobs]
        try:
            return [each.result() for each in submitted]
        except BaseException:  # an interrupt, too: only those are waited for that run already
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def compile_kernels(kernels: Sequence[Kernel], target: Target, folder: Path) -> list[Path]:
    """Run the jobs of `kernel_jobs`."""
    return run_jobs(kernel_jobs(kernels, target, folder))


def kernel_jobs(kernels: Sequence[Kernel], target: Target, folder: Path) -> list[Job]:
    """What compiles kernels with TVM's LLVM and assembles their tables.

    The code does not depend on the values of the tables, and its size does not grow with them.

    Args:
        kernels: with distinct symbols; each is compiled once a level, and all levels share its tables.
        target: what to compile for.
        folder: where the objects are written.

    Returns:
        a job an object: one a kernel and level, so that a linker drops those that a program does not use, and one with
        the tables.
    """

    def compile_one(kernel: Kernel, level: Level) -> Path:
        named = _renamed(kernel, kernel.symbol + level.suffix)
        output = folder / f"{named.symbol}.o"
        output.write_bytes(_object(_build([named], target, level)))
        return output

    tables = [table for kernel in kernels for table in kernel.tables]
    jobs = [partial(compile_one, kernel, level) for level in target.levels for kernel in kernels]
    return [*jobs, partial(assemble_tables, tables, target, folder, "tables")]


def kernel_source(kernels: Sequence[Kernel], target: Target, form: str = "s") -> str:
    """What LLVM makes of the kernels at the highest level: assembly ("s") or its own IR ("ll"), to look at."""
    return str(_build(kernels, target, target.levels[-1]).inspect_source(form))


def _renamed(kernel: Kernel, symbol: str) -> Kernel:
    return replace(kernel, symbol=symbol, function=kernel.function.with_attr("global_symbol", symbol))


def _build(kernels: Sequence[Kernel], target: Target, level: Level) -> tvm.runtime.Module:
    """Straight to LLVM: TVM's default pipeline would add its runtime's calling convention and checks."""
    llvm = _llvm_target(target.triple, level)
    module = tvm.IRModule({kernel.symbol: kernel.function for kernel in kernels})
    module = tirx.transform.BindTarget(llvm)(module)
    return tvm.get_global_func("target.build.llvm")(module, llvm)


def _object(module: tvm.runtime.Module) -> bytes:
    """The object of a compiled module, by way of memory: LLVM ends the process where a disk is full."""
    if not hasattr(os, "memfd_create"):  # no Linux
        with scratch_folder() as folder:
            module.write_to_file(str(folder / "module.o"))
            return (folder / "module.o").read_bytes()
    with open(os.memfd_create("module"), "rb") as memory:
        module.write_to_file(f"/proc/self/fd/{memory.fileno()}", "o")
        return memory.read()


def _llvm_target(triple: str, level: Level) -> tvm.target.Target:
    options: dict[str, object] = {"kind": "llvm", "mtriple": triple, "mcpu": level.cpu}
    if level.vector_bits:
        options["vector-width"] = level.vector_bits
    if level.features:
        options["mattr"] = list(level.features)
    if level.abi:
        options["mabi"] = level.abi
    return tvm.target.Target(options)


def assemble_tables(tables: Sequence[Table], target: Target, folder: Path, name: str) -> Path:
    """Make `name`.o in `folder` with each table as a hidden symbol in a read-only section of its own.

    The assembler includes the tables as bytes: no compiler looks at them, so a large one costs its copying.
    """
    # Wide machines load whole vectors from tables; small ones would only lose flash to padding.
    align = 64 if target.shape.lanes > 1 else 4
    elf = target.family != "wasm"
    lines = []
    for table in tables:
        data = folder / f"{table.symbol}.bin"
        values = table.values
        data.write_bytes(values.astype(values.dtype.newbyteorder("<")).tobytes())
        lines += [
            f".section .rodata.{table.symbol}," + ('"a",%progbits' if elf else '"",@'),
            f".balign {align}",
            f".globl {table.symbol}",
            f".hidden {table.symbol}",
            f".type {table.symbol},{'%' if elf else '@'}object",
            f"{table.symbol}:",
            f'.incbin "{data.name}"',
            f".size {table.symbol}, . - {table.symbol}",
        ]
    lines += ['.section .note.GNU-stack,"",%progbits'] * elf
    source = folder / f"{name}.S"
    source.write_text("\n".join(lines) + "\n")
    output = folder / f"{name}.o"
    assemble(source, output, target.machine)
    return output
