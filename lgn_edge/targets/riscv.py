"""RISC-V: 32-bit microcontrollers take one sample at a time, 64-bit Linux takes rows of samples."""

from __future__ import annotations

from lgn_edge.kernels.shape import Core, Shape
from lgn_edge.targets.target import Level, Target
from lgn_edge.toolchain import Machine

_FLAGS = ("-ffreestanding", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables", "-mllvm", "-enable-misched=false")


def _core(name: str, extensions: str, execution: str, description: str) -> Target:
    return Target(
        name=name,
        family="riscv32",
        description=description,
        triple="riscv32-unknown-elf",
        levels=(Level("generic-rv32"),),
        machine=Machine("riscv32-freestanding-none", f"generic_rv32{extensions}", _FLAGS),
        shape=Shape(word_bits=32, lanes=1),
        workspace_on_stack=1024,
        execution=execution,
        gcc=("riscv-none-elf-gcc", f"-march=rv32i{extensions.replace('+zbb', '_zbb').replace('+', '')} -mabi=ilp32"),
        core=Core(values=12, totals=12),
    )


RISCV32 = (
    _core("riscv32", "+m+c", "riscv32", "RISC-V RV32IMC: ESP32-C3, CH32V, and newer"),
    _core("riscv32-imac-zbb", "+m+a+c+zbb", "qemu-riscv32", "RISC-V RV32IMAC with Zbb: ESP32-P4, Hazard3 of RP2350"),
)

RISCV64 = Target(
    name="riscv64",
    family="riscv64",
    description="Linux RISC-V RV64GC: VisionFive 2, and newer",
    triple="riscv64-unknown-linux-gnu",
    levels=(Level("generic-rv64", features=("+m", "+a", "+f", "+d", "+c"), abi="lp64d"),),
    machine=Machine("riscv64-linux-gnu.2.27", "baseline_rv64", ("-fPIC",)),
    shape=Shape(word_bits=64, lanes=8),
    workspace_on_stack=64 * 1024,
    selftest_vectors=67,
    execution="riscv64",
    hosted=True,
)
