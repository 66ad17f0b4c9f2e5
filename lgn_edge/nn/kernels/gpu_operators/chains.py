"""Operators of a layer of two-input gates along its chains, on real values and on bits; see `lgn_edge/nn/chains.py`.

`signals`, `entries`, `visits` and `starts` are those of `chains.Chains`.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

from lgn_edge.nn.kernels import gpu
from lgn_edge.nn.kernels.gpu_operators.room import anywhere, carrier

# Slots of a program, in a warp. By what they compile to: forward 64 registers, of which an SM of an H100 has enough for
# the 32 programs that it takes; backward 88, for 23 of them.
_FORWARD: Final = 8
_BACKWARD: Final = 4
_LANES: Final = 32


# Gradients, of rows or of packed bits x.


def _gradients_room(
    x: Tensor,
    coefficients: Tensor,
    signals: Tensor,
    entries: Tensor,
    visits: Tensor,
    starts: Tensor | None,
    grad: Tensor,
    wants_x: bool,
    wants_coefficients: bool,
) -> tuple[Tensor, Tensor]:
    grad_x = grad.new_empty(x.shape[0] if wants_x else 0, grad.shape[1])
    return grad_x, coefficients.new_empty(coefficients.shape if wants_coefficients else 0)


def _gradients(
    grad_x: Tensor,
    grad_coefficients: Tensor,
    x: Tensor,
    coefficients: Tensor,
    signals: Tensor,
    entries: Tensor,
    visits: Tensor,
    starts: Tensor | None,
    grad: Tensor,
    wants_x: bool,
    wants_coefficients: bool,
) -> None:
    batch, slots = grad.shape[1], len(signals)
    several = wants_x and starts is not None
    at_visits = grad.new_empty(slots, batch, dtype=torch.float32) if several else grad_x
    gpu.launch(
        "chains_backward",
        (gpu.tiles(slots, _BACKWARD),),
        *(x, signals, entries, visits, coefficients, grad, at_visits, grad_coefficients, slots, batch, x.shape[1]),
        BITS=x.dtype == torch.int32,
        INPUTS=wants_x,
        COEFFICIENTS=wants_coefficients,
        CHAIN=_BACKWARD,
        LANES=_LANES,
        EACH=gpu.tile(grad.dtype, batch).samples // _LANES,
        num_warps=1,
    )
    if several and starts is not None:
        samples = gpu.tile(at_visits.dtype, batch).samples
        grid = len(grad_x), gpu.tiles(batch, samples)
        gpu.launch("visit_sums", grid, at_visits, starts, grad_x, batch, SAMPLES=samples, num_warps=1)


_backward = anywhere(
    "rows_chains_backward(Tensor x, Tensor coefficients, Tensor signals, Tensor entries, Tensor visits, Tensor? starts,"
    " Tensor grad, bool wants_x, bool wants_coefficients) -> (Tensor, Tensor)",
    _gradients_room,
    _gradients,
)


def _given(ctx: Any, x: Tensor, coefficients: Tensor, chains: tuple[Tensor, ...], grad: Tensor) -> tuple[Any, Any]:
    """The gradients that the first two inputs of an operator want."""
    wants_x, wants_coefficients, *_ = ctx.needs_input_grad
    grad_x, grad_coefficients = _backward(x, coefficients, *chains, grad, wants_x, wants_coefficients)
    return grad_x if wants_x else None, grad_coefficients if wants_coefficients else None


# Real-valued gates.


def _gates_room(
    x: Tensor, coefficients: Tensor, signals: Tensor, entries: Tensor, visits: Tensor, starts: Tensor | None
) -> Tensor:
    return x.new_empty(coefficients.shape[0], x.shape[1])


def _gates(
    y: Tensor,
    x: Tensor,
    coefficients: Tensor,
    signals: Tensor,
    entries: Tensor,
    visits: Tensor,
    starts: Tensor | None,
) -> None:
    columns = gpu.tile(x.dtype, y.shape[1]).samples
    _forward(y, x, coefficients, signals, entries, visits, bits=False, group=1, columns=columns)


def _forward(
    y: Tensor,
    x: Tensor,
    coefficients: Tensor,
    signals: Tensor,
    entries: Tensor,
    visits: Tensor,
    *,
    bits: bool,
    group: int,
    columns: int,
) -> None:
    gpu.launch(
        "chains_forward",
        (gpu.tiles(len(signals), group * _FORWARD), gpu.tiles(y.shape[1], columns)),
        *(x, signals, entries, visits, coefficients, y, len(signals), y.shape[1]),
        BITS=bits,
        CHAIN=_FORWARD,
        GROUP=group,
        COLUMNS=columns,
        num_warps=1,
    )


def _gates_gradient(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 6
    x, coefficients, *chains = ctx.saved_tensors
    return *_given(ctx, x, coefficients, chains, grad), None, None, None, None


chain_gates = anywhere(
    "rows_chain_gates(Tensor x, Tensor coefficients, Tensor signals, Tensor entries, Tensor visits, Tensor? starts)"
    " -> Tensor",
    _gates_room,
    _gates,
    saved=("x", "coefficients", "signals", "entries", "visits", "starts"),
    gradient=_gates_gradient,
)


# Discrete gates on packed bits.


def _bit_gates_room(
    values: Tensor,
    coefficients: Tensor,
    bits: Tensor,
    signals: Tensor,
    entries: Tensor,
    visits: Tensor,
    starts: Tensor | None,
) -> tuple[Tensor, Tensor]:
    gates = coefficients.shape[0]
    return carrier(values, gates, values.shape[1], values.dtype), bits.new_empty(gates, bits.shape[1])


def _bit_gates(
    values_out: Tensor,
    bits_out: Tensor,
    values: Tensor,
    coefficients: Tensor,
    bits: Tensor,
    signals: Tensor,
    entries: Tensor,
    visits: Tensor,
    starts: Tensor | None,
) -> None:
    columns = min(_LANES, gpu.power_of_two(bits.shape[1]))  # few words leave lanes for more chains
    chains = signals, entries, visits
    _forward(bits_out, bits, coefficients, *chains, bits=True, group=_LANES // columns, columns=columns)


def _bit_gates_gradient(ctx: Any, grad: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 7
    coefficients, bits, *chains = ctx.saved_tensors
    return *_given(ctx, bits, coefficients, chains, grad), None, None, None, None, None


chain_bit_gates = anywhere(
    "rows_chain_bit_gates(Tensor values, Tensor coefficients, Tensor bits, Tensor signals, Tensor entries,"
    " Tensor visits, Tensor? starts) -> (Tensor, Tensor)",
    _bit_gates_room,
    _bit_gates,
    saved=("coefficients", "bits", "signals", "entries", "visits", "starts"),
    gradient=_bit_gates_gradient,
)
