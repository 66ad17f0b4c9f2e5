"""Operators of trees of gates at the places of an image, with a pool behind them.

`shape` is `trees.Sizes` as numbers. `candidates` and `share` are there where leaves choose (see `Blocks.bit_trees`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from lgn_edge.nn.kernels import cpu
from lgn_edge.nn.kernels.cpu_operators.room import LANES, carrier, floats, given, on_cpu, room_if
from lgn_edge.nn.trees import Sizes

# Real-valued gates.


def _gradients_room(
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


def _gradients(
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
    cpu.call("lgn_trees_backward", shape, len(grad), x, leaf, coefficients, grad, *found)


_trees_backward = on_cpu(
    "blocks_trees_backward(Tensor x, Tensor leaf, Tensor coefficients, int[] shape, Tensor grad, bool wants_x,"
    " bool wants_coefficients) -> (Tensor, Tensor)",
    _gradients_room,
    _gradients,
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


# Discrete gates on packed bits.


def _bit_gradients_room(
    bits: Tensor,
    leaf: Tensor,
    candidates: Tensor | None,
    coefficients: Tensor,
    shape: Sequence[int],
    grad: Tensor,
    wants_x: bool,
    wants_coefficients: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    dots = floats(grad, 0) if candidates is None else floats(grad, *candidates.shape[:3])
    return *_gradients_room(bits, leaf, coefficients, shape, grad, wants_x, wants_coefficients), dots


def _bit_gradients(
    grad_x: Tensor,
    grad_coefficients: Tensor,
    dots: Tensor,
    bits: Tensor,
    leaf: Tensor,
    candidates: Tensor | None,
    coefficients: Tensor,
    shape: Sequence[int],
    grad: Tensor,
    wants_x: bool,
    wants_coefficients: bool,
) -> None:
    found = given((grad_x, grad_coefficients), (wants_x, wants_coefficients))
    choice = (0, None, None) if candidates is None else (candidates.shape[2], candidates, dots)
    cpu.call("lgn_trees_bits_backward", shape, len(grad), bits, leaf, coefficients, grad, *found, *choice)


_bit_trees_backward = on_cpu(
    "blocks_bit_trees_backward(Tensor bits, Tensor leaf, Tensor? candidates, Tensor coefficients, int[] shape,"
    " Tensor grad, bool wants_x, bool wants_coefficients) -> (Tensor, Tensor, Tensor)",
    _bit_gradients_room,
    _bit_gradients,
)


def _bit_trees_room(
    values: Tensor,
    coefficients: Tensor,
    share: Tensor | None,
    bits: Tensor,
    leaf: Tensor,
    candidates: Tensor | None,
    shape: Sequence[int],
) -> tuple[Tensor, Tensor]:
    sizes, blocks = Sizes(*shape), bits.shape[1]
    outputs = sizes.kernels * sizes.outputs
    return carrier(bits, blocks, outputs), bits.new_empty(outputs, blocks)


def _bit_trees(
    values_out: Tensor,
    bits_out: Tensor,
    values: Tensor,
    coefficients: Tensor,
    share: Tensor | None,
    bits: Tensor,
    leaf: Tensor,
    candidates: Tensor | None,
    shape: Sequence[int],
) -> None:
    cpu.call("lgn_trees_bits_forward", shape, bits.shape[1], bits, leaf, coefficients, bits_out)


def _bit_trees_gradient(ctx: Any, grad: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 7
    coefficients, bits, leaf, candidates = ctx.saved_tensors
    wants_x, wants_coefficients, wants_share, *_rest = ctx.needs_input_grad
    chosen = candidates if wants_share else None
    *found, dots = _bit_trees_backward(bits, leaf, chosen, coefficients, ctx.shape, grad, wants_x, wants_coefficients)
    grad_x, grad_coefficients = given(tuple(found), (wants_x, wants_coefficients))
    return grad_x, grad_coefficients, dots if wants_share else None, None, None, None, None


bit_trees = on_cpu(
    "blocks_bit_trees(Tensor values, Tensor coefficients, Tensor? share, Tensor bits, Tensor leaf, Tensor? candidates,"
    " int[] shape) -> (Tensor, Tensor)",
    _bit_trees_room,
    _bit_trees,
    saved=("coefficients", "bits", "leaf", "candidates"),
    kept=("shape",),
    gradient=_bit_trees_gradient,
)
