"""Linux on 64-bit Arm: 512 samples a row, four NEON registers."""

from __future__ import annotations

from dataclasses import replace

from lgn_edge.kernels.shape import Shape
from lgn_edge.targets.target import Level, Target
from lgn_edge.toolchain import LINUX


def _core(name: str, cpu: str, core: str, description: str) -> Target:
    return Target(
        name=name,
        family="aarch64",
        description=description,
        triple="aarch64-unknown-linux-gnu",
        levels=(Level(cpu, vector_bits=128),),
        machine=replace(LINUX["aarch64"], cpu=cpu.replace("-", "_")),
        shape=Shape(word_bits=64, lanes=8),
        workspace_on_stack=64 * 1024,
        selftest_vectors=67,
        execution=core,
        hosted=True,
    )


AARCH64 = (
    _core("aarch64", "generic", "cortex-a53", "Linux aarch64: any Armv8-A with NEON"),
    _core("cortex-a53", "cortex-a53", "cortex-a53", "Linux on Arm Cortex-A53: Raspberry Pi 3, Zero 2 W"),
    _core("cortex-a72", "cortex-a72", "cortex-a72", "Linux on Arm Cortex-A72: Raspberry Pi 4"),
    _core("neoverse", "neoverse-n1", "max", "Linux on Arm Neoverse N1: AWS Graviton2, Ampere Altra, and newer"),
)
