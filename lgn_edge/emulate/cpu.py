"""A processor with memory around it: maps regions, runs code, counts instructions, turns every fault into a sentence.

Shared by all processors that unicorn executes; what differs between them is one `Model`.

An instruction counts when the processor issues it. One that is skipped inside an Arm IT block counts too: it is
architecturally a no-operation and takes its time on a device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lgn_edge.emulate.availability import require
from lgn_edge.emulate.errors import EmulationError
from lgn_edge.emulate.image import Image
from lgn_edge.emulate.timing import Block, Cycles, ThumbTimer
from lgn_edge.errors import InputError

PAGE = 4096
READ, WRITE, EXECUTE = 1, 2, 4  # unicorn's UC_PROT_*
_NO_TIME = Block((0, 0), (0, 0))


@dataclass(frozen=True)
class Model:
    """How unicorn names a processor, and how its code is laid out.

    Attributes:
        name: for messages, such as "cortex-m4".
        machine: ELF's name of the family, such as "EM_ARM".
        architecture: UC_ARCH_*.
        mode: UC_MODE_*.
        cpu: UC_CPU_*.
        pc: the program counter's register number.
        entry_bit: what is added to a code address to run it: 1 for Thumb.
        length: bytes of the instruction at an offset of some code.
        timer: what tells cycles of its code; None where nobody publishes them.
    """

    name: str
    machine: str
    architecture: int
    mode: int
    cpu: int
    pc: int
    entry_bit: int
    length: Callable[[bytes, int], int]
    timer: ThumbTimer | None = None


@dataclass
class Count:
    """What was executed.

    Attributes:
        instructions: how many.
        cycles: how long that takes by the core's table; None where there is none for it or for one of them.
    """

    instructions: int = 0
    cycles: Cycles | None = None


@dataclass(frozen=True)
class Region:
    """A named range of memory.

    Attributes:
        name: for messages, such as "flash".
        address: of the first byte.
        size: bytes.
        permissions: READ, WRITE, EXECUTE or-ed.
        guard: bytes without memory below it, where a stack that grows too deep ends up.
    """

    name: str
    address: int
    size: int
    permissions: int
    guard: int = 0

    def covers(self, address: int, size: int = 1) -> bool:
        """Whether all `size` bytes from `address` are inside."""
        return self.address <= address and address + size <= self.address + self.size


class Cpu:
    """One unicorn engine.

    Args:
        model: the processor.
        image: what runs; its symbols make the messages readable.
        regions: the memory, all zero.

    Raises:
        InputError: the image is for another processor, or regions overlap.
        MissingProgramError: unicorn is not installed.
    """

    def __init__(self, model: Model, image: Image, regions: tuple[Region, ...]) -> None:
        require("unicorn")
        import unicorn

        if image.machine != model.machine:
            raise InputError(f"{image.name} is for {image.machine}, but {model.name} runs {model.machine}")
        self.model, self.image, self.regions = model, image, regions
        self.uc: Any = unicorn.Uc(model.architecture, model.mode)
        self.uc.ctl_set_cpu_model(model.cpu)
        for region in regions:
            self._map(region)
        self._fault: str | None = None
        self.uc.hook_add(unicorn.UC_HOOK_MEM_INVALID, self._on_fault)

    def load(self, *, initialised: bool) -> None:
        """Put the image into memory.

        Args:
            initialised: also do what start-up code does: initial values at their place in RAM, the rest of it zero.
                Otherwise only the bytes that a programmer burns into flash.

        Raises:
            InputError: a part of the image is outside the memory.
        """
        for segment in self.image.segments:
            if segment.data:
                self._check_inside(segment.load_address, len(segment.data))
                self.uc.mem_write(segment.load_address, segment.data)
            if initialised:
                self._check_inside(segment.address, segment.size)
                self.uc.mem_write(segment.address, segment.data.ljust(segment.size, b"\0"))

    def run(self, begin: int, until: int, limit: int, *, count: bool) -> Count | None:
        """Execute from `begin` until the program counter is `until`, or a hook stops the engine.

        Args:
            begin: address of the first instruction, without the Thumb bit.
            until: address that ends the run; it is not executed.
            limit: instructions after which the run fails.
            count: whether to count; costs a Python call for every basic block.

        Returns:
            What was executed, or None without `count`.

        Raises:
            EmulationError: a fault, or the limit.
        """
        if not count:
            self._execute(begin, until, limit)
            return None
        with self._counting(until) as counted:
            self._execute(begin, until, limit)
        return counted

    def fail(self, what: str) -> EmulationError:
        """The error that says `what` happened, with the program counter and the nearest symbol before it."""
        pc = self.uc.reg_read(self.model.pc) & ~self.model.entry_bit
        return EmulationError(f"{self.image.name}: {self.image.nearest(pc)} (pc {pc:#010x}) {what}")

    def _map(self, region: Region) -> None:
        import unicorn

        first, last = region.address & -PAGE, -(-(region.address + region.size) // PAGE) * PAGE
        try:
            self.uc.mem_map(first, last - first, region.permissions)
        except unicorn.UcError as error:
            where = f"{region.size} bytes at {region.address:#010x}"
            raise InputError(
                f"cannot put {region.name} ({where}) into memory: {error}; choose another place"
            ) from error

    def _check_inside(self, address: int, size: int) -> None:
        if not any(region.covers(address, size) for region in self.regions):
            known = ", ".join(f"{r.name} {r.address:#010x}+{r.size:#x}" for r in self.regions)
            where = f"{size} bytes at {address:#010x}"
            raise InputError(f"{self.image.name} has {where}, outside of the memory ({known}); give it more or relink")

    def _execute(self, begin: int, until: int, limit: int) -> None:
        import unicorn

        self._fault = None
        stopped = None
        try:
            self.uc.emu_start(begin | self.model.entry_bit, until, count=limit)
        except unicorn.UcError as error:
            stopped = error
        if self._fault:
            raise EmulationError(self._fault) from stopped
        if stopped:
            raise self.fail(f"stops the processor: {stopped}; the code is not for {self.model.name}") from stopped

    def _on_fault(self, _uc: Any, access: int, address: int, size: int, _value: int, _data: Any) -> bool:
        self._fault = str(self.fail(self._describe(access, address, size)))
        return False

    def _describe(self, access: int, address: int, size: int) -> str:
        import unicorn

        fetch = access in (unicorn.UC_MEM_FETCH_UNMAPPED, unicorn.UC_MEM_FETCH_PROT)
        write = access in (unicorn.UC_MEM_WRITE_UNMAPPED, unicorn.UC_MEM_WRITE_PROT)
        verb = "runs code at" if fetch else f"{'writes' if write else 'reads'} {size} bytes at"
        return f"{verb} {address:#010x}, {self._place_name(address)}"

    def _place_name(self, address: int) -> str:
        for region in self.regions:
            if region.covers(address):
                return f"in {region.name}, which does not allow that"
            if region.address - region.guard <= address < region.address:
                return f"below the {region.name}: its {region.size} bytes were not enough; give more, or use less"
        return "where no memory is"

    @contextmanager
    def _counting(self, until: int) -> Iterator[Count]:
        """Count by basic blocks: each is decoded once, then added whenever it is entered."""
        import unicorn

        counted, known = Count(), dict[tuple[int, int], tuple[int, Block]]()
        timer = self.model.timer
        timed = timer is not None
        least = most = 0
        last, end = _NO_TIME, 0  # the block before, and the address behind it

        def decoded(code: bytes) -> tuple[int, Block]:
            nonlocal timed
            block = timer.block(code) if timer else None
            timed = timed and block is not None
            return self._instructions(code), block or _NO_TIME

        def leave(address: int) -> None:
            nonlocal least, most
            low, high = last.straight if address == end else last.taken
            least, most = least + low, most + high

        def enter(uc: Any, address: int, size: int, _data: Any) -> None:
            nonlocal last, end
            leave(address)
            block = (address, size)
            if block not in known:
                known[block] = decoded(b"" if address == until else bytes(uc.mem_read(address, size)))
            instructions, last = known[block]
            counted.instructions += instructions
            end = address + size

        handle = self.uc.hook_add(unicorn.UC_HOOK_BLOCK, enter)
        self.uc.ctl_flush_tb()  # code that is translated already would not call the hook
        try:
            yield counted
        finally:
            self.uc.hook_del(handle)
            self.uc.ctl_flush_tb()
        leave(until)
        if timer and timed:
            manual = timer.timings.manual
            counted.cycles = Cycles(least, most, f"estimated by the {manual}, for memory without wait states")

    def _instructions(self, code: bytes) -> int:
        offset = instructions = 0
        while offset < len(code):
            offset += self.model.length(code, offset)
            instructions += 1
        return instructions
