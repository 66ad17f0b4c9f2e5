"""An x86-64 artifact in an emulator that answers CPUID and XGETBV as the test wishes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import unicorn
from unicorn import x86_const

from lgn_edge import toolchain
from lgn_edge.artifact import Artifact
from lgn_edge.deploy_files import deploy_folder
from lgn_edge.emulate import Image, read_image
from lgn_edge.targets.x86_64 import X86_64

SCRIPT = "SECTIONS { . = 0x100000; .text : { *(.text .text.*) } }"
CODE, STACK, EXIT, SIZE = 0, 0x800000, 0x900000, 1 << 20
XGETBV = b"\x0f\x01\xd0"


@dataclass(frozen=True)
class Processor:
    """What CPUID and XGETBV answer.

    `xcr0` is None where the operating system did not enable XGETBV: then it is an invalid instruction.
    """

    ecx1: int
    ecx80000001: int
    ebx7: int
    xcr0: int | None = None
    last_leaf: int = 7

    def cpuid(self, leaf: int) -> tuple[int, int, int, int]:
        """The registers a, b, c, d; a leaf above the last one gives what it should not be asked for: all ones."""
        return {
            0: (self.last_leaf, 0, 0, 0),
            1: (0, 0, self.ecx1, 0),
            7: (0, self.ebx7, 0, 0) if self.last_leaf >= 7 else (0xFFFFFFFF,) * 4,
            0x80000000: (0x80000001, 0, 0, 0),
            0x80000001: (0, 0, self.ecx80000001, 0),
        }[leaf]


def linked_image(artifact: Artifact, folder: Path) -> Image:
    """The library, linked without a C library."""
    image, script, strings = folder / "image.elf", folder / "image.ld", folder / "string.o"
    script.write_text(SCRIPT)
    toolchain.compile_c(deploy_folder() / "bare" / "string.c", strings, X86_64.machine)
    prefix = f"lgn_{artifact.name}"
    keep = [f"{prefix}_{function}" for function in ("level", "set_level", "predict_in", "predict_packed_in")]
    toolchain.link_firmware([artifact.folder / "lib" / f"lib{prefix}.a", strings], image, script, keep)
    return read_image(image, "EM_X86_64")


def call(
    image: Image, processor: Processor, symbol: str, *arguments: int, skipped: dict[int, str] | None = None
) -> tuple[int, list[str]]:
    """Call a function in a fresh machine.

    Returns:
        its result as a C int, and the names of the functions of `skipped` (by address) in the order of their calls;
        they return at once.
    """
    engine = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
    engine.mem_map(CODE, STACK - CODE)
    for segment in image.segments:
        engine.mem_write(segment.address, segment.data)
    engine.mem_map(STACK, SIZE)
    engine.mem_map(EXIT, 4096)
    top = STACK + SIZE - 4096 - 8
    engine.mem_write(top, struct.pack("<Q", EXIT))
    engine.reg_write(x86_const.UC_X86_REG_RSP, top)
    registers = tuple(getattr(x86_const, f"UC_X86_REG_{name}") for name in ("RDI", "RSI", "RDX", "RCX", "R8"))
    for register, argument in zip(registers, arguments, strict=False):
        engine.reg_write(register, argument)

    def cpuid(uc: Any, _data: Any) -> bool:
        names = (x86_const.UC_X86_REG_RAX, x86_const.UC_X86_REG_RBX, x86_const.UC_X86_REG_RCX, x86_const.UC_X86_REG_RDX)
        for name, value in zip(names, processor.cpuid(uc.reg_read(x86_const.UC_X86_REG_EAX)), strict=True):
            uc.reg_write(name, value)
        return True

    skipped, called = skipped or {}, list[str]()

    def step(uc: Any, address: int, size: int, _data: Any) -> None:
        if address in skipped:
            called.append(skipped[address])
            stack = uc.reg_read(x86_const.UC_X86_REG_RSP)
            uc.reg_write(x86_const.UC_X86_REG_RIP, int.from_bytes(uc.mem_read(stack, 8), "little"))
            uc.reg_write(x86_const.UC_X86_REG_RSP, stack + 8)
        if processor.xcr0 is not None and bytes(uc.mem_read(address, size)) == XGETBV:
            uc.reg_write(x86_const.UC_X86_REG_RAX, processor.xcr0)
            uc.reg_write(x86_const.UC_X86_REG_RDX, 0)
            uc.reg_write(x86_const.UC_X86_REG_RIP, address + size)

    engine.hook_add(unicorn.UC_HOOK_INSN, cpuid, aux1=x86_const.UC_X86_INS_CPUID)
    engine.hook_add(unicorn.UC_HOOK_CODE, step)
    engine.emu_start(image.symbol(symbol).address, EXIT)
    (result,) = struct.unpack("<i", struct.pack("<I", engine.reg_read(x86_const.UC_X86_REG_EAX)))
    return result, called
