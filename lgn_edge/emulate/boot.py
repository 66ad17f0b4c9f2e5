"""Booting Cortex-M firmware from its vector table, with a debugger's semihosting for output and exit.

RAM is filled with a pattern first, so start-up code that forgets a variable is noticed. The stack is where the image
puts it, in RAM with the variables, so unlike in a `CortexM` nothing but RAM's start stops it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lgn_edge.emulate.cortex_m import arm_model, memory_map
from lgn_edge.emulate.cpu import Cpu
from lgn_edge.emulate.image import Image, read_image
from lgn_edge.errors import InputError

DEFAULT_LIMIT = 50_000_000
_RAM = (0x20000000, 4 << 20)
_NOWHERE = 0xFFFFFFF0
_BREAKPOINT = 7  # unicorn's number of the exception
_SEMIHOSTING = 0xBEAB  # bkpt 0xab
_SYS_WRITEC, _SYS_WRITE0, _SYS_EXIT, _SYS_EXIT_EXTENDED = 0x03, 0x04, 0x18, 0x20
_APPLICATION_EXIT = 0x20026  # ADP_Stopped_ApplicationExit


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
    ram: tuple[int, int] = _RAM,
) -> Booted:
    """Run an image from reset until it exits by semihosting.

    Args:
        image: linked firmware whose first flash bytes are its vector table, or its path.
        core: one of `CORES`.
        limit: instructions after which the run fails.
        flash: address and bytes; by default 16 MiB from the image's first page.
        ram: address and bytes.

    Raises:
        EmulationError: a fault, the limit, or a semihosting call other than WRITEC, WRITE0, EXIT, EXIT_EXTENDED.
        InputError: no such core, not an Arm image, no vector table, or it does not fit into the memory.
        UnsupportedError: a core that cannot be executed here.
        MissingProgramError: unicorn or pyelftools are not installed.
    """
    import unicorn
    from unicorn import arm_const

    program = image if isinstance(image, Image) else read_image(image)
    cpu = Cpu(arm_model(core), program, memory_map(program, flash, ram))
    cpu.uc.mem_write(ram[0], b"\xa5" * ram[1])
    cpu.load(initialised=False)
    console = _Console(cpu)
    cpu.uc.hook_add(unicorn.UC_HOOK_INTR, console.on_interrupt)
    stack, reset = _vectors(program)
    cpu.uc.reg_write(arm_const.UC_ARM_REG_SP, stack)
    counted = cpu.run(reset & ~1, _NOWHERE, limit, count=True)
    if console.exit_code is None:
        raise cpu.fail(f"has not exited after {limit} instructions; raise the limit, or look for an endless loop")
    return Booted(console.output.decode("utf-8", "replace"), console.exit_code, counted.instructions if counted else 0)


@dataclass
class _Console:
    """The debugger's side of semihosting: r0 is the operation, r1 its argument."""

    cpu: Cpu
    output: bytearray = field(default_factory=bytearray)
    exit_code: int | None = None

    def on_interrupt(self, uc: Any, number: int, _data: Any) -> None:
        from unicorn import arm_const

        pc = uc.reg_read(arm_const.UC_ARM_REG_PC)
        if number != _BREAKPOINT or struct.unpack("<H", uc.mem_read(pc, 2))[0] != _SEMIHOSTING:
            raise self.cpu.fail(f"raises exception {number}, which nothing handles")
        uc.reg_write(arm_const.UC_ARM_REG_PC, pc + 2 | 1)
        self._serve(uc, uc.reg_read(arm_const.UC_ARM_REG_R0), uc.reg_read(arm_const.UC_ARM_REG_R1))

    def _serve(self, uc: Any, operation: int, argument: int) -> None:
        if operation == _SYS_WRITEC:
            self.output += self._read(argument, 1)
        elif operation == _SYS_WRITE0:
            while (character := self._read(argument, 1)) != b"\0":
                self.output += character
                argument += 1
        elif operation == _SYS_EXIT:
            self._exit(uc, argument, 0)
        elif operation == _SYS_EXIT_EXTENDED:
            self._exit(uc, *struct.unpack("<2I", self._read(argument, 8)))
        else:
            raise self.cpu.fail(f"asks for semihosting operation {operation:#04x}, which the emulator does not have")

    def _read(self, address: int, size: int) -> bytes:
        if not any(region.covers(address, size) for region in self.cpu.regions):
            raise self.cpu.fail(f"asks for semihosting with {address:#010x}, where no memory is")
        return bytes(self.cpu.uc.mem_read(address, size))

    def _exit(self, uc: Any, reason: int, code: int) -> None:
        self.exit_code = code if reason == _APPLICATION_EXIT else 1
        uc.emu_stop()


def _vectors(image: Image) -> tuple[int, int]:
    """The initial stack pointer and the reset handler: the first two words of flash."""
    first = image.segments[0].data[:8] if image.segments else b""
    stack, reset = struct.unpack("<2I", first) if len(first) == 8 else (0, 0)
    if stack % 4 or not reset & 1 or not _executes(image, reset & ~1):
        raise InputError(f"{image.name} has no vector table at its start; link it with deploy/cortex-m/startup.c")
    return stack, reset


def _executes(image: Image, address: int) -> bool:
    return any(segment.address <= address < segment.address + segment.size for segment in image.segments)
