"""Firmware executed without a board: calling its functions, booting it, what it occupies, what it costs."""

from lgn_edge.emulate.aarch64 import AARCH64_CORES, AArch64
from lgn_edge.emulate.availability import available, emulator, unreadable
from lgn_edge.emulate.boot import Booted, boot
from lgn_edge.emulate.cortex_m import CORES, CortexM
from lgn_edge.emulate.errors import EmulationError
from lgn_edge.emulate.gdb import DEBUGGED, GdbMachine
from lgn_edge.emulate.image import Image, MemoryUse, Section, Segment, Symbol, memory_use, object_use, read_image
from lgn_edge.emulate.machine import Call, Machine
from lgn_edge.emulate.predict import Emulator, Firmware, Usage, measure, predict, room, selftest
from lgn_edge.emulate.riscv import RISCV_CORES, RiscV
from lgn_edge.emulate.timing import Cycles, untimed
from lgn_edge.emulate.wasm import WasmMachine, WasmModule

__all__ = [
    "AARCH64_CORES",
    "CORES",
    "DEBUGGED",
    "RISCV_CORES",
    "AArch64",
    "Booted",
    "Call",
    "CortexM",
    "Cycles",
    "EmulationError",
    "Emulator",
    "Firmware",
    "GdbMachine",
    "Image",
    "Machine",
    "MemoryUse",
    "RiscV",
    "Section",
    "Segment",
    "Symbol",
    "Usage",
    "WasmMachine",
    "WasmModule",
    "available",
    "boot",
    "emulator",
    "measure",
    "memory_use",
    "object_use",
    "predict",
    "read_image",
    "room",
    "selftest",
    "unreadable",
    "untimed",
]
