"""Arm Cortex-M microcontrollers: one sample a bit of a 32-bit word, no operating system.

The floating-point unit is never used (the encoder compares integers), so one artifact fits parts with and without one;
no function takes or returns a float, an enum or a wide character, and the objects say so, so that they link into soft-
and hard-float firmware, whatever its compiler makes of enums.
"""

from __future__ import annotations

from lgn_edge.kernels.shape import Core, Shape
from lgn_edge.targets.target import Level, Target
from lgn_edge.toolchain import Machine

_WORD = Shape(word_bits=32, lanes=1)
_FLAGS = (
    "-ffreestanding",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    # straight-line code stands in an order that needs few registers; LLVM's scheduler does not know that
    "-mllvm",
    "-enable-misched=false",
    "-mllvm",
    "-pre-RA-sched=source",
    # slots are reached from the stack pointer, not from addresses that would take a register
    "-mllvm",
    "-cgp-split-large-offset-gep=false",
)
# Tags of "Addenda to, and Errata in, the ABI for the Arm Architecture", section 3. None is used (0) of wide characters
# (18), floating point (23) and enums (26), and any way to pass floats (28) will do (3).
_ATTRIBUTES = ((18, 0), (23, 0), (26, 0), (28, 3))
# the low registers, which instructions of two bytes reach, hold values, and the high ones scores
_THUMB_2 = Core(values=8, totals=5, fused=True)
# nothing but the low registers can be computed with
_THUMB_1 = Core(values=4, totals=3)


def _core(name: str, architecture: str, cpu: str, description: str, megahertz: int = 0) -> Target:
    return Target(
        name=name,
        family="cortex-m",
        description=description,
        triple=f"{architecture}-none-eabi",
        levels=(Level(cpu, vector_bits=128),),  # nothing here is a vector; without a number TVM warns
        machine=Machine("thumb-freestanding-eabi", cpu.replace("-", "_"), _FLAGS, attributes=_ATTRIBUTES),
        shape=_WORD,
        workspace_on_stack=1024,
        execution=name,
        gcc=("arm-none-eabi-gcc", f"-mcpu={cpu} -mthumb"),
        clock_hz=megahertz * 1_000_000,
        core=_THUMB_1 if architecture == "thumbv6m" else _THUMB_2,
    )


CORTEX_M = (
    _core("cortex-m0", "thumbv6m", "cortex-m0", "Arm Cortex-M0: STM32F0, nRF51, micro:bit", 16),
    _core("cortex-m0plus", "thumbv6m", "cortex-m0plus", "Arm Cortex-M0+: RP2040, STM32G0, SAMD21", 48),
    _core("cortex-m3", "thumbv7m", "cortex-m3", "Arm Cortex-M3: STM32F1, LPC17xx", 72),
    _core("cortex-m4", "thumbv7em", "cortex-m4", "Arm Cortex-M4: STM32F4, nRF52, SAMD51", 64),
    _core("cortex-m7", "thumbv7em", "cortex-m7", "Arm Cortex-M7: STM32F7/H7, i.MX RT"),
    _core("cortex-m33", "thumbv8m.main", "cortex-m33", "Arm Cortex-M33: STM32U5, nRF53, RP2350"),
    _core("cortex-m55", "thumbv8.1m.main", "cortex-m55", "Arm Cortex-M55: Alif Ensemble, Himax WE2"),
)
