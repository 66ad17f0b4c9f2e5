"""AVR microcontrollers: 8 bits, one sample at a time, tables in flash."""

from __future__ import annotations

from lgn_edge.kernels.shape import Core, Shape
from lgn_edge.targets.target import Level, Target
from lgn_edge.toolchain import Machine


def _part(name: str, kibibytes: tuple[int, int], description: str) -> Target:
    return Target(
        name=name,
        family="avr",
        description=description,
        triple="avr-unknown-unknown",
        levels=(Level(name),),
        # tables are in an address space that C99 does not have; clang and avr-gcc have it in their own dialect
        machine=Machine("avr", name, ("-ffreestanding", "-std=gnu99", "-mllvm", "-pre-RA-sched=source"), clang=True),
        shape=Shape(word_bits=8, lanes=1),
        core=Core(values=12, totals=64, register_bits=8),
        workspace_on_stack=64,
        selftest_vectors=2,
        execution=name,
        gcc=("avr-gcc", f"-mmcu={name} -std=gnu99"),
        clock_hz=16_000_000,
        flash_bytes=kibibytes[0] << 10,
        ram_bytes=kibibytes[1] << 10,
    )


AVR = (
    _part("atmega328p", (32, 2), "AVR ATmega328P: Arduino Uno and Nano, 32 KB of flash, 2 KB of RAM"),
    _part("atmega2560", (256, 8), "AVR ATmega2560: Arduino Mega, 256 KB of flash, 8 KB of RAM"),
)
