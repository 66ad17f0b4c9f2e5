"""Which targets there are, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from lgn_edge.errors import InputError
from lgn_edge.targets.aarch64 import AARCH64
from lgn_edge.targets.avr import AVR
from lgn_edge.targets.c import C
from lgn_edge.targets.cortex_m import CORTEX_M
from lgn_edge.targets.cuda import cuda
from lgn_edge.targets.native import native
from lgn_edge.targets.opencl import opencl
from lgn_edge.targets.riscv import RISCV32, RISCV64
from lgn_edge.targets.target import Target
from lgn_edge.targets.wasm import WASM
from lgn_edge.targets.webgpu import WEBGPU
from lgn_edge.targets.x86_64 import X86_64
from lgn_edge.words import meant


def _constant(target: Target) -> Callable[[], Target]:
    return lambda: target


# A target is made when it is asked for: `native`, `cuda` and `opencl` look at this machine.
TARGETS: Mapping[str, Callable[[], Target]] = MappingProxyType(
    {
        "native": native,
        **{
            target.name: _constant(target)
            for target in (X86_64, *AARCH64, RISCV64, *CORTEX_M, *RISCV32, *AVR, *WASM, C)
        },
        "cuda": cuda,
        "opencl": opencl,
        WEBGPU.name: _constant(WEBGPU),
    }
)
ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "arm": "cortex-m4",
        "raspberry-pi-3": "cortex-a53",
        "raspberry-pi-4": "cortex-a72",
        "esp32-c3": "riscv32",
        "esp32": "c",
    }
)


def find_target(name: str) -> Target:
    """The target of that name or alias.

    Raises:
        InputError: there is none; names the nearest ones.
        UnsupportedError: this machine cannot be a target.
    """
    canonical = ALIASES.get(name, name)
    if canonical not in TARGETS:
        raise InputError(f"unknown target {name!r}; {meant(name, [*TARGETS, *ALIASES])}")
    return TARGETS[canonical]()
