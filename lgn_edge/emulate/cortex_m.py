"""Cortex-M firmware, called function by function from Python.

`boot` runs an image from its reset vector instead.
"""

from __future__ import annotations

from pathlib import Path

from lgn_edge.emulate.availability import require
from lgn_edge.emulate.cpu import EXECUTE, PAGE, READ, WRITE, Model, Region
from lgn_edge.emulate.image import Image, read_image
from lgn_edge.emulate.machine import Convention, Machine
from lgn_edge.emulate.timing import TIMINGS, ThumbTimer
from lgn_edge.errors import InputError, UnsupportedError

CORES = ("cortex-m0", "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33")
"""What can be executed. Unicorn has no M0+ of its own: it runs the same instructions as M0 and is executed as that."""

_MODELS = {"cortex-m0plus": "CORTEX_M0"}
_WITHOUT_MODEL = ("cortex-m1", "cortex-m23", "cortex-m52", "cortex-m55", "cortex-m85")
_RAM = (0x20000000, 4 << 20)
_FLASH_SIZE = 16 << 20
_STACK_SIZE = 128 << 10
_SYSTEM = Region("system control", 0xE000E000, PAGE, READ | WRITE)


class CortexM(Machine):
    """A core with flash, RAM and a stack of its own, holding one image.

    Flash can be read and executed, RAM and stack read and written, and nothing else exists but a plain system control
    page.

    Args:
        image: linked firmware, or its path.
        core: one of `CORES`.
        flash: address and bytes; by default 16 MiB from the image's first page.
        ram: address and bytes.
        stack: bytes of stack.

    Raises:
        InputError: no such core, not an Arm image, or it does not fit into the memory.
        UnsupportedError: a core that cannot be executed here.
        MissingProgramError: unicorn or pyelftools are not installed.
    """

    def __init__(
        self,
        image: Image | Path,
        core: str = "cortex-m4",
        *,
        flash: tuple[int, int] | None = None,
        ram: tuple[int, int] = _RAM,
        stack: int = _STACK_SIZE,
    ) -> None:
        program = image if isinstance(image, Image) else read_image(image)
        model = arm_model(core)
        super().__init__(model, _convention(), program, memory_map(program, flash, ram), ram, stack)


def arm_model(core: str) -> Model:
    """How unicorn executes a core.

    Raises:
        InputError: no such core.
        UnsupportedError: unicorn has no model of it.
        MissingProgramError: unicorn is not installed.
    """
    if core in _WITHOUT_MODEL:
        raise UnsupportedError(f"{core} cannot be executed here: unicorn has no model of it; use QEMU or a board")
    if core not in CORES:
        raise InputError(f"no core is called {core}; choose one of {', '.join(CORES)}")
    require("unicorn")
    import unicorn
    from unicorn import arm_const

    cpu = getattr(arm_const, f"UC_CPU_ARM_{_MODELS.get(core, core.replace('-', '_').upper())}")
    mode = unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS
    timer = ThumbTimer(TIMINGS[core]) if core in TIMINGS else None
    return Model(core, "EM_ARM", unicorn.UC_ARCH_ARM, mode, cpu, arm_const.UC_ARM_REG_PC, 1, thumb_length, timer)


def thumb_length(code: bytes, offset: int) -> int:
    """Bytes of the Thumb instruction at `offset`: four when the first halfword's top five bits are 29, 30 or 31."""
    return 4 if code[offset + 1] >> 3 >= 0b11101 else 2


def memory_map(image: Image, flash: tuple[int, int] | None, ram: tuple[int, int]) -> tuple[Region, ...]:
    """Flash, RAM and the system control page; flash begins with the image when it is not given."""
    first = min((segment.load_address for segment in image.segments), default=0)
    address, size = flash or (first & -PAGE, _FLASH_SIZE)
    return (Region("flash", address, size, READ | EXECUTE), Region("ram", *ram, READ | WRITE), _SYSTEM)


def _convention() -> Convention:
    """The Arm procedure call standard."""
    from unicorn import arm_const

    arguments = tuple(arm_const.UC_ARM_REG_R0 + index for index in range(4))
    return Convention(
        arguments, arguments[0], arm_const.UC_ARM_REG_SP, arm_const.UC_ARM_REG_LR, word_bytes=4, stack_align=8
    )
