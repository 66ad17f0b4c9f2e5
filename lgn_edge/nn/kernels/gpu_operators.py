"""The kernels of `gpu_programs.py` as operators of torch; `lgn_edge/nn/rows.py` says what the arrays hold.

Of each operator the first function makes the results (see `operator`), the second one fills them. `entries`, `starts`
and `readers` are a layer's wires from both ends, see `wiring.Connections`; the latter two are there where a gradient of
the signals is wanted.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import torch
from torch import Tensor

from lgn_edge.nn.kernels import gpu
from lgn_edge.nn.kernels.operator import operator

LANES: Final = 32  # samples in a word

_anywhere = partial(operator, key="CompositeExplicitAutograd")  # a CPU, too, in Triton's interpreter


def carrier(like: Tensor, signals: int, batch: int, dtype: torch.dtype) -> Tensor:
    """A tensor [signals, batch] through which gradients flow, without memory for values."""
    return like.new_zeros(1, dtype=dtype).expand(signals, batch)


# One sample a bit.


def _pack_room(x: Tensor) -> Tensor:
    return x.new_empty(x.shape[1], -(-x.shape[0] // LANES), dtype=torch.int32)


def _pack(bits: Tensor, x: Tensor) -> None:
    (batch, signals), words = x.shape, bits.shape[1]
    if bits.numel():
        grid = gpu.tiles(signals, LANES), words
        gpu.launch("pack", grid, x.contiguous().view(torch.uint8), bits, batch, signals, words, SIGNALS=LANES)


pack = _anywhere("rows_pack(Tensor x) -> Tensor", _pack_room, _pack)


def _unpack_room(values: Tensor, bits: Tensor) -> Tensor:
    return values.new_empty(values.shape)


def _unpack(y: Tensor, values: Tensor, bits: Tensor) -> None:
    signals, batch = y.shape
    grid = gpu.tiles(signals, gpu.GATES), gpu.tiles(batch, gpu.SAMPLES)
    gpu.launch("unpack", grid, bits, y, signals, batch, bits.shape[1], SIGNALS=gpu.GATES, SAMPLES=gpu.SAMPLES)


def _unpack_gradient(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, None]:
    return grad, None


unpack = _anywhere(
    "rows_unpack(Tensor values, Tensor bits) -> Tensor", _unpack_room, _unpack, gradient=_unpack_gradient
)


# Gates of two inputs: gradients, of rows or of packed bits x.


def _input_gradient_room(
    x: Tensor, coefficients: Tensor, entries: Tensor, starts: Tensor, readers: Tensor, grad: Tensor
) -> Tensor:
    return grad.new_empty(x.shape[0], grad.shape[1])


def _input_gradient(
    grad_x: Tensor, x: Tensor, coefficients: Tensor, entries: Tensor, starts: Tensor, readers: Tensor, grad: Tensor
) -> None:
    batch = grad.shape[1]
    gpu.launch(
        "input_gradient",
        (len(x), gpu.tiles(batch, gpu.SAMPLES)),
        *(x, entries, coefficients, grad, starts, readers, grad_x, batch, x.shape[1]),
        BITS=x.dtype == torch.int32,
        SAMPLES=gpu.SAMPLES,
    )


_input_backward = _anywhere(
    "rows_input_gradient(Tensor x, Tensor coefficients, Tensor entries, Tensor starts, Tensor readers, Tensor grad)"
    " -> Tensor",
    _input_gradient_room,
    _input_gradient,
)


def _coefficient_gradient_room(x: Tensor, entries: Tensor, grad: Tensor) -> Tensor:
    return grad.new_empty(grad.shape[0], 4, dtype=torch.float32)


def _coefficient_gradient(grad_coefficients: Tensor, x: Tensor, entries: Tensor, grad: Tensor) -> None:
    gates, batch = grad.shape
    gpu.launch(
        "coefficient_gradient",
        (gpu.tiles(gates, gpu.GATES),),
        *(x, entries, grad, grad_coefficients, gates, batch, x.shape[1]),
        BITS=x.dtype == torch.int32,
        GATES=gpu.GATES,
        SAMPLES=gpu.SAMPLES,
    )


_coefficient_backward = _anywhere(
    "rows_coefficient_gradient(Tensor x, Tensor entries, Tensor grad) -> Tensor",
    _coefficient_gradient_room,
    _coefficient_gradient,
)


# Real-valued gates.


def _gates_room(
    x: Tensor, coefficients: Tensor, entries: Tensor, starts: Tensor | None, readers: Tensor | None
) -> Tensor:
    return x.new_empty(entries.shape[0], x.shape[1])


def _gates(
    y: Tensor, x: Tensor, coefficients: Tensor, entries: Tensor, starts: Tensor | None, readers: Tensor | None
) -> None:
    gates, batch = y.shape
    grid = gpu.tiles(gates, gpu.GATES), gpu.tiles(batch, gpu.SAMPLES)
    gpu.launch("forward", grid, x, entries, coefficients, y, gates, batch, GATES=gpu.GATES, SAMPLES=gpu.SAMPLES)


def _gates_gradient(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 5
    x, coefficients, entries, starts, readers = ctx.saved_tensors
    needs_x, needs_c, *_ = ctx.needs_input_grad
    grad_x = _input_backward(x, coefficients, entries, starts, readers, grad) if needs_x else None
    return grad_x, _coefficient_backward(x, entries, grad) if needs_c else None, None, None, None


gates = _anywhere(
    "rows_gates(Tensor x, Tensor coefficients, Tensor entries, Tensor? starts, Tensor? readers) -> Tensor",
    _gates_room,
    _gates,
    saved=("x", "coefficients", "entries", "starts", "readers"),
    gradient=_gates_gradient,
)


# Real-valued gates of 3 to 6 inputs.


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


_lookup_input_backward = _anywhere(
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


_corner_backward = _anywhere(
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


lookup = _anywhere(
    "rows_lookup(Tensor x, Tensor corners, Tensor entries, Tensor? starts, Tensor? readers) -> Tensor",
    _lookup_room,
    _lookup,
    saved=("x", "corners", "entries", "starts", "readers"),
    gradient=_lookup_gradient,
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
    gpu.launch(
        "choice_gradient",
        (2 * gates, gpu.tiles(k, gpu.CANDIDATES)),
        *(bits, entries, coefficients, candidates, grad, dots, gates, batch, bits.shape[1], k),
        CANDIDATES=gpu.CANDIDATES,
        SAMPLES=gpu.SAMPLES,
    )


_choice_backward = _anywhere(
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
    readers: Tensor | None,
) -> None:
    gates, words = bits_out.shape
    grid = gpu.tiles(gates, gpu.GATES), gpu.tiles(words, gpu.WORDS)
    sizes = {"GATES": gpu.GATES, "WORDS": gpu.WORDS}
    gpu.launch("bits_forward", grid, bits, entries, coefficients, bits_out, gates, words, **sizes)


def _bit_gates_gradient(ctx: Any, grad: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 8
    coefficients, bits, candidates, entries, starts, readers = ctx.saved_tensors
    needs_x, needs_c, needs_share, *_rest = ctx.needs_input_grad
    grad_x = _input_backward(bits, coefficients, entries, starts, readers, grad) if needs_x else None
    grad_c = _coefficient_backward(bits, entries, grad) if needs_c else None
    dots = _choice_backward(bits, coefficients, entries, candidates, grad) if needs_share else None
    return grad_x, grad_c, dots, None, None, None, None, None


bit_gates = _anywhere(
    "rows_bit_gates(Tensor values, Tensor coefficients, Tensor? share, Tensor bits, Tensor? candidates, Tensor entries,"
    " Tensor? starts, Tensor? readers) -> (Tensor, Tensor)",
    _bit_gates_room,
    _bit_gates,
    saved=("coefficients", "bits", "candidates", "entries", "starts", "readers"),
    gradient=_bit_gates_gradient,
)


# Sums of bits.


def _count_room(values: Tensor, bits: Tensor, groups: int) -> Tensor:
    return bits.new_empty(groups, values.shape[1], dtype=torch.float32)


def _count(sums: Tensor, values: Tensor, bits: Tensor, groups: int) -> None:
    signals, batch = values.shape
    grid = groups, gpu.tiles(batch, LANES)
    gpu.launch("count", grid, bits, sums, signals // groups, batch, bits.shape[1], SIGNALS=64, SAMPLES=LANES)


def _count_gradient(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, None, None]:
    (values,) = ctx.saved_tensors
    spread = None if grad is None else grad.to(values.dtype).repeat_interleave(values.shape[0] // grad.shape[0], 0)
    return spread, None, None


count = _anywhere(
    "rows_count(Tensor values, Tensor bits, int groups) -> Tensor",
    _count_room,
    _count,
    saved=("values",),
    gradient=_count_gradient,
)
