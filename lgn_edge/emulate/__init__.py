"""Firmware executed without a board: calling its functions, booting it, what it occupies, what it costs."""

from lgn_edge.emulate.availability import available
from lgn_edge.emulate.boot import Booted, boot
from lgn_edge.emulate.cortex_m import CORES, Call, CortexM
from lgn_edge.emulate.errors import EmulationError
from lgn_edge.emulate.image import Image, MemoryUse, Section, Segment, Symbol, memory_use, object_use, read_image
from lgn_edge.emulate.predict import Emulator, Firmware, Usage, measure, predict, selftest

__all__ = [
    "CORES",
    "Booted",
    "Call",
    "CortexM",
    "EmulationError",
    "Emulator",
    "Firmware",
    "Image",
    "MemoryUse",
    "Section",
    "Segment",
    "Symbol",
    "Usage",
    "available",
    "boot",
    "measure",
    "memory_use",
    "object_use",
    "predict",
    "read_image",
    "selftest",
]
