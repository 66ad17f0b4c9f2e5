"""Operators on signals: bits packed, unpacked, side by side and summed; the first greatest of numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lgn_edge.nn.kernels import cpu
from lgn_edge.nn.kernels.cpu_operators.room import LANES, carrier, floats, on_cpu

# One sample a bit.


def _pack_room(x: Tensor) -> Tensor:
    batch, signals = x.shape
    return x.new_empty(signals, -(-batch // LANES), dtype=torch.int16)


def _pack(bits: Tensor, x: Tensor) -> None:
    cpu.call("lgn_pack", *x.shape, bits.shape[1], x, bits)


pack = on_cpu("blocks_pack(Tensor x) -> Tensor", _pack_room, _pack)


def _unpack_room(values: Tensor, bits: Tensor) -> Tensor:
    return floats(values, *values.shape)


def _unpack(y: Tensor, values: Tensor, bits: Tensor) -> None:
    cpu.call("lgn_unpack", *bits.shape, bits, y)


def _unpack_gradient(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, None]:
    return grad, None


unpack = on_cpu("blocks_unpack(Tensor values, Tensor bits) -> Tensor", _unpack_room, _unpack, gradient=_unpack_gradient)


# Signals side by side, where only gradients have values.


def _join_room(first: Tensor, second: Tensor) -> Tensor:
    return carrier(first, first.shape[0], first.shape[1] + second.shape[1])


def _join(both: Tensor, first: Tensor, second: Tensor) -> None:
    """There is nothing to write."""


def _join_gradient(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    if grad is None:
        return None, None
    (first,) = ctx.saved_tensors
    return grad[:, : first.shape[1]], grad[:, first.shape[1] :]


join = on_cpu(
    "blocks_join(Tensor first, Tensor second) -> Tensor",
    _join_room,
    _join,
    saved=("first",),
    gradient=_join_gradient,
)


# Sums of bits.


def _count_room(values: Tensor, bits: Tensor, groups: int) -> Tensor:
    return floats(values, values.shape[0], groups, LANES)


def _count(sums: Tensor, values: Tensor, bits: Tensor, groups: int) -> None:
    cpu.call("lgn_count", groups, *bits.shape, bits, sums)


def _count_gradient(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, None, None]:
    (bits,) = ctx.saved_tensors
    if grad is None:
        return None, None, None
    (blocks, groups, _), signals = grad.shape, bits.shape[0]
    spread = grad.unsqueeze(2).expand(blocks, groups, signals // groups, LANES)
    return spread.reshape(blocks, signals, LANES), None, None


count = on_cpu(
    "blocks_count(Tensor values, Tensor bits, int groups) -> Tensor",
    _count_room,
    _count,
    saved=("bits",),
    gradient=_count_gradient,
)


# The first greatest.


def _argmax_room(x: Tensor) -> Tensor:
    return x.new_empty(x.shape[:-1], dtype=torch.int64)


def _argmax(best: Tensor, x: Tensor) -> None:
    cpu.call("lgn_argmax", best.numel(), x.shape[-1], x, best)


argmax = on_cpu("argmax(Tensor x) -> Tensor", _argmax_room, _argmax)
