"""Triton's programs compiled for GPUs that are not there; imported where TRITON_INTERPRET is 0."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from lgn_edge.nn.kernels import gpu_programs


@dataclass(frozen=True)
class Code:
    """What a program was compiled to.

    Attributes:
        loads: of 128 bits a lane.
        stores: likewise.
        atomics: of any kind.
    """

    loads: int
    stores: int
    atomics: int


def compiled(
    name: str,
    types: Mapping[str, str],
    sizes: Mapping[str, Any],
    capability: int,
    *,
    ones: bool = False,
    warps: int = 1,
) -> Code:
    """Compile a program of `gpu_programs`.

    Args:
        name: of the program.
        types: of its pointers, such as "*fp32", and of numbers that are "fp32"; all others are int32, multiples of 16.
        sizes: its constants.
        capability: of the GPU, such as 90.
        ones: whether numbers are 1 instead, of which Triton makes constants.
        warps: of a program.
    """
    program = getattr(gpu_programs, name)
    numbers = [argument for argument in program.arg_names if argument not in types and argument not in sizes]
    constants = {**sizes, **(dict.fromkeys(numbers, 1) if ones else {})}
    kinds = {**dict.fromkeys(numbers, "i32"), **types, **dict.fromkeys(constants, "constexpr")}
    source = ASTSource(
        program,
        signature={argument: kinds[argument] for argument in program.arg_names},
        constexprs={(i,): constants[a] for i, a in enumerate(program.arg_names) if a in constants},
        attrs={
            (i,): [["tt.divisibility", 16]]
            for i, a in enumerate(program.arg_names)
            if a not in constants and kinds[a] != "fp32"
        },
    )
    ptx = triton.compile(source, target=GPUTarget("cuda", capability, 32), options={"num_warps": warps}).asm["ptx"]
    patterns = r"ld\.global\.v4\.b32", r"st\.global\.v4\.b32", r"(?<![a-z])(?:atom|red)[.]"
    return Code(*(len(re.findall(pattern, ptx)) for pattern in patterns))
