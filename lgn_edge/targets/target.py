"""What a machine is, as data."""

from __future__ import annotations

from dataclasses import dataclass

from lgn_edge.kernels.shape import Shape
from lgn_edge.targets.toolchain import Machine


@dataclass(frozen=True)
class Target:
    """A machine that artifacts are built for.

    Attributes:
        name: what the user asks for.
        family: targets of a family share a file here, a way of being executed and, without an operating system, the
            start-up files in deploy/FAMILY/.
        description: for people.
        triple: LLVM's name of the platform.
        cpu: LLVM's name of the processor.
        attributes: LLVM features to switch on ("+f") or off ("-f").
        vector_bits: width of vectors that LLVM may use; 0 leaves it the choice.
        machine: the same machine as the C toolchain names it.
        shape: the row that kernels work on.
        workspace_on_stack: a workspace of up to that many bytes lives on the stack of `predict`, a larger one in static
            memory.
        selftest_vectors: samples embedded in the self-test.
        execution: how an artifact is executed here: "host", or the emulator's name of the core.
        hosted: whether there is an operating system, and so a shared library.
    """

    name: str
    family: str
    description: str
    triple: str
    cpu: str
    machine: Machine
    shape: Shape
    attributes: tuple[str, ...] = ()
    vector_bits: int = 0
    workspace_on_stack: int = 0
    selftest_vectors: int = 8
    execution: str = "host"
    hosted: bool = False
