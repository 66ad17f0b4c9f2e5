"""Cortex-M firmware, called function by function from Python.

There is no start-up: initialised data and zeroed variables are put in place when the machine is made, as a reset would.
`boot` runs an image from its reset vector instead.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from lgn_edge.emulate.availability import require
from lgn_edge.emulate.cpu import EXECUTE, PAGE, READ, WRITE, Cpu, Model, Region
from lgn_edge.emulate.image import Image, read_image
from lgn_edge.emulate.scratch import Scratch
from lgn_edge.emulate.stack import high_water, paint
from lgn_edge.errors import InputError, UnsupportedError

CORES = ("cortex-m0", "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33")
"""What can be executed. Unicorn has no M0+ of its own: it runs the same instructions as M0 and is executed as that."""

DEFAULT_LIMIT = 1_000_000_000
_MODELS = {"cortex-m0plus": "CORTEX_M0"}
_WITHOUT_MODEL = ("cortex-m1", "cortex-m23", "cortex-m52", "cortex-m55", "cortex-m85")
_RAM = (0x20000000, 4 << 20)
_FLASH_SIZE = 16 << 20
_STACK_SIZE = 128 << 10
_EXIT = Region("exit", 0x90000000, PAGE, READ | EXECUTE)  # what a called function returns to
_STACK_TOP = 0xA0000000
_GUARD = 1 << 20
_LARGEST_STACK = 128 << 20
_SYSTEM = Region("system control", 0xE000E000, PAGE, READ | WRITE)


@dataclass(frozen=True)
class Call:
    """What a function did.

    Attributes:
        result: r0 as an unsigned 32-bit number.
        instructions: how many were executed, or None when not counted.
        stack_bytes: the deepest written word below the stack pointer at entry: the function and what it calls, its
            own arguments on the stack not included.
    """

    result: int
    instructions: int | None
    stack_bytes: int

    @property
    def signed(self) -> int:
        """The result as a C int."""
        return self.result - (1 << 32) if self.result >> 31 else self.result


class CortexM:
    """A core with flash, RAM and a stack of its own, holding one image.

    Flash can be read and executed, RAM and stack read and written, and nothing else exists but a plain system control
    page; whatever else firmware touches is an error. The stack lies apart from RAM, so an overflow is always noticed.

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
        self.image = image if isinstance(image, Image) else read_image(image)
        stack = -(-stack // PAGE) * PAGE
        self._stack = Region("stack", _STACK_TOP - stack, stack, READ | WRITE, _GUARD)
        if not 0 < stack <= _LARGEST_STACK:
            raise InputError(f"a stack of {stack} bytes is impossible; give 1 to {_LARGEST_STACK}")
        memory = memory_map(self.image, flash, ram)
        self._cpu = Cpu(arm_model(core), self.image, (*memory, self._stack, _EXIT))
        self._cpu.load(initialised=True)
        self._scratch = Scratch(*free_ram(self.image, ram))
        self._registers = _registers()
        paint(self._cpu.uc, self._stack, self._stack.size)

    def call(self, symbol: str, *arguments: int, count: bool = False, limit: int = DEFAULT_LIMIT) -> Call:
        """Call a function by the Arm procedure call standard: r0 to r3, then the stack.

        Args:
            symbol: its name.
            arguments: integers and addresses of 32 bits, signed or unsigned.
            count: whether to count instructions; slower.
            limit: instructions after which the call fails; ones skipped in an IT block do not count here.

        Raises:
            EmulationError: a fault, a stack overflow, or the limit.
            InputError: no such symbol, or an argument of more than 32 bits.
        """
        words = [_word(symbol, argument) for argument in arguments]
        begin = self.symbol(symbol)
        top = self._push(words[4:])
        self._enter(words[:4], top)
        try:
            instructions = self._cpu.run(begin, _EXIT.address, limit, count=count)
            self._check_returned(symbol, limit)
        finally:
            used = high_water(self._cpu.uc, self._stack, top)
            paint(self._cpu.uc, self._stack, used + _STACK_TOP - top)
        return Call(self._cpu.uc.reg_read(self._registers.result), instructions, used)

    def symbol(self, name: str) -> int:
        """The address of a symbol, for a function without the Thumb bit.

        Raises:
            InputError: there is none of that name.
        """
        return self.image.symbol(name).address

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes of memory.

        Raises:
            InputError: they are not all inside one region.
        """
        self._check_inside(address, size)
        return bytes(self._cpu.uc.mem_read(address, size))

    def write(self, address: int, data: bytes) -> None:
        """Put bytes into memory, flash included.

        Raises:
            InputError: they are not all inside one region.
        """
        self._check_inside(address, len(data))
        self._cpu.uc.mem_write(address, data)

    @property
    def free(self) -> int:
        """Bytes that `allocate` still has."""
        return self._scratch.free

    def allocate(self, size: int, align: int = 8) -> int:
        """Reserve RAM above the firmware's variables.

        Args:
            size: bytes, 0 allowed.
            align: the address is a multiple of it; a power of two.

        Returns:
            The address. What is there is whatever was there.

        Raises:
            InputError: RAM is full.
        """
        return self._scratch.allocate(size, align)

    def mark(self) -> int:
        """A state of the allocations that `release` can go back to."""
        return self._scratch.used

    def release(self, mark: int = 0) -> None:
        """Forget all allocations, or those made after `mark`."""
        self._scratch.used = mark

    def _push(self, words: list[int]) -> int:
        top = (_STACK_TOP - 4 * len(words)) & -8
        if words:
            self._cpu.uc.mem_write(top, struct.pack(f"<{len(words)}I", *words))
        return top

    def _enter(self, words: list[int], top: int) -> None:
        registers = self._registers
        self._cpu.uc.reg_write(registers.sp, top)
        self._cpu.uc.reg_write(registers.lr, _EXIT.address | 1)
        for register, word in zip(registers.arguments, words, strict=False):
            self._cpu.uc.reg_write(register, word)

    def _check_returned(self, symbol: str, limit: int) -> None:
        if self._cpu.uc.reg_read(self._cpu.model.pc) & ~1 != _EXIT.address:
            what = f"is still inside {symbol} after {limit} instructions; raise the limit, or look for an endless loop"
            raise self._cpu.fail(what)

    def _check_inside(self, address: int, size: int) -> None:
        if not any(region.covers(address, size) for region in self._cpu.regions):
            raise InputError(f"{size} bytes at {address:#010x} are not memory of this machine; ask `allocate` for some")


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
    return Model(core, "EM_ARM", unicorn.UC_ARCH_ARM, mode, cpu, arm_const.UC_ARM_REG_PC, 1, thumb_length)


def thumb_length(code: bytes, offset: int) -> int:
    """Bytes of the Thumb instruction at `offset`: four when the first halfword's top five bits are 29, 30 or 31."""
    return 4 if code[offset + 1] >> 3 >= 0b11101 else 2


def memory_map(image: Image, flash: tuple[int, int] | None, ram: tuple[int, int]) -> tuple[Region, ...]:
    """Flash, RAM and the system control page; flash begins with the image when it is not given."""
    first = min((segment.load_address for segment in image.segments), default=0)
    address, size = flash or (first & -PAGE, _FLASH_SIZE)
    return (Region("flash", address, size, READ | EXECUTE), Region("ram", *ram, READ | WRITE), _SYSTEM)


def free_ram(image: Image, ram: tuple[int, int]) -> tuple[int, int]:
    """The first address above the image's variables in RAM, and the end of RAM."""
    start, end = ram[0], ram[0] + ram[1]
    tops = [segment.address + segment.size for segment in image.segments if start <= segment.address < end]
    return max([start, *tops]), end


@dataclass(frozen=True)
class _Registers:
    arguments: tuple[int, ...]
    result: int
    sp: int
    lr: int


def _registers() -> _Registers:
    from unicorn import arm_const

    arguments = tuple(arm_const.UC_ARM_REG_R0 + index for index in range(4))
    return _Registers(arguments, arguments[0], arm_const.UC_ARM_REG_SP, arm_const.UC_ARM_REG_LR)


def _word(symbol: str, argument: int) -> int:
    if not -(1 << 31) <= argument < 1 << 32:
        raise InputError(f"{symbol} cannot take the argument {argument}: it has more than 32 bits")
    return argument & 0xFFFFFFFF
