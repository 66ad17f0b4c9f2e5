"""Portable C99 sources, for compilers that LLVM does not serve: Xtensa (ESP32), RX, TriCore, and the next one."""

from __future__ import annotations

from lgn_edge.kernels.shape import Shape
from lgn_edge.targets.target import Level, Target
from lgn_edge.toolchain import Machine

C = Target(
    name="c",
    family="c",
    description="C99 sources for any compiler: Xtensa ESP32, RX, TriCore and others",
    triple="any",
    levels=(Level("any"),),
    # what checks the sources when they are built: no warning is left
    machine=Machine("wasm32-freestanding", "", ("-ffreestanding",)),
    shape=Shape(word_bits=32, lanes=1),
    workspace_on_stack=1024,
    execution="source",
)
