"""Operators of trees of gates at the places of an image, with a pool behind them.

`shape` is `trees.Sizes` as numbers; `starts` and `readers` say which leaves read a channel (see `trees.Trees.readers`),
and are there where a gradient of the signals is wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor

from lgn_edge.nn.kernels import gpu
from lgn_edge.nn.kernels.gpu_operators.room import anywhere, carrier
from lgn_edge.nn.trees import Sizes

_PROGRAMS: Final = 1024  # that are enough for a GPU; fewer kernels than that share the work of each


# Gradients, of rows or of packed bits x.


def _gradients_room(
    x: Tensor,
    leaf: Tensor,
    coefficients: Tensor,
    starts: Tensor | None,
    readers: Tensor | None,
    shape: Sequence[int],
    grad: Tensor,
) -> tuple[Tensor, Tensor]:
    signals = 0 if starts is None else x.shape[0]
    return grad.new_empty(signals, grad.shape[1]), grad.new_empty(coefficients.shape, dtype=torch.float32)


def _gradients(
    grad_x: Tensor,
    grad_coefficients: Tensor,
    x: Tensor,
    leaf: Tensor,
    coefficients: Tensor,
    starts: Tensor | None,
    readers: Tensor | None,
    shape: Sequence[int],
    grad: Tensor,
) -> None:
    sizes, batch, wanted = Sizes(*shape), grad.shape[1], starts is not None
    parts = min(gpu.tiles(sizes.outputs * batch, gpu.PAIRS), gpu.tiles(_PROGRAMS, sizes.kernels))
    sums = grad_coefficients.new_empty(parts, *coefficients.shape)
    of_leaves = sums.new_empty(sizes.kernels * sizes.leaves * sizes.outputs if wanted else 0, batch)
    places = grad.new_empty(len(grad) if wanted else 0, batch, dtype=torch.int8)
    gpu.launch(
        "trees_gradients",
        (sizes.kernels, parts),
        *(x, leaf, coefficients, grad, of_leaves, places, sums, batch, x.shape[1], sizes.kernels, parts),
        S=sizes,
        BITS=x.dtype == torch.int32,
        LEAVES=wanted,
        PAIRS=gpu.PAIRS,
    )
    torch.sum(sums, 0, out=grad_coefficients)
    if starts is not None and readers is not None and batch:
        grid = sizes.channels, gpu.tiles(sizes.height * sizes.width * batch, gpu.PAIRS)
        arguments = leaf, starts, readers, of_leaves, places, grad_x, batch
        gpu.launch("trees_input_gradient", grid, *arguments, S=sizes, PAIRS=gpu.PAIRS)


_backward = anywhere(
    "rows_trees_backward(Tensor x, Tensor leaf, Tensor coefficients, Tensor? starts, Tensor? readers, int[] shape,"
    " Tensor grad) -> (Tensor, Tensor)",
    _gradients_room,
    _gradients,
)


def _found(ctx: Any, grad: Tensor, needs_x: bool) -> tuple[Tensor | None, Tensor]:
    x, leaf, coefficients, starts, readers = ctx.saved_tensors
    if not needs_x:
        starts = readers = None
    grad_x, grad_coefficients = _backward(x, leaf, coefficients, starts, readers, ctx.shape, grad)
    return grad_x if needs_x else None, grad_coefficients


# Real-valued gates.


def _trees_room(
    x: Tensor,
    leaf: Tensor,
    coefficients: Tensor,
    starts: Tensor | None,
    readers: Tensor | None,
    shape: Sequence[int],
) -> Tensor:
    sizes = Sizes(*shape)
    return x.new_empty(sizes.kernels * sizes.outputs, x.shape[1])


def _trees(
    y: Tensor,
    x: Tensor,
    leaf: Tensor,
    coefficients: Tensor,
    starts: Tensor | None,
    readers: Tensor | None,
    shape: Sequence[int],
) -> None:
    sizes, batch = Sizes(*shape), x.shape[1]
    grid = sizes.kernels, gpu.tiles(sizes.outputs * batch, gpu.PAIRS)
    if batch:
        gpu.launch("trees_forward", grid, x, leaf, coefficients, y, batch, S=sizes, PAIRS=gpu.PAIRS)


def _trees_gradient(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 6
    grad_x, grad_coefficients = _found(ctx, grad, ctx.needs_input_grad[0])
    return grad_x, None, grad_coefficients, None, None, None


trees = anywhere(
    "rows_trees(Tensor x, Tensor leaf, Tensor coefficients, Tensor? starts, Tensor? readers, int[] shape) -> Tensor",
    _trees_room,
    _trees,
    saved=("x", "leaf", "coefficients", "starts", "readers"),
    kept=("shape",),
    gradient=_trees_gradient,
)


# Discrete gates on packed bits.


def _bit_trees_room(
    values: Tensor,
    bits: Tensor,
    leaf: Tensor,
    coefficients: Tensor,
    starts: Tensor | None,
    readers: Tensor | None,
    shape: Sequence[int],
) -> tuple[Tensor, Tensor]:
    sizes = Sizes(*shape)
    outputs = sizes.kernels * sizes.outputs
    return carrier(values, outputs, values.shape[1], values.dtype), bits.new_empty(outputs, bits.shape[1])


def _bit_trees(
    values_out: Tensor,
    bits_out: Tensor,
    values: Tensor,
    bits: Tensor,
    leaf: Tensor,
    coefficients: Tensor,
    starts: Tensor | None,
    readers: Tensor | None,
    shape: Sequence[int],
) -> None:
    sizes, words = Sizes(*shape), bits.shape[1]
    grid = sizes.kernels, gpu.tiles(sizes.outputs * words, gpu.PAIRS)
    if words:
        gpu.launch("trees_bits_forward", grid, bits, leaf, coefficients, bits_out, words, S=sizes, PAIRS=gpu.PAIRS)


def _bit_trees_gradient(ctx: Any, grad: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 7
    grad_x, grad_coefficients = _found(ctx, grad, ctx.needs_input_grad[0])
    return grad_x, None, None, grad_coefficients, None, None, None


bit_trees = anywhere(
    "rows_bit_trees(Tensor values, Tensor bits, Tensor leaf, Tensor coefficients, Tensor? starts, Tensor? readers,"
    " int[] shape) -> (Tensor, Tensor)",
    _bit_trees_room,
    _bit_trees,
    saved=("bits", "leaf", "coefficients", "starts", "readers"),
    kept=("shape",),
    gradient=_bit_trees_gradient,
)
