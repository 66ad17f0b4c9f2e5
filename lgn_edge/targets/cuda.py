"""NVIDIA's GPUs: which there are, and the target for some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from lgn_edge.errors import InputError
from lgn_edge.kernels.shape import Gpu, Shape
from lgn_edge.targets.aarch64 import AARCH64
from lgn_edge.targets.native import native
from lgn_edge.targets.target import Level, Target
from lgn_edge.words import meant

_KIB: Final = 1024
ARCHITECTURES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "sm_75": 64 * _KIB,  # Turing: T4, RTX 20
        "sm_80": 163 * _KIB,  # Ampere: A100, A30
        "sm_86": 99 * _KIB,  # Ampere: A10, A40, RTX 30
        "sm_87": 163 * _KIB,  # Jetson Orin
        "sm_89": 99 * _KIB,  # Ada: L4, L40, RTX 40
        "sm_90": 227 * _KIB,  # Hopper: H100, H200
        "sm_100": 227 * _KIB,  # Blackwell: B200, GB200
        "sm_103": 227 * _KIB,  # Blackwell: B300, GB300
        "sm_110": 227 * _KIB,  # Jetson Thor
        "sm_120": 99 * _KIB,  # Blackwell: RTX 50, RTX PRO
        "sm_121": 99 * _KIB,  # Blackwell: DGX Spark
    }
)
"""Each with the bytes of shared memory that a block may ask for: CUDA C++ Programming Guide, table "Technical
Specifications per Compute Capability"."""
ALIASES: Final[Mapping[str, str]] = MappingProxyType({"jetson-orin": "sm_87", "jetson-thor": "sm_110"})
OLDEST: Final = "sm_75"
# CUDA's release that brought each version of PTX (PTX ISA, "Release History"), of those that LLVM writes for the above.
_CUDA_OF_PTX: Final = {
    (6, 3): 10000,
    (7, 0): 11000,
    (7, 1): 11010,
    (7, 4): 11040,
    (7, 8): 11080,
    (8, 6): 12070,
    (8, 7): 12080,
    (8, 8): 12090,
    (9, 0): 13000,
}


def find_architectures(names: Sequence[str]) -> tuple[str, ...]:
    """The architectures of these names or aliases, the oldest first, each once; none given are none.

    Raises:
        InputError: one is unknown, or older than the oldest that kernels are made for.
    """
    return tuple(sorted({_find(name) for name in names}, key=capability))


def _find(name: str) -> str:
    found = ALIASES.get(name, name)
    if found in ARCHITECTURES:
        return found
    number = found.removeprefix("sm_")
    if number.isdecimal() and int(number) < capability(OLDEST):
        raise InputError(f"kernels cannot be made for {name}: PTX of {OLDEST}, the oldest, does not run on it")
    raise InputError(f"unknown GPU {name!r}; {meant(name, [*ARCHITECTURES, *ALIASES])}")


def capability(arch: str) -> int:
    """The compute capability, 75 of sm_75, which is 7.5."""
    return int(arch.removeprefix("sm_"))


def cuda(architectures: Sequence[str] = ()) -> Target:
    """The target for GPUs of some architectures, launched from this machine; of Jetsons, from their own processor.

    Kernels are planned for the one with the least shared memory, and their PTX is that of the oldest: newer GPUs
    take it, too, where they have as much. Without any architecture, that is the oldest that there is.

    Args:
        architectures: of ARCHITECTURES, the oldest first (`find_architectures`).

    Raises:
        InputError: Jetsons and others, which have different processors.
        UnsupportedError: not Linux on x86-64 or aarch64.
    """
    known = tuple(architectures) or (OLDEST,)
    jetsons = [arch for arch in known if arch in ALIASES.values()]
    if jetsons and len(jetsons) < len(known):
        others = ", ".join(arch for arch in known if arch not in jetsons)
        raise InputError(
            f"{', '.join(jetsons)} is of a Jetson, whose processor is aarch64, and {others} is not; build twice"
        )
    host = AARCH64[0] if jetsons else native()
    return replace(
        host,
        name="cuda",
        family="cuda",
        description="NVIDIA GPUs from Turing on, Jetson Orin to H100: PTX, and machine code with --arch",
        levels=(Level(known[0]),),
        shape=Shape(word_bits=32, lanes=32),
        execution="cuda",
        gpu=Gpu(
            "nvptx",
            MappingProxyType({"mcpu": known[0]}),
            shared_bytes=min(ARCHITECTURES[arch] for arch in known),
            words=2,
            architectures=tuple(architectures),
        ),
    )


def for_architectures(target: Target, names: Sequence[str]) -> Target:
    """The same target for GPUs of these names only.

    Raises:
        InputError: a name is unknown or too old, or the target is not for these GPUs.
    """
    if not names:
        return target
    if target.family != "cuda":
        raise InputError(f"{target.name} is no target for NVIDIA's GPUs; leave out --arch, or build for cuda")
    return cuda(find_architectures(names))


def cuda_version(ptx: tuple[int, int]) -> int:
    """CUDA's version, 10000 of 10.0, from which on drivers take a version of PTX."""
    return _CUDA_OF_PTX[ptx]
