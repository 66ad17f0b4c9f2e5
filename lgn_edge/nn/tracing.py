"""Whether torch computes, or does something else with what it would compute."""

from __future__ import annotations

import torch
from torch import Tensor


def traced() -> bool:
    """Whether `torch.jit.trace` records what is called, as `torch.onnx.export(dynamo=False)` and TensorBoard let it."""
    return not torch.compiler.is_compiling() and torch._C._get_tracing_state() is not None


def exported() -> bool:
    """Whether a computation is recorded to run elsewhere, in a trace or an export."""
    return torch.compiler.is_exporting() if torch.compiler.is_compiling() else traced()


def recorded() -> bool:
    """Whether plain torch functions must do what kernels do otherwise: torch records or transforms a computation.

    That is so in a trace, in `torch.onnx.export` and `torch.export`, whose results run without lgn-edge, and in the
    transforms of `torch.func`. `torch.compile` takes the kernels as they are.
    """
    if torch.compiler.is_compiling():
        return exported()
    return exported() or torch._C._functorch.peek_interpreter_stack() is not None  # it has no public name


def computed() -> bool:
    """Whether tensors that are made now hold values, and may be kept for later: no fake ones, none of a trace."""
    return not torch.compiler.is_compiling() and not recorded() and type(torch.empty(0)) is Tensor
