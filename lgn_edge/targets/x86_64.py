"""Linux on x86-64: 512 samples a row, and kernels for the vector instructions of each generation."""

from __future__ import annotations

from lgn_edge.kernels.shape import Shape
from lgn_edge.targets.target import Level, Target
from lgn_edge.toolchain import LINUX

X86_64 = Target(
    name="x86-64",
    family="x86-64",
    description="Linux x86-64-v2 and newer; AVX2 and AVX-512 are used where the CPU has them",
    triple="x86_64-unknown-linux-gnu",
    levels=(
        Level("x86-64-v2", suffix="_v2"),
        Level("x86-64-v3", suffix="_v3"),
        Level("x86-64-v4", vector_bits=512, suffix="_v4"),
    ),
    machine=LINUX["x86_64"],
    shape=Shape(word_bits=64, lanes=8),
    workspace_on_stack=64 * 1024,
    selftest_vectors=67,
    hosted=True,
)
