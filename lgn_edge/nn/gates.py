"""The real-valued gate: one definition, and a fast function with the same value and gradient.

A 2-input gate over [0, 1] is the multilinear interpolation of its four corners f(0,0), f(0,1), f(1,0), f(1,1)
(Petersen et al. 2022, section 3.1, table 1). Whatever numbers a parametrisation learns, it ends in four corners a gate,
and those in the collapsed form `y = c0 + ca*a + cb*b + cab*a*b`, so gates are evaluated by one piece of code.

Here signals come first, `[signals, batch]`: a wire is a row, and following it copies contiguous memory.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable


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
    first, second = x[a.long()], x[b.long()]
    c0, ca, cb, cab = coefficients.unsqueeze(2).unbind(1)
    return c0 + ca * first + cb * second + cab * first * second


def gates(x: Tensor, a: Tensor, b: Tensor, coefficients: Tensor) -> Tensor:
    """`gates_definition` with less memory and time: the backward pass gathers inputs again instead of storing them."""
    result: Tensor = _Gates.apply(x, a, b, coefficients)  # type: ignore[no-untyped-call]
    return result


class _Gates(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, a: Tensor, b: Tensor, coefficients: Tensor) -> Tensor:
        ctx.save_for_backward(x, a, b, coefficients)
        first, second = x.index_select(0, a), x.index_select(0, b)
        c0, ca, cb, cab = coefficients.unsqueeze(2).unbind(1)
        slope = torch.addcmul(cb, cab, first)  # dy/db
        return first.mul_(ca).add_(c0).addcmul_(slope, second)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, None, Tensor | None]:
        x, a, b, coefficients = ctx.saved_tensors
        first, second = x.index_select(0, a), x.index_select(0, b)
        grad_x = grad_coefficients = None
        if ctx.needs_input_grad[0]:
            _, ca, cb, cab = coefficients.unsqueeze(2).unbind(1)
            grad_x = torch.zeros_like(x)
            grad_x.index_add_(0, a, torch.addcmul(ca, cab, second).mul_(grad))
            grad_x.index_add_(0, b, torch.addcmul(cb, cab, first).mul_(grad))
        if ctx.needs_input_grad[3]:
            sums = [grad.sum(1)]
            first.mul_(grad)
            sums.append(first.sum(1))
            sums.append(torch.mul(grad, second).sum(1))
            sums.append(first.mul_(second).sum(1))
            grad_coefficients = torch.stack(sums, 1)
        return grad_x, None, None, grad_coefficients
