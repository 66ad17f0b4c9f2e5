"""RISC-V firmware and libraries, called function by function from Python."""

from __future__ import annotations

from pathlib import Path

from lgn_edge.emulate.availability import require
from lgn_edge.emulate.cpu import EXECUTE, READ, WRITE, Model, Region
from lgn_edge.emulate.image import Image, read_image
from lgn_edge.emulate.machine import Convention, Machine
from lgn_edge.errors import InputError

RISCV_CORES = ("riscv32", "riscv64")
"""What can be executed: RV32IMAC and RV64GC."""

CODE = {"riscv32": (0x80000000, 64 << 20), "riscv64": (0x400000, 64 << 20)}
RAM = {"riscv32": (0x84000000, 4 << 20), "riscv64": (0x40000000, 64 << 20)}
"""Address and bytes of the memory that deploy/ lays out for each core."""
_STACK_SIZE = 256 << 10


class RiscV(Machine):
    """A core with memory as deploy/riscv32/linker.ld or deploy/riscv64/linker.ld lays it out, holding one image.

    Args:
        image: a linked image, or its path.
        core: one of `RISCV_CORES`.
        stack: bytes of stack.

    Raises:
        InputError: no such core, not an image for RISC-V, or it does not fit into the memory.
        MissingProgramError: unicorn or pyelftools are not installed.
    """

    def __init__(self, image: Image | Path, core: str = "riscv32", *, stack: int = _STACK_SIZE) -> None:
        program = image if isinstance(image, Image) else read_image(image, "EM_RISCV")
        model = riscv_model(core)
        memory = riscv_memory(CODE[core], RAM[core])
        super().__init__(model, _convention(core), program, memory, RAM[core], stack)


def riscv_memory(code: tuple[int, int], ram: tuple[int, int]) -> tuple[Region, ...]:
    """Code and RAM, each an address and bytes."""
    return (Region("code", *code, READ | EXECUTE), Region("ram", *ram, READ | WRITE))


def riscv_model(core: str) -> Model:
    """How unicorn executes a core.

    Raises:
        InputError: no such core.
        MissingProgramError: unicorn is not installed.
    """
    if core not in RISCV_CORES:
        raise InputError(f"no core is called {core}; choose one of {', '.join(RISCV_CORES)}")
    require("unicorn")
    import unicorn
    from unicorn import riscv_const

    bits = core.removeprefix("riscv")
    mode, cpu = getattr(unicorn, f"UC_MODE_RISCV{bits}"), getattr(riscv_const, f"UC_CPU_RISCV{bits}_ANY")
    return Model(core, "EM_RISCV", unicorn.UC_ARCH_RISCV, mode, cpu, riscv_const.UC_RISCV_REG_PC, 0, instruction_length)


def instruction_length(code: bytes, offset: int) -> int:
    """Bytes of the instruction at `offset`: four when the two lowest bits are ones, else two."""
    return 4 if code[offset] & 3 == 3 else 2


def _convention(core: str) -> Convention:
    """The RISC-V calling convention."""
    from unicorn import riscv_const

    return Convention(
        tuple(getattr(riscv_const, f"UC_RISCV_REG_A{index}") for index in range(8)),
        riscv_const.UC_RISCV_REG_A0,
        riscv_const.UC_RISCV_REG_SP,
        riscv_const.UC_RISCV_REG_RA,
        word_bytes=4 if core == "riscv32" else 8,
        stack_align=16,
    )
