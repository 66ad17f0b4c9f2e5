"""Booting firmware from reset, with a debugger's semihosting for output and exit.

RAM is filled with a pattern first, so start-up code that forgets a variable is noticed. The stack is where the image
puts it, in RAM with the variables, so unlike in a `Machine` nothing but RAM's start stops it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lgn_edge.emulate.cortex_m import arm_model, memory_map
from lgn_edge.emulate.cpu import Cpu
from lgn_edge.emulate.image import Image, read_image
from lgn_edge.emulate.riscv import CODE, RAM, riscv_memory, riscv_model
from lgn_edge.errors import InputError

DEFAULT_LIMIT = 50_000_000
_ARM_RAM: Final = (0x20000000, 4 << 20)
_RISCV: Final = "riscv32"
_NOWHERE: Final = 0xFFFFFFF0
_BREAKPOINT: Final = 7  # unicorn's number of the exception
_ARM_TRAP: Final = 0xBEAB  # bkpt 0xab
_RISCV_TRAP: Final = struct.pack("<3I", 0x01F01013, 0x00100073, 0x40705013)  # ebreak between shifts that do nothing
_SYS_WRITEC, _SYS_WRITE0, _SYS_EXIT, _SYS_EXIT_EXTENDED = 0x03, 0x04, 0x18, 0x20
_APPLICATION_EXIT: Final = 0x20026  # ADP_Stopped_ApplicationExit


@dataclass(frozen=True)
class Booted:
    """What a program did from reset to exit.

    Attributes:
        output: what it printed.
        exit_code: what it exited with; 0 is success.
        instructions: how many were executed, the start-up code included.
    """

    output: str
    exit_code: int
    instructions: int


def boot(
    image: Image | Path,
    core: str = "cortex-m4",
    limit: int = DEFAULT_LIMIT,
    *,
    flash: tuple[int, int] | None = None,
    ram: tuple[int, int] | None = None,
) -> Booted:
    """Run an image from reset until it exits by semihosting.

    Args:
        image: linked firmware, or its path. For Cortex-M its flash begins with the vector table; RISC-V begins with its
            first instruction.
        core: one of `CORES`, or "riscv32".
        limit: instructions after which the run fails.
        flash: address and bytes; by default 16 MiB from the image's first page, or what QEMU's virt board has.
        ram: address and bytes; by default 4 MiB at 0x20000000, or as above.

    Raises:
        EmulationError: a fault, the limit, or a semihosting call other than WRITEC, WRITE0, EXIT, EXIT_EXTENDED.
        InputError: no such core, not an image for it, no vector table, or it does not fit into the memory.
        UnsupportedError: a core that cannot be executed here.
        MissingProgramError: unicorn or pyelftools are not installed.
    """
    riscv = core == _RISCV
    program = image if isinstance(image, Image) else read_image(image, "EM_RISCV" if riscv else "EM_ARM")
    room = ram or (RAM[core] if riscv else _ARM_RAM)
    if riscv:
        cpu = Cpu(riscv_model(core), program, riscv_memory(flash or CODE[core], room))
    else:
        cpu = Cpu(arm_model(core), program, memory_map(program, flash, room))
    cpu.uc.mem_write(room[0], b"\xa5" * room[1])
    cpu.load(initialised=False)
    console, begin = (_riscv if riscv else _arm)(cpu, program)
    counted = cpu.run(begin, _NOWHERE, limit, count=True)
    if console.exit_code is None:
        raise cpu.fail(f"has not exited after {limit} instructions; raise the limit, or look for an endless loop")
    return Booted(console.output.decode("utf-8", "replace"), console.exit_code, counted.instructions if counted else 0)


def _arm(cpu: Cpu, image: Image) -> tuple[_Console, int]:
    """A console behind the breakpoint instruction, the stack pointer set, and the reset handler's address."""
    import unicorn
    from unicorn import arm_const

    console = _Console(cpu)

    def on_interrupt(uc: Any, number: int, _data: Any) -> None:
        pc = uc.reg_read(arm_const.UC_ARM_REG_PC)
        if number != _BREAKPOINT or struct.unpack("<H", uc.mem_read(pc, 2))[0] != _ARM_TRAP:
            raise cpu.fail(f"raises exception {number}, which nothing handles")
        uc.reg_write(arm_const.UC_ARM_REG_PC, pc + 2 | 1)
        console.serve(uc.reg_read(arm_const.UC_ARM_REG_R0), uc.reg_read(arm_const.UC_ARM_REG_R1))

    cpu.uc.hook_add(unicorn.UC_HOOK_INTR, on_interrupt)
    stack, reset = _vectors(image)
    cpu.uc.reg_write(arm_const.UC_ARM_REG_SP, stack)
    return console, reset & ~1


def _riscv(cpu: Cpu, image: Image) -> tuple[_Console, int]:
    """A console in the place of each trap of the image, as unicorn does not go on after one; and where flash begins."""
    import unicorn
    from unicorn import riscv_const

    console = _Console(cpu)

    def before_trap(uc: Any, address: int, _size: int, _data: Any) -> None:
        uc.reg_write(riscv_const.UC_RISCV_REG_PC, address + 4)
        console.serve(uc.reg_read(riscv_const.UC_RISCV_REG_A0), uc.reg_read(riscv_const.UC_RISCV_REG_A1))

    for segment in image.segments:
        at = segment.data.find(_RISCV_TRAP)
        while at >= 0:
            trap = segment.address + at + 4
            cpu.uc.hook_add(unicorn.UC_HOOK_CODE, before_trap, begin=trap, end=trap)
            at = segment.data.find(_RISCV_TRAP, at + 1)
    return console, min((segment.load_address for segment in image.segments), default=0)


@dataclass
class _Console:
    """The debugger's side of semihosting."""

    cpu: Cpu
    output: bytearray = field(default_factory=bytearray)
    exit_code: int | None = None

    def serve(self, operation: int, argument: int) -> None:
        """Do what the program asks for."""
        if operation == _SYS_WRITEC:
            self.output += self._read(argument, 1)
        elif operation == _SYS_WRITE0:
            while (character := self._read(argument, 1)) != b"\0":
                self.output += character
                argument += 1
        elif operation == _SYS_EXIT:
            self._exit(argument, 0)
        elif operation == _SYS_EXIT_EXTENDED:
            self._exit(*struct.unpack("<2I", self._read(argument, 8)))
        else:
            raise self.cpu.fail(f"asks for semihosting operation {operation:#04x}, which the emulator does not have")

    def _read(self, address: int, size: int) -> bytes:
        if not any(region.covers(address, size) for region in self.cpu.regions):
            raise self.cpu.fail(f"asks for semihosting with {address:#010x}, where no memory is")
        return bytes(self.cpu.uc.mem_read(address, size))

    def _exit(self, reason: int, code: int) -> None:
        self.exit_code = code if reason == _APPLICATION_EXIT else 1
        self.cpu.uc.emu_stop()


def _vectors(image: Image) -> tuple[int, int]:
    """The initial stack pointer and the reset handler: the first two words of flash."""
    first = image.segments[0].data[:8] if image.segments else b""
    stack, reset = struct.unpack("<2I", first) if len(first) == 8 else (0, 0)
    if stack % 4 or not reset & 1 or not _executes(image, reset & ~1):
        raise InputError(f"{image.name} has no vector table at its start; link it with deploy/cortex-m/startup.c")
    return stack, reset


def _executes(image: Image, address: int) -> bool:
    return any(segment.address <= address < segment.address + segment.size for segment in image.segments)
