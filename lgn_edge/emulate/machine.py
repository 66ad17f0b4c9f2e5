"""A machine with memory and a stack of its own, holding one image, called function by function from Python.

There is no start-up: initialised data and zeroed variables are put in place when the machine is made, as a reset would.
What differs between processors is a `Model` and a `Convention`.
"""

from __future__ import annotations

from dataclasses import dataclass

from lgn_edge.emulate.cpu import EXECUTE, PAGE, READ, WRITE, Cpu, Model, Region
from lgn_edge.emulate.image import Image
from lgn_edge.emulate.scratch import Scratch
from lgn_edge.emulate.stack import high_water, paint
from lgn_edge.emulate.timing import Cycles
from lgn_edge.errors import InputError

DEFAULT_LIMIT = 1_000_000_000
_EXIT = Region("exit", 0x90000000, PAGE, READ | EXECUTE)  # what a called function returns to
_STACK_TOP = 0xA0000000
_GUARD = 1 << 20
_LARGEST_STACK = 128 << 20


@dataclass(frozen=True)
class Convention:
    """A procedure call standard: where arguments, the result and the return address are.

    Attributes:
        arguments: the registers of the first arguments; the others are on the stack.
        result: the register with the low 32 bits of the result.
        sp: the stack pointer's register.
        lr: the return address's register.
        word_bytes: of an argument on the stack.
        stack_align: the stack pointer at a call is a multiple of it.
    """

    arguments: tuple[int, ...]
    result: int
    sp: int
    lr: int
    word_bytes: int
    stack_align: int


@dataclass(frozen=True)
class Call:
    """What a function did.

    Attributes:
        result: as an unsigned 32-bit number.
        instructions: how many were executed, or None when not counted.
        stack_bytes: the deepest written word below the stack pointer at entry: the function and what it calls, its
            own arguments on the stack not included.
        cycles: how long it takes, where it was counted and the core's timings are known.
    """

    result: int
    instructions: int | None
    stack_bytes: int
    cycles: Cycles | None = None

    @property
    def signed(self) -> int:
        """The result as a C int."""
        return self.result - (1 << 32) if self.result >> 31 else self.result


class Machine:
    """A processor with an image in its memory.

    Nothing exists but the given regions and the stack, and each allows only what it is for; whatever else the program
    touches is an error. The stack lies apart from the rest, so an overflow is always noticed.

    Args:
        model: the processor.
        convention: how its functions are called.
        image: what runs.
        memory: the regions, without the stack.
        ram: address and bytes of the one that holds variables; arguments are put behind them.
        stack: bytes of stack.

    Raises:
        InputError: the image is for another processor or does not fit into the memory, or an impossible stack.
        MissingProgramError: unicorn is not installed.
    """

    def __init__(
        self,
        model: Model,
        convention: Convention,
        image: Image,
        memory: tuple[Region, ...],
        ram: tuple[int, int],
        stack: int,
    ) -> None:
        stack = -(-stack // PAGE) * PAGE
        if not 0 < stack <= _LARGEST_STACK:
            raise InputError(f"a stack of {stack} bytes is impossible; give 1 to {_LARGEST_STACK}")
        self.image = image
        self._convention = convention
        self._stack = Region("stack", _STACK_TOP - stack, stack, READ | WRITE, _GUARD)
        self._cpu = Cpu(model, image, (*memory, self._stack, _EXIT))
        self._cpu.load(initialised=True)
        self._scratch = Scratch(*_free_ram(image, ram))
        paint(self._cpu.uc, self._stack, self._stack.size)

    def call(self, symbol: str, *arguments: int, count: bool = False, limit: int = DEFAULT_LIMIT) -> Call:
        """Call a function by the platform's procedure call standard: registers, then the stack.

        Args:
            symbol: its name.
            arguments: integers and addresses of a register's size, signed or unsigned.
            count: whether to count instructions; slower.
            limit: instructions after which the call fails; ones skipped in an IT block do not count here.

        Raises:
            EmulationError: a fault, a stack overflow, or the limit.
            InputError: no such symbol, or an argument larger than a register.
        """
        words = [self._word(symbol, argument) for argument in arguments]
        begin, registers = self.symbol(symbol), len(self._convention.arguments)
        top = self._push(words[registers:])
        self._enter(words[:registers], top)
        try:
            counted = self._cpu.run(begin, _EXIT.address, limit, count=count)
            self._check_returned(symbol, limit)
        finally:
            used = high_water(self._cpu.uc, self._stack, top)
            paint(self._cpu.uc, self._stack, used + _STACK_TOP - top)
        instructions, cycles = (counted.instructions, counted.cycles) if counted else (None, None)
        return Call(self._cpu.uc.reg_read(self._convention.result), instructions, used, cycles)

    def symbol(self, name: str) -> int:
        """The address of a symbol, for an Arm function without the Thumb bit.

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

    def _word(self, symbol: str, argument: int) -> int:
        bits = 8 * self._convention.word_bytes
        if not -(1 << bits - 1) <= argument < 1 << bits:
            raise InputError(f"{symbol} cannot take the argument {argument}: it has more than {bits} bits")
        return argument % (1 << bits)

    def _push(self, words: list[int]) -> int:
        size, align = self._convention.word_bytes, self._convention.stack_align
        top = (_STACK_TOP - size * len(words)) & -align
        if words:
            self._cpu.uc.mem_write(top, b"".join(word.to_bytes(size, "little") for word in words))
        return top

    def _enter(self, words: list[int], top: int) -> None:
        convention = self._convention
        self._cpu.uc.reg_write(convention.sp, top)
        self._cpu.uc.reg_write(convention.lr, _EXIT.address | self._cpu.model.entry_bit)
        for register, word in zip(convention.arguments, words, strict=False):
            self._cpu.uc.reg_write(register, word)

    def _check_returned(self, symbol: str, limit: int) -> None:
        model = self._cpu.model
        if self._cpu.uc.reg_read(model.pc) & ~model.entry_bit != _EXIT.address:
            what = f"is still inside {symbol} after {limit} instructions; raise the limit, or look for an endless loop"
            raise self._cpu.fail(what)

    def _check_inside(self, address: int, size: int) -> None:
        if not any(region.covers(address, size) for region in self._cpu.regions):
            raise InputError(f"{size} bytes at {address:#010x} are not memory of this machine; ask `allocate` for some")


def _free_ram(image: Image, ram: tuple[int, int]) -> tuple[int, int]:
    """The first address above the image's variables in RAM, and the end of RAM."""
    start, end = ram[0], ram[0] + ram[1]
    tops = [segment.address + segment.size for segment in image.segments if start <= segment.address < end]
    return max([start, *tops]), end
