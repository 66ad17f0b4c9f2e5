"""A library for 64-bit Arm, linked without an operating system and called function by function from Python."""

from __future__ import annotations

from pathlib import Path

from lgn_edge.emulate.availability import require
from lgn_edge.emulate.cpu import EXECUTE, READ, WRITE, Model, Region
from lgn_edge.emulate.image import Image, read_image
from lgn_edge.emulate.machine import Convention, Machine
from lgn_edge.errors import InputError

AARCH64_CORES = ("cortex-a53", "cortex-a57", "cortex-a72", "max")
"""What can be executed; "max" is a core with every extension that the emulator has."""

_CODE = Region("code", 0x400000, 64 << 20, READ | EXECUTE)
_RAM = (0x40000000, 64 << 20)
_STACK_SIZE = 256 << 10
_FLOATING_POINT = 3 << 20  # CPACR_EL1.FPEN: floating-point and SIMD instructions do not trap


class AArch64(Machine):
    """A core with memory as deploy/aarch64/linker.ld lays it out, holding one image.

    Args:
        image: a linked image, or its path.
        core: one of `AARCH64_CORES`.
        stack: bytes of stack.

    Raises:
        InputError: no such core, not an image for 64-bit Arm, or it does not fit into the memory.
        MissingProgramError: unicorn or pyelftools are not installed.
    """

    def __init__(self, image: Image | Path, core: str = "cortex-a53", *, stack: int = _STACK_SIZE) -> None:
        program = image if isinstance(image, Image) else read_image(image, "EM_AARCH64")
        memory = (_CODE, Region("ram", *_RAM, READ | WRITE))
        super().__init__(_model(core), _convention(), program, memory, _RAM, stack)
        from unicorn import arm64_const

        self._cpu.uc.reg_write(arm64_const.UC_ARM64_REG_CPACR_EL1, _FLOATING_POINT)


def _model(core: str) -> Model:
    if core not in AARCH64_CORES:
        raise InputError(f"no core is called {core}; choose one of {', '.join(AARCH64_CORES)}")
    require("unicorn")
    import unicorn
    from unicorn import arm64_const

    cpu = getattr(arm64_const, f"UC_CPU_ARM64_{core.removeprefix('cortex-').upper()}")
    pc = arm64_const.UC_ARM64_REG_PC
    return Model(core, "EM_AARCH64", unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM, cpu, pc, 0, lambda _code, _offset: 4)


def _convention() -> Convention:
    """The procedure call standard for the Arm 64-bit architecture."""
    from unicorn import arm64_const

    return Convention(
        tuple(arm64_const.UC_ARM64_REG_X0 + index for index in range(8)),
        arm64_const.UC_ARM64_REG_W0,
        arm64_const.UC_ARM64_REG_SP,
        arm64_const.UC_ARM64_REG_LR,
        word_bytes=8,
        stack_align=16,
    )
