"""What a machine is, as data."""

from __future__ import annotations

from dataclasses import dataclass, field

from lgn_edge.kernels.shape import Core, Gpu, Shape
from lgn_edge.toolchain import Machine


@dataclass(frozen=True)
class Level:
    """What kernels may use of a processor.

    Attributes:
        cpu: LLVM's name of the processor.
        vector_bits: width of vectors that LLVM may use; 0 leaves it the choice.
        suffix: of the symbols of this level's kernels, where a target has several.
        features: LLVM's names of features that the processor has besides, such as "+simd128".
        abi: LLVM's name of the calling convention, where the platform has several.
    """

    cpu: str
    vector_bits: int = 0
    suffix: str = ""
    features: tuple[str, ...] = ()
    abi: str = ""


@dataclass(frozen=True)
class Target:
    """A machine that artifacts are built for.

    Attributes:
        name: what the user asks for.
        family: targets of a family share a file here, a way of being executed and, without an operating system, the
            start-up files in deploy/FAMILY/.
        description: for people.
        triple: LLVM's name of the platform.
        levels: what its kernels are compiled for, the lowest first. With several, an artifact holds kernels of each,
            and deploy/artifact/levels_FAMILY.* choose the best that the processor has when they are called.
        machine: the same machine as the C toolchain names it: what all processors of the target have.
        shape: the row that kernels of all levels work on, so that they share their tables.
        workspace_on_stack: a workspace of up to that many bytes lives on the stack of `predict`, a larger one in static
            memory.
        selftest_vectors: samples embedded in the self-test.
        execution: the emulator's name of the core, or "host" when only a machine of the triple's kind executes it.
        hosted: whether there is an operating system, and so a shared library.
        gcc: GNU compiler and its flags for the processor, for the artifact's Makefile.
        clock_hz: that reports give times for when nobody says another: of a common part, and one that its memory can
            follow; 0 where no cycles are known.
        flash_bytes: of the part; 0 where the target stands for many.
        ram_bytes: likewise.
        gpu: the GPU that runs the kernels, where one does; the other attributes are of the machine that launches them.
        gpu_beside: the GPU that may run a network in the place of the processor, where there is one when it is loaded.
    """

    name: str
    family: str
    description: str
    triple: str
    levels: tuple[Level, ...]
    machine: Machine
    shape: Shape
    workspace_on_stack: int = 0
    selftest_vectors: int = 8
    execution: str = "host"
    hosted: bool = False
    gcc: tuple[str, str] = ("cc", "")
    core: Core = field(default_factory=Core)
    clock_hz: int = 0
    flash_bytes: int = 0
    ram_bytes: int = 0
    gpu: Gpu | None = None
    gpu_beside: Gpu | None = None
