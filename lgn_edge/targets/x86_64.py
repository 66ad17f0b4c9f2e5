"""Linux on x86-64: 512 samples a row, and kernels for the vector instructions of each generation."""

from __future__ import annotations

from lgn_edge.kernels.shape import Shape
from lgn_edge.targets.target import Level, Target
from lgn_edge.targets.toolchain import Machine

# The micro-architecture levels of the psABI: what one adds to the level before it, by Linux's names of the features.
LEVEL_FLAGS = {
    "x86-64-v2": frozenset({"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"}),
    "x86-64-v3": frozenset({"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"}),
    "x86-64-v4": frozenset({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
}

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
    machine=Machine("x86_64-linux-gnu.2.17", "", ("-fPIC",)),
    shape=Shape(word_bits=64, lanes=8),
    workspace_on_stack=64 * 1024,
    selftest_vectors=67,
    hosted=True,
)
