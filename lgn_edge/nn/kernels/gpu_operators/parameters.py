"""The operator from the weights of two-input gates to their coefficients."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

from lgn_edge.nn.kernels import gpu
from lgn_edge.nn.kernels.gpu_operators.room import anywhere

_GATES: Final = 128  # of a program, one a thread


def _gradient_room(weight: Tensor, seed: Tensor | None, kind: str, temperature: float, grad: Tensor) -> Tensor:
    return torch.empty_like(weight, memory_format=torch.contiguous_format)


def _gradient(
    grad_weight: Tensor, weight: Tensor, seed: Tensor | None, kind: str, temperature: float, grad: Tensor
) -> None:
    arguments = weight, weight if seed is None else seed, grad, grad_weight, len(weight), temperature
    gpu.launch(
        "weight_gradient",
        (gpu.tiles(len(weight), _GATES),),
        *arguments,
        KIND=kind,
        NOISE=seed is not None,
        GATES=_GATES,
    )


_backward = anywhere(
    "rows_weight_gradient(Tensor weight, Tensor? seed, str kind, float temperature, Tensor grad) -> Tensor",
    _gradient_room,
    _gradient,
)


def _coefficients_room(weight: Tensor, seed: Tensor | None, kind: str, temperature: float, discrete: bool) -> Tensor:
    return weight.new_empty(weight.shape[0], 4)


def _coefficients(
    c: Tensor, weight: Tensor, seed: Tensor | None, kind: str, temperature: float, discrete: bool
) -> None:
    arguments = weight, weight if seed is None else seed, c, len(weight), temperature
    gpu.launch(
        "coefficients",
        (gpu.tiles(len(weight), _GATES),),
        *arguments,
        KIND=kind,
        DISCRETE=discrete,
        NOISE=seed is not None,
        GATES=_GATES,
    )


def _coefficients_gradient(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 5
    weight, seed = ctx.saved_tensors
    return _backward(weight, seed, ctx.kind, ctx.temperature, grad), None, None, None, None


coefficients = anywhere(
    "rows_coefficients(Tensor weight, Tensor? seed, str kind, float temperature, bool discrete) -> Tensor",
    _coefficients_room,
    _coefficients,
    saved=("weight", "seed"),
    kept=("kind", "temperature"),
    gradient=_coefficients_gradient,
)
