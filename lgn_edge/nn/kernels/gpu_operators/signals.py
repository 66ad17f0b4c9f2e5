"""Operators on signals: bits packed, unpacked and summed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lgn_edge.nn.kernels import gpu
from lgn_edge.nn.kernels.gpu_operators.room import LANES, anywhere

# One sample a bit.


def _pack_room(x: Tensor) -> Tensor:
    return x.new_empty(x.shape[1], -(-x.shape[0] // LANES), dtype=torch.int32)


def _pack(bits: Tensor, x: Tensor) -> None:
    (batch, signals), words = x.shape, bits.shape[1]
    if bits.numel():
        grid = gpu.tiles(signals, LANES), words
        gpu.launch("pack", grid, x.contiguous().view(torch.uint8), bits, batch, signals, words, SIGNALS=LANES)


pack = anywhere("rows_pack(Tensor x) -> Tensor", _pack_room, _pack)


def _unpack_room(values: Tensor, bits: Tensor) -> Tensor:
    return values.new_empty(values.shape)


def _unpack(y: Tensor, values: Tensor, bits: Tensor) -> None:
    signals, batch = y.shape
    tile = gpu.tile(y.dtype, batch)
    grid = gpu.tiles(signals, tile.gates), gpu.tiles(batch, tile.samples)
    gpu.launch("unpack", grid, bits, y, signals, batch, bits.shape[1], SIGNALS=tile.gates, SAMPLES=tile.samples)


def _unpack_gradient(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, None]:
    return grad, None


unpack = anywhere("rows_unpack(Tensor values, Tensor bits) -> Tensor", _unpack_room, _unpack, gradient=_unpack_gradient)


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


count = anywhere(
    "rows_count(Tensor values, Tensor bits, int groups) -> Tensor",
    _count_room,
    _count,
    saved=("values",),
    gradient=_count_gradient,
)
