"""Operators of trees of gates at the places of an image, with a pool behind them.

`shape` is `trees.Sizes` as numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from torch import Tensor

from lgn_edge.nn.kernels import cpu
from lgn_edge.nn.kernels.cpu_operators.room import LANES, carrier, floats, given, on_cpu, room_if
from lgn_edge.nn.trees import Sizes


def _trees_gradients_room(
    x: Tensor,
    leaf: Tensor,
    coefficients: Tensor,
    shape: Sequence[int],
    grad: Tensor,
    wants_x: bool,
    wants_coefficients: bool,
) -> tuple[Tensor, Tensor]:
    room_x = room_if(wants_x, grad, grad.shape[0], Sizes(*shape).signals, LANES)
    return room_x, room_if(wants_coefficients, grad, *coefficients.shape)


def _trees_gradients(
    kernel: str,
    grad_x: Tensor,
    grad_coefficients: Tensor,
    x: Tensor,
    leaf: Tensor,
    coefficients: Tensor,
    shape: Sequence[int],
    grad: Tensor,
    wants_x: bool,
    wants_coefficients: bool,
) -> None:
    found = given((grad_x, grad_coefficients), (wants_x, wants_coefficients))
    cpu.call(kernel, shape, len(grad), x, leaf, coefficients, grad, *found)


_TREES_BACKWARD: Final = (
    "(Tensor x, Tensor leaf, Tensor coefficients, int[] shape, Tensor grad, bool wants_x, bool wants_coefficients)"
    " -> (Tensor, Tensor)"
)
_trees_backward = on_cpu(
    f"blocks_trees_backward{_TREES_BACKWARD}", _trees_gradients_room, partial(_trees_gradients, "lgn_trees_backward")
)
_bit_trees_backward = on_cpu(
    f"blocks_bit_trees_backward{_TREES_BACKWARD}",
    _trees_gradients_room,
    partial(_trees_gradients, "lgn_trees_bits_backward"),
)


def _trees_room(x: Tensor, leaf: Tensor, coefficients: Tensor, shape: Sequence[int]) -> Tensor:
    sizes = Sizes(*shape)
    return floats(x, x.shape[0], sizes.kernels * sizes.outputs, LANES)


def _trees(y: Tensor, x: Tensor, leaf: Tensor, coefficients: Tensor, shape: Sequence[int]) -> None:
    cpu.call("lgn_trees_forward", shape, len(x), x, leaf, coefficients, y)


def _trees_gradient(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 4
    wanted = ctx.needs_input_grad[0], ctx.needs_input_grad[2]
    grad_x, grad_coefficients = given(_trees_backward(*ctx.saved_tensors, ctx.shape, grad, *wanted), wanted)
    return grad_x, None, grad_coefficients, None


trees = on_cpu(
    "blocks_trees(Tensor x, Tensor leaf, Tensor coefficients, int[] shape) -> Tensor",
    _trees_room,
    _trees,
    saved=("x", "leaf", "coefficients"),
    kept=("shape",),
    gradient=_trees_gradient,
)


def _bit_trees_room(
    values: Tensor, bits: Tensor, leaf: Tensor, coefficients: Tensor, shape: Sequence[int]
) -> tuple[Tensor, Tensor]:
    sizes, blocks = Sizes(*shape), bits.shape[1]
    outputs = sizes.kernels * sizes.outputs
    return carrier(bits, blocks, outputs), bits.new_empty(outputs, blocks)


def _bit_trees(
    values_out: Tensor,
    bits_out: Tensor,
    values: Tensor,
    bits: Tensor,
    leaf: Tensor,
    coefficients: Tensor,
    shape: Sequence[int],
) -> None:
    cpu.call("lgn_trees_bits_forward", shape, bits.shape[1], bits, leaf, coefficients, bits_out)


def _bit_trees_gradient(ctx: Any, grad: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 5
    wanted = ctx.needs_input_grad[0], ctx.needs_input_grad[3]
    grad_x, grad_coefficients = given(_bit_trees_backward(*ctx.saved_tensors, ctx.shape, grad, *wanted), wanted)
    return grad_x, None, None, grad_coefficients, None


bit_trees = on_cpu(
    "blocks_bit_trees(Tensor values, Tensor bits, Tensor leaf, Tensor coefficients, int[] shape) -> (Tensor, Tensor)",
    _bit_trees_room,
    _bit_trees,
    saved=("bits", "leaf", "coefficients"),
    kept=("shape",),
    gradient=_bit_trees_gradient,
)
