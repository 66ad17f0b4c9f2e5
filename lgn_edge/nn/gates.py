"""The real-valued gate: one definition, and a fast function with the same value and gradient.

A 2-input gate over [0, 1] is the multilinear interpolation of its four corners f(0,0), f(0,1), f(1,0), f(1,1)
(Petersen et al. 2022, section 3.1, table 1). Whatever numbers a parametrisation learns, it ends in four corners a gate,
and those in the collapsed form `y = c0 + ca*a + cb*b + cab*a*b`, so gates are evaluated by one piece of code.

Here signals come first, `[signals, batch]`: a wire is a row, and following it copies contiguous memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from lgn_edge.nn.autograd import apply, once
from lgn_edge.nn.tracing import recorded


def collapse(corners: Tensor) -> Tensor:
    """Coefficients [gates, 4] in the order c0, ca, cb, cab of corners [gates, 4] in the order 00, 01, 10, 11."""
    f00, f01, f10, f11 = corners.unbind(1)
    return torch.stack([f00, f10 - f00, f01 - f00, f00 - f01 - f10 + f11], 1)


def gates_definition(x: Tensor, a: Tensor, b: Tensor, coefficients: Tensor) -> Tensor:
    """The definition of a layer of real-valued gates, in plain differentiable torch.

    Args:
        x: inputs [signals, batch], values in [0, 1].
        a: integer [gates], the row of x that is the first input of each gate.
        b: the same of the second input.
        coefficients: [gates, 4], the collapsed form (see `collapse`).

    Returns:
        outputs [gates, batch]. With inputs and corners of exactly 0 or 1 every output is exactly 0 or 1.
    """
    return gates_of(x[a.long()], x[b.long()], coefficients)


def gates_of(first: Tensor, second: Tensor, coefficients: Tensor) -> Tensor:
    """Outputs [gates, batch] of gates whose inputs are [gates, batch] each."""
    c0, ca, cb, cab = coefficients.unsqueeze(2).unbind(1)
    return c0 + ca * first + cb * second + cab * first * second


def gates(x: Tensor, a: Tensor, b: Tensor, coefficients: Tensor) -> Tensor:
    """`gates_definition` with less memory and time.

    It works on blocks of gates that stay in a core's cache, and its backward pass gathers the inputs again instead of
    storing them. Outputs are of the inputs' dtype; with inputs in 16 bits, everything is still computed and summed in
    the dtype of the coefficients. Its own gradient is not differentiable. Where torch compiles or records what is
    computed, it is the definition.
    """
    if torch.compiler.is_compiling() or recorded():
        return gates_definition(x, a, b, coefficients).to(x.dtype)
    result: Tensor = apply(_Gates, x, a, b, coefficients)
    return result


_BLOCK: Final = 2**16  # values in a temporary of the fast function: 256 KiB of float32 stay in a core's cache


def _blocks(gates: int, batch: int) -> Iterator[slice]:
    step = max(64, _BLOCK // max(1, batch))
    return (slice(start, start + step) for start in range(0, gates, step))


class _Gates(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, a: Tensor, b: Tensor, coefficients: Tensor) -> Tensor:
        ctx.save_for_backward(x, a, b, coefficients)
        y = x.new_empty(len(a), x.shape[1])
        for block in _blocks(*y.shape):
            first, second = (x.index_select(0, wires[block]).to(coefficients.dtype) for wires in (a, b))
            c0, ca, cb, cab = coefficients[block].unsqueeze(2).unbind(1)
            slope = torch.addcmul(cb, cab, first)  # dy/db
            torch.addcmul(first.mul_(ca).add_(c0), slope, second, out=y[block])
        return y

    @staticmethod
    @once
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, None, Tensor | None]:
        x, a, b, coefficients = ctx.saved_tensors
        dtype = coefficients.dtype
        grad_x = torch.zeros_like(x, dtype=dtype) if ctx.needs_input_grad[0] else None
        grad_coefficients = torch.empty_like(coefficients) if ctx.needs_input_grad[3] else None
        for block in _blocks(len(a), x.shape[1]):
            first, second = (x.index_select(0, wires[block]).to(dtype) for wires in (a, b))
            g = grad[block].to(dtype)
            if grad_x is not None:
                _, ca, cb, cab = coefficients[block].unsqueeze(2).unbind(1)
                grad_x.index_add_(0, a[block], torch.addcmul(ca, cab, second).mul_(g))
                grad_x.index_add_(0, b[block], torch.addcmul(cb, cab, first).mul_(g))
            if grad_coefficients is not None:
                g_first = first.mul_(g)
                sums = [g.sum(1), g_first.sum(1), torch.mul(g, second).sum(1), g_first.mul_(second).sum(1)]
                torch.stack(sums, 1, out=grad_coefficients[block])
        return None if grad_x is None else grad_x.to(x.dtype), None, None, grad_coefficients
