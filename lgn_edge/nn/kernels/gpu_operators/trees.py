"""Operators of trees of gates at the places of an image, with a pool behind them.

`shape` is `trees.Sizes` as numbers; `starts` and `readers` say which leaves read a channel (see `trees.Trees.readers`),
and are there where a gradient of the signals is wanted. `candidates` and `share` are there where leaves choose.
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


# Gradients, of rows or of packed bits x; of candidates where there are any.


def _gradients_room(
    x: Tensor,
    leaf: Tensor,
    candidates: Tensor | None,
    coefficients: Tensor,
    starts: Tensor | None,
    readers: Tensor | None,
    shape: Sequence[int],
    grad: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    signals = 0 if starts is None else x.shape[0]
    numbers = grad.new_empty(coefficients.shape, dtype=torch.float32)
    dots = numbers.new_empty(0 if candidates is None else candidates.shape[:3])
    return grad.new_empty(signals, grad.shape[1]), numbers, dots


def _gradients(
    grad_x: Tensor,
    grad_coefficients: Tensor,
    dots: Tensor,
    x: Tensor,
    leaf: Tensor,
    candidates: Tensor | None,
    coefficients: Tensor,
    starts: Tensor | None,
    readers: Tensor | None,
    shape: Sequence[int],
    grad: Tensor,
) -> None:
    sizes, batch, stride = Sizes(*shape), grad.shape[1], x.shape[1]
    wanted = starts is not None or candidates is not None
    parts = min(gpu.tiles(sizes.outputs * batch, gpu.PAIRS), gpu.tiles(_PROGRAMS, sizes.kernels))
    sums = grad_coefficients.new_empty(parts, *coefficients.shape)
    of_leaves = sums.new_empty(sizes.kernels * sizes.leaves * sizes.outputs if wanted else 0, batch)
    places = grad.new_empty(len(grad) if wanted else 0, batch, dtype=torch.int8)
    gpu.launch(
        "trees_gradients",
        (sizes.kernels, parts),
        *(x, leaf, coefficients, grad, of_leaves, places, sums, batch, stride, sizes.kernels, parts),
        S=sizes,
        BITS=x.dtype == torch.int32,
        LEAVES=wanted,
        PAIRS=gpu.PAIRS,
    )
    torch.sum(sums, 0, out=grad_coefficients)
    if starts is not None and readers is not None and batch:
        grid = sizes.channels, gpu.tiles(sizes.height * sizes.width * batch, gpu.PAIRS)
        read = leaf, starts, readers
        gpu.launch("trees_input_gradient", grid, *read, of_leaves, places, grad_x, batch, S=sizes, PAIRS=gpu.PAIRS)
    if candidates is not None:
        count = candidates.shape[2]
        grid = sizes.kernels * sizes.leaves, gpu.tiles(count, gpu.CANDIDATES)
        numbers = batch, stride, count
        tile = {"CANDIDATES": gpu.CANDIDATES, "PAIRS": gpu.PAIRS}
        gpu.launch("trees_choice_gradient", grid, x, candidates, of_leaves, places, dots, *numbers, S=sizes, **tile)


_backward = anywhere(
    "rows_trees_backward(Tensor x, Tensor leaf, Tensor? candidates, Tensor coefficients, Tensor? starts,"
    " Tensor? readers, int[] shape, Tensor grad) -> (Tensor, Tensor, Tensor)",
    _gradients_room,
    _gradients,
)


def _if(wanted: bool, read: list[Tensor | None]) -> list[Tensor | None]:
    """Starts and readers, where the gradient of the signals is wanted."""
    return read if wanted else [None, None]


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
    x, leaf, coefficients, *read = ctx.saved_tensors
    needs_x = ctx.needs_input_grad[0]
    grad_x, grad_coefficients, _ = _backward(x, leaf, None, coefficients, *_if(needs_x, read), ctx.shape, grad)
    return grad_x if needs_x else None, None, grad_coefficients, None, None, None


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
    coefficients: Tensor,
    share: Tensor | None,
    bits: Tensor,
    leaf: Tensor,
    candidates: Tensor | None,
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
    coefficients: Tensor,
    share: Tensor | None,
    bits: Tensor,
    leaf: Tensor,
    candidates: Tensor | None,
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
        return (None,) * 9
    coefficients, bits, leaf, candidates, *read = ctx.saved_tensors
    needs_x, needs_c, needs_share, *_rest = ctx.needs_input_grad
    wires = leaf, candidates if needs_share else None
    grad_x, grad_c, dots = _backward(bits, *wires, coefficients, *_if(needs_x, read), ctx.shape, grad)
    found = grad_x if needs_x else None, grad_c if needs_c else None, dots if needs_share else None
    return *found, None, None, None, None, None, None


bit_trees = anywhere(
    "rows_bit_trees(Tensor values, Tensor coefficients, Tensor? share, Tensor bits, Tensor leaf, Tensor? candidates,"
    " Tensor? starts, Tensor? readers, int[] shape) -> (Tensor, Tensor)",
    _bit_trees_room,
    _bit_trees,
    saved=("coefficients", "bits", "leaf", "candidates", "starts", "readers"),
    kept=("shape",),
    gradient=_bit_trees_gradient,
)
