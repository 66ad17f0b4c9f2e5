"""Operators of a layer of real-valued gates of 3 to 6 inputs."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from lgn_edge.nn.kernels import cpu
from lgn_edge.nn.kernels.cpu_operators.room import LANES, floats, given, on_cpu, room_if


def _lookup_gradients_room(
    x: Tensor, wires: Tensor, corners: Tensor, grad: Tensor, wants_x: bool, wants_corners: bool
) -> tuple[Tensor, Tensor]:
    return room_if(wants_x, x, *x.shape), room_if(wants_corners, x, *corners.shape)


def _lookup_gradients(
    grad_x: Tensor,
    grad_corners: Tensor,
    x: Tensor,
    wires: Tensor,
    corners: Tensor,
    grad: Tensor,
    wants_x: bool,
    wants_corners: bool,
) -> None:
    gates, k = wires.shape
    found = given((grad_x, grad_corners), (wants_x, wants_corners))
    cpu.call("lgn_lookup_backward", k, gates, x.shape[1], len(x), x, wires, corners, grad, *found)


_lookup_backward = on_cpu(
    "blocks_lookup_backward(Tensor x, Tensor wires, Tensor corners, Tensor grad, bool wants_x, bool wants_corners)"
    " -> (Tensor, Tensor)",
    _lookup_gradients_room,
    _lookup_gradients,
)


def _lookup_room(x: Tensor, wires: Tensor, corners: Tensor) -> Tensor:
    return floats(x, x.shape[0], wires.shape[0], LANES)


def _lookup(y: Tensor, x: Tensor, wires: Tensor, corners: Tensor) -> None:
    gates, k = wires.shape
    cpu.call("lgn_lookup_forward", k, gates, x.shape[1], len(x), x, wires, corners, y)


def _lookup_gradient(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, None, Tensor | None]:
    if grad is None:
        return (None,) * 3
    wanted = ctx.needs_input_grad[0], ctx.needs_input_grad[2]
    grad_x, grad_corners = given(_lookup_backward(*ctx.saved_tensors, grad, *wanted), wanted)
    return grad_x, None, grad_corners


lookup = on_cpu(
    "blocks_lookup(Tensor x, Tensor wires, Tensor corners) -> Tensor",
    _lookup_room,
    _lookup,
    saved=("x", "wires", "corners"),
    gradient=_lookup_gradient,
)
