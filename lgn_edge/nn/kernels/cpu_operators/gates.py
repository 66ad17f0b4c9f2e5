"""Operators of a layer of two-input gates with free wiring, on real values and on bits."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from lgn_edge.nn.kernels import cpu
from lgn_edge.nn.kernels.cpu_operators.room import LANES, carrier, floats, given, on_cpu, room_if

# Real-valued gates.


def _gates_gradients_room(
    x: Tensor, a: Tensor, b: Tensor, coefficients: Tensor, grad: Tensor, wants_x: bool, wants_coefficients: bool
) -> tuple[Tensor, Tensor]:
    return room_if(wants_x, x, *x.shape), room_if(wants_coefficients, x, *coefficients.shape)


def _gates_gradients(
    grad_x: Tensor,
    grad_coefficients: Tensor,
    x: Tensor,
    a: Tensor,
    b: Tensor,
    coefficients: Tensor,
    grad: Tensor,
    wants_x: bool,
    wants_coefficients: bool,
) -> None:
    found = given((grad_x, grad_coefficients), (wants_x, wants_coefficients))
    cpu.call("lgn_backward", len(a), x.shape[1], len(x), x, a, b, coefficients, grad, *found)


_gates_backward = on_cpu(
    "blocks_gates_backward(Tensor x, Tensor a, Tensor b, Tensor coefficients, Tensor grad, bool wants_x,"
    " bool wants_coefficients) -> (Tensor, Tensor)",
    _gates_gradients_room,
    _gates_gradients,
)


def _gates_room(x: Tensor, a: Tensor, b: Tensor, coefficients: Tensor) -> Tensor:
    return floats(x, x.shape[0], a.shape[0], LANES)


def _gates(y: Tensor, x: Tensor, a: Tensor, b: Tensor, coefficients: Tensor) -> None:
    cpu.call("lgn_forward", len(a), x.shape[1], len(x), x, a, b, coefficients, y)


def _gates_gradient(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, None, None, Tensor | None]:
    if grad is None:
        return (None,) * 4
    wanted = ctx.needs_input_grad[0], ctx.needs_input_grad[3]
    grad_x, grad_coefficients = given(_gates_backward(*ctx.saved_tensors, grad, *wanted), wanted)
    return grad_x, None, None, grad_coefficients


gates = on_cpu(
    "blocks_gates(Tensor x, Tensor a, Tensor b, Tensor coefficients) -> Tensor",
    _gates_room,
    _gates,
    saved=("x", "a", "b", "coefficients"),
    gradient=_gates_gradient,
)


# Discrete gates on packed bits.


def _bit_gradients_room(
    bits: Tensor, a: Tensor, b: Tensor, coefficients: Tensor, grad: Tensor, wants_x: bool, wants_coefficients: bool
) -> tuple[Tensor, Tensor]:
    signals, blocks = bits.shape
    return room_if(wants_x, bits, blocks, signals, LANES), room_if(wants_coefficients, bits, *coefficients.shape)


def _bit_gradients(
    grad_x: Tensor,
    grad_coefficients: Tensor,
    bits: Tensor,
    a: Tensor,
    b: Tensor,
    coefficients: Tensor,
    grad: Tensor,
    wants_x: bool,
    wants_coefficients: bool,
) -> None:
    found = given((grad_x, grad_coefficients), (wants_x, wants_coefficients))
    cpu.call("lgn_bits_backward", len(a), *bits.shape, bits, a, b, coefficients, grad, *found)


_bit_gates_backward = on_cpu(
    "blocks_bit_gates_backward(Tensor bits, Tensor a, Tensor b, Tensor coefficients, Tensor grad, bool wants_x,"
    " bool wants_coefficients) -> (Tensor, Tensor)",
    _bit_gradients_room,
    _bit_gradients,
)


def _choice_gradient_room(
    bits: Tensor, a: Tensor, b: Tensor, coefficients: Tensor, candidates: Tensor, grad: Tensor
) -> Tensor:
    return floats(bits, *candidates.shape)


def _choice_gradient(
    dots: Tensor, bits: Tensor, a: Tensor, b: Tensor, coefficients: Tensor, candidates: Tensor, grad: Tensor
) -> None:
    k = candidates.shape[2]
    cpu.call("lgn_bits_choice", len(a), bits.shape[1], k, bits, a, b, coefficients, candidates, grad, dots)


_choice_backward = on_cpu(
    "blocks_choice_backward(Tensor bits, Tensor a, Tensor b, Tensor coefficients, Tensor candidates, Tensor grad)"
    " -> Tensor",
    _choice_gradient_room,
    _choice_gradient,
)


def _bit_gates_room(
    values: Tensor,
    coefficients: Tensor,
    share: Tensor | None,
    bits: Tensor,
    a: Tensor,
    b: Tensor,
    candidates: Tensor | None,
) -> tuple[Tensor, Tensor]:
    gates, blocks = a.shape[0], bits.shape[1]
    return carrier(bits, blocks, gates), bits.new_empty(gates, blocks)


def _bit_gates(
    values_out: Tensor,
    bits_out: Tensor,
    values: Tensor,
    coefficients: Tensor,
    share: Tensor | None,
    bits: Tensor,
    a: Tensor,
    b: Tensor,
    candidates: Tensor | None,
) -> None:
    cpu.call("lgn_bits_forward", len(a), bits.shape[1], bits, a, b, coefficients, bits_out)


def _bit_gates_gradient(ctx: Any, grad: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 7
    coefficients, bits, a, b, candidates = ctx.saved_tensors
    wants_x, wants_coefficients, wants_share, *_rest = ctx.needs_input_grad
    gradients = _bit_gates_backward(bits, a, b, coefficients, grad, wants_x, wants_coefficients)
    grad_x, grad_coefficients = given(gradients, (wants_x, wants_coefficients))
    dots = _choice_backward(bits, a, b, coefficients, candidates, grad) if wants_share else None
    return grad_x, grad_coefficients, dots, None, None, None, None


bit_gates = on_cpu(
    "blocks_bit_gates(Tensor values, Tensor coefficients, Tensor? share, Tensor bits, Tensor a, Tensor b,"
    " Tensor? candidates) -> (Tensor, Tensor)",
    _bit_gates_room,
    _bit_gates,
    saved=("coefficients", "bits", "a", "b", "candidates"),
    gradient=_bit_gates_gradient,
)
