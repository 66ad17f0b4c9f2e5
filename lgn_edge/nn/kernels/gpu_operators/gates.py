"""Operators of a layer of two-input gates with free wiring, on real values and on bits."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

from lgn_edge.nn.kernels import gpu
from lgn_edge.nn.kernels.gpu_operators.room import anywhere, carrier

_NUMBERS: Final = 64  # of a list that a warp looks at at once

# Gates of two inputs: gradients, of rows or of packed bits x.


def _input_gradient_room(
    x: Tensor, coefficients: Tensor, entries: Tensor, starts: Tensor, ends: Tensor, readers: Tensor, grad: Tensor
) -> Tensor:
    return grad.new_empty(x.shape[0], grad.shape[1])


def _input_gradient(
    grad_x: Tensor,
    x: Tensor,
    coefficients: Tensor,
    entries: Tensor,
    starts: Tensor,
    ends: Tensor,
    readers: Tensor,
    grad: Tensor,
) -> None:
    batch = grad.shape[1]
    samples = gpu.tile(grad.dtype, batch).samples
    gpu.launch(
        "input_gradient",
        (len(x), gpu.tiles(batch, samples)),
        *(x, entries, coefficients, grad, starts, ends, readers, grad_x, batch, x.shape[1]),
        BITS=x.dtype == torch.int32,
        SAMPLES=samples,
        num_warps=1,
    )


_input_backward = anywhere(
    "rows_input_gradient(Tensor x, Tensor coefficients, Tensor entries, Tensor starts, Tensor ends, Tensor readers,"
    " Tensor grad) -> Tensor",
    _input_gradient_room,
    _input_gradient,
)


def _coefficient_gradient_room(x: Tensor, entries: Tensor, grad: Tensor) -> Tensor:
    return grad.new_empty(grad.shape[0], 4, dtype=torch.float32)


def _coefficient_gradient(grad_coefficients: Tensor, x: Tensor, entries: Tensor, grad: Tensor) -> None:
    gates, batch = grad.shape
    tile = gpu.tile(grad.dtype, batch)
    gpu.launch(
        "coefficient_gradient",
        (gpu.tiles(gates, tile.gates),),
        *(x, entries, grad, grad_coefficients, gates, batch, x.shape[1]),
        BITS=x.dtype == torch.int32,
        GATES=tile.gates,
        SAMPLES=tile.samples,
    )


_coefficient_backward = anywhere(
    "rows_coefficient_gradient(Tensor x, Tensor entries, Tensor grad) -> Tensor",
    _coefficient_gradient_room,
    _coefficient_gradient,
)


# Real-valued gates.


def _gates_room(
    x: Tensor, coefficients: Tensor, entries: Tensor, starts: Tensor | None, ends: Tensor | None, readers: Tensor | None
) -> Tensor:
    return x.new_empty(entries.shape[0], x.shape[1])


def _gates(
    y: Tensor,
    x: Tensor,
    coefficients: Tensor,
    entries: Tensor,
    starts: Tensor | None,
    ends: Tensor | None,
    readers: Tensor | None,
) -> None:
    gates, batch = y.shape
    tile = gpu.tile(x.dtype, batch)
    grid = gpu.tiles(gates, tile.gates), gpu.tiles(batch, tile.samples)
    gpu.launch("forward", grid, x, entries, coefficients, y, gates, batch, GATES=tile.gates, SAMPLES=tile.samples)


def _gates_gradient(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 6
    x, coefficients, entries, starts, ends, readers = ctx.saved_tensors
    needs_x, needs_c, *_ = ctx.needs_input_grad
    grad_x = _input_backward(x, coefficients, entries, starts, ends, readers, grad) if needs_x else None
    return grad_x, _coefficient_backward(x, entries, grad) if needs_c else None, None, None, None, None


gates = anywhere(
    "rows_gates(Tensor x, Tensor coefficients, Tensor entries, Tensor? starts, Tensor? ends, Tensor? readers)"
    " -> Tensor",
    _gates_room,
    _gates,
    saved=("x", "coefficients", "entries", "starts", "ends", "readers"),
    gradient=_gates_gradient,
)


# Discrete gates on packed bits.


def _choice_gradient_room(
    bits: Tensor, coefficients: Tensor, entries: Tensor, candidates: Tensor, grad: Tensor
) -> Tensor:
    return bits.new_empty(candidates.shape, dtype=torch.float32)


def _choice_gradient(
    dots: Tensor, bits: Tensor, coefficients: Tensor, entries: Tensor, candidates: Tensor, grad: Tensor
) -> None:
    (gates, batch), k = grad.shape, candidates.shape[2]
    together = min(gpu.CANDIDATES, gpu.power_of_two(k))
    gpu.launch(
        "choice_gradient",
        (2 * gates, gpu.tiles(k, together)),
        *(bits, entries, coefficients, candidates, grad, dots, gates, batch, bits.shape[1], k),
        CANDIDATES=together,
        SAMPLES=128,
    )


_choice_backward = anywhere(
    "rows_choice_gradient(Tensor bits, Tensor coefficients, Tensor entries, Tensor candidates, Tensor grad) -> Tensor",
    _choice_gradient_room,
    _choice_gradient,
)


def _bit_gates_room(
    values: Tensor,
    coefficients: Tensor,
    share: Tensor | None,
    bits: Tensor,
    candidates: Tensor | None,
    entries: Tensor,
    starts: Tensor | None,
    ends: Tensor | None,
    readers: Tensor | None,
) -> tuple[Tensor, Tensor]:
    gates = entries.shape[0]
    return carrier(values, gates, values.shape[1], values.dtype), bits.new_empty(gates, bits.shape[1])


def _bit_gates(
    values_out: Tensor,
    bits_out: Tensor,
    values: Tensor,
    coefficients: Tensor,
    share: Tensor | None,
    bits: Tensor,
    candidates: Tensor | None,
    entries: Tensor,
    starts: Tensor | None,
    ends: Tensor | None,
    readers: Tensor | None,
) -> None:
    gates, words = bits_out.shape
    tile = gpu.word_tile(words)
    grid = gpu.tiles(gates, tile.gates), gpu.tiles(words, tile.samples)
    sizes = {"GATES": tile.gates, "WORDS": tile.samples}
    gpu.launch("bits_forward", grid, bits, entries, coefficients, bits_out, gates, words, **sizes)


def _bit_gates_gradient(ctx: Any, grad: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 9
    coefficients, bits, candidates, entries, starts, ends, readers = ctx.saved_tensors
    needs_x, needs_c, needs_share, *_rest = ctx.needs_input_grad
    grad_x = _input_backward(bits, coefficients, entries, starts, ends, readers, grad) if needs_x else None
    grad_c = _coefficient_backward(bits, entries, grad) if needs_c else None
    dots = _choice_backward(bits, coefficients, entries, candidates, grad) if needs_share else None
    return grad_x, grad_c, dots, None, None, None, None, None, None


bit_gates = anywhere(
    "rows_bit_gates(Tensor values, Tensor coefficients, Tensor? share, Tensor bits, Tensor? candidates, Tensor entries,"
    " Tensor? starts, Tensor? ends, Tensor? readers) -> (Tensor, Tensor)",
    _bit_gates_room,
    _bit_gates,
    saved=("coefficients", "bits", "candidates", "entries", "starts", "ends", "readers"),
    gradient=_bit_gates_gradient,
)


# Who reads a signal, of those that might.


def _chosen_readers_room(starts: Tensor, numbers: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(starts[1:]), torch.empty_like(numbers)


def _chosen_readers(ends: Tensor, readers: Tensor, starts: Tensor, numbers: Tensor, which: Tensor) -> None:
    gates = which.shape[1]
    arguments = starts, numbers, which, ends, readers, gates
    candidates = len(numbers) // which.numel()
    gpu.launch("chosen_readers", (len(ends),), *arguments, K=candidates, NUMBERS=_NUMBERS, num_warps=1)


chosen_readers = anywhere(
    "rows_chosen_readers(Tensor starts, Tensor numbers, Tensor which) -> (Tensor, Tensor)",
    _chosen_readers_room,
    _chosen_readers,
)
