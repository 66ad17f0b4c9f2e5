"""Operators of a layer of real-valued gates of 3 to 6 inputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lgn_edge.nn.kernels import gpu
from lgn_edge.nn.kernels.gpu_operators.room import anywhere


def _lookup_input_gradient_room(
    x: Tensor, corners: Tensor, entries: Tensor, starts: Tensor, readers: Tensor, grad: Tensor
) -> Tensor:
    return x.new_empty(x.shape)


def _lookup_input_gradient(
    grad_x: Tensor, x: Tensor, corners: Tensor, entries: Tensor, starts: Tensor, readers: Tensor, grad: Tensor
) -> None:
    k, batch = entries.shape[1], x.shape[1]
    grid = len(x), gpu.tiles(batch, gpu.LOOKUP_SAMPLES)
    arguments = x, entries, corners, grad, starts, readers, grad_x, batch
    gpu.launch("lookup_input_gradient", grid, *arguments, K=k, SAMPLES=gpu.LOOKUP_SAMPLES)


_lookup_input_backward = anywhere(
    "rows_lookup_input_gradient(Tensor x, Tensor corners, Tensor entries, Tensor starts, Tensor readers, Tensor grad)"
    " -> Tensor",
    _lookup_input_gradient_room,
    _lookup_input_gradient,
)


def _corner_gradient_room(x: Tensor, entries: Tensor, grad: Tensor) -> Tensor:
    gates, k = entries.shape
    return x.new_empty(gates, 2**k, dtype=torch.float32)


def _corner_gradient(grad_corners: Tensor, x: Tensor, entries: Tensor, grad: Tensor) -> None:
    (gates, k), batch = entries.shape, x.shape[1]
    arguments = x, entries, grad, grad_corners, batch
    gpu.launch("lookup_corner_gradient", (gates,), *arguments, K=k, SAMPLES=gpu.LOOKUP_SAMPLES)


_corner_backward = anywhere(
    "rows_lookup_corner_gradient(Tensor x, Tensor entries, Tensor grad) -> Tensor",
    _corner_gradient_room,
    _corner_gradient,
)


def _lookup_room(x: Tensor, corners: Tensor, entries: Tensor, starts: Tensor | None, readers: Tensor | None) -> Tensor:
    return x.new_empty(entries.shape[0], x.shape[1])


def _lookup(
    y: Tensor, x: Tensor, corners: Tensor, entries: Tensor, starts: Tensor | None, readers: Tensor | None
) -> None:
    gates, k = entries.shape
    grid = gates, gpu.tiles(x.shape[1], gpu.LOOKUP_SAMPLES)
    gpu.launch("lookup_forward", grid, x, entries, corners, y, x.shape[1], K=k, SAMPLES=gpu.LOOKUP_SAMPLES)


def _lookup_gradient(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 5
    x, corners, entries, starts, readers = ctx.saved_tensors
    needs_x, needs_c, *_ = ctx.needs_input_grad
    grad_x = _lookup_input_backward(x, corners, entries, starts, readers, grad) if needs_x else None
    return grad_x, _corner_backward(x, entries, grad) if needs_c else None, None, None, None


lookup = anywhere(
    "rows_lookup(Tensor x, Tensor corners, Tensor entries, Tensor? starts, Tensor? readers) -> Tensor",
    _lookup_room,
    _lookup,
    saved=("x", "corners", "entries", "starts", "readers"),
    gradient=_lookup_gradient,
)
