"""The kernels of `cpu.c` and `trees.c` as operators of torch; `lgn_edge/nn/blocks.py` says what the arrays hold.

Of each operator the first function makes the results (see `operator`), the second one fills them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor

from lgn_edge.nn.kernels import cpu
from lgn_edge.nn.kernels.operator import operator

LANES: Final = 16  # samples in a block

_on_cpu = partial(operator, key="CPU")


def carrier(like: Tensor, blocks: int, signals: int) -> Tensor:
    """A float32 tensor [blocks, signals, 16] through which gradients flow, without memory for values."""
    return like.new_zeros(1, dtype=torch.float32).expand(blocks, signals, LANES)


def _floats(x: Tensor, *shape: int) -> Tensor:
    return x.new_empty(shape, dtype=torch.float32)


def _wanted(x: Tensor, wanted: bool, *shape: int) -> Tensor:
    """Room for a gradient; one that is not wanted is empty."""
    return _floats(x, *shape) if wanted else _floats(x, 0)


def _given(gradients: tuple[Tensor, Tensor], wanted: tuple[bool, bool]) -> tuple[Tensor | None, Tensor | None]:
    """The gradients that are wanted."""
    return gradients[0] if wanted[0] else None, gradients[1] if wanted[1] else None


# One sample a bit.


def _pack_room(x: Tensor) -> Tensor:
    batch, signals = x.shape
    return x.new_empty(signals, -(-batch // LANES), dtype=torch.int16)


def _pack(bits: Tensor, x: Tensor) -> None:
    cpu.call("lgn_pack", *x.shape, bits.shape[1], x, bits)


pack = _on_cpu("blocks_pack(Tensor x) -> Tensor", _pack_room, _pack)


def _unpack_room(values: Tensor, bits: Tensor) -> Tensor:
    return _floats(values, *values.shape)


def _unpack(y: Tensor, values: Tensor, bits: Tensor) -> None:
    cpu.call("lgn_unpack", *bits.shape, bits, y)


def _unpack_gradient(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, None]:
    return grad, None


unpack = _on_cpu(
    "blocks_unpack(Tensor values, Tensor bits) -> Tensor", _unpack_room, _unpack, gradient=_unpack_gradient
)


# Real-valued gates.


def _gates_gradients_room(
    x: Tensor, a: Tensor, b: Tensor, coefficients: Tensor, grad: Tensor, wants_x: bool, wants_coefficients: bool
) -> tuple[Tensor, Tensor]:
    return _wanted(x, wants_x, *x.shape), _wanted(x, wants_coefficients, *coefficients.shape)


def _gates_gradients(
    grad_x: Tensor,
    grad_coefficients: Tensor,
    x: Tensor,
    a: Tensor,
    b: Tensor,
    coefficients: Tensor,
    grad: Tensor,
    wants_x: bool,
    wants_coefficients: bool,
) -> None:
    found = _given((grad_x, grad_coefficients), (wants_x, wants_coefficients))
    cpu.call("lgn_backward", len(a), x.shape[1], len(x), x, a, b, coefficients, grad, *found)


_gates_backward = _on_cpu(
    "blocks_gates_backward(Tensor x, Tensor a, Tensor b, Tensor coefficients, Tensor grad, bool wants_x,"
    " bool wants_coefficients) -> (Tensor, Tensor)",
    _gates_gradients_room,
    _gates_gradients,
)


def _gates_room(x: Tensor, a: Tensor, b: Tensor, coefficients: Tensor) -> Tensor:
    return _floats(x, x.shape[0], a.shape[0], LANES)


def _gates(y: Tensor, x: Tensor, a: Tensor, b: Tensor, coefficients: Tensor) -> None:
    cpu.call("lgn_forward", len(a), x.shape[1], len(x), x, a, b, coefficients, y)


def _gates_gradient(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, None, None, Tensor | None]:
    if grad is None:
        return (None,) * 4
    wanted = ctx.needs_input_grad[0], ctx.needs_input_grad[3]
    grad_x, grad_coefficients = _given(_gates_backward(*ctx.saved_tensors, grad, *wanted), wanted)
    return grad_x, None, None, grad_coefficients


gates = _on_cpu(
    "blocks_gates(Tensor x, Tensor a, Tensor b, Tensor coefficients) -> Tensor",
    _gates_room,
    _gates,
    saved=("x", "a", "b", "coefficients"),
    gradient=_gates_gradient,
)


# Real-valued gates of 3 to 6 inputs.


def _lookup_gradients_room(
    x: Tensor, wires: Tensor, corners: Tensor, grad: Tensor, wants_x: bool, wants_corners: bool
) -> tuple[Tensor, Tensor]:
    return _wanted(x, wants_x, *x.shape), _wanted(x, wants_corners, *corners.shape)


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
    found = _given((grad_x, grad_corners), (wants_x, wants_corners))
    cpu.call("lgn_lookup_backward", k, gates, x.shape[1], len(x), x, wires, corners, grad, *found)


_lookup_backward = _on_cpu(
    "blocks_lookup_backward(Tensor x, Tensor wires, Tensor corners, Tensor grad, bool wants_x, bool wants_corners)"
    " -> (Tensor, Tensor)",
    _lookup_gradients_room,
    _lookup_gradients,
)


def _lookup_room(x: Tensor, wires: Tensor, corners: Tensor) -> Tensor:
    return _floats(x, x.shape[0], wires.shape[0], LANES)


def _lookup(y: Tensor, x: Tensor, wires: Tensor, corners: Tensor) -> None:
    gates, k = wires.shape
    cpu.call("lgn_lookup_forward", k, gates, x.shape[1], len(x), x, wires, corners, y)


def _lookup_gradient(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, None, Tensor | None]:
    if grad is None:
        return (None,) * 3
    wanted = ctx.needs_input_grad[0], ctx.needs_input_grad[2]
    grad_x, grad_corners = _given(_lookup_backward(*ctx.saved_tensors, grad, *wanted), wanted)
    return grad_x, None, grad_corners


lookup = _on_cpu(
    "blocks_lookup(Tensor x, Tensor wires, Tensor corners) -> Tensor",
    _lookup_room,
    _lookup,
    saved=("x", "wires", "corners"),
    gradient=_lookup_gradient,
)


# Discrete gates on packed bits.


def _bit_gradients_room(
    bits: Tensor, a: Tensor, b: Tensor, coefficients: Tensor, grad: Tensor, wants_x: bool, wants_coefficients: bool
) -> tuple[Tensor, Tensor]:
    signals, blocks = bits.shape
    return _wanted(bits, wants_x, blocks, signals, LANES), _wanted(bits, wants_coefficients, *coefficients.shape)


def _bit_gradients(
    grad_x: Tensor,
    grad_coefficients: Tensor,
    bits: Tensor,
    a: Tensor,
    b: Tensor,
    coefficients: Tensor,
    grad: Tensor,
    wants_x: bool,
    wants_coefficients: bool,
) -> None:
    found = _given((grad_x, grad_coefficients), (wants_x, wants_coefficients))
    cpu.call("lgn_bits_backward", len(a), *bits.shape, bits, a, b, coefficients, grad, *found)


_bit_gates_backward = _on_cpu(
    "blocks_bit_gates_backward(Tensor bits, Tensor a, Tensor b, Tensor coefficients, Tensor grad, bool wants_x,"
    " bool wants_coefficients) -> (Tensor, Tensor)",
    _bit_gradients_room,
    _bit_gradients,
)


def _choice_gradient_room(
    bits: Tensor, a: Tensor, b: Tensor, coefficients: Tensor, candidates: Tensor, grad: Tensor
) -> Tensor:
    return _floats(bits, *candidates.shape)


def _choice_gradient(
    dots: Tensor, bits: Tensor, a: Tensor, b: Tensor, coefficients: Tensor, candidates: Tensor, grad: Tensor
) -> None:
    k = candidates.shape[2]
    cpu.call("lgn_bits_choice", len(a), bits.shape[1], k, bits, a, b, coefficients, candidates, grad, dots)


_choice_backward = _on_cpu(
    "blocks_choice_backward(Tensor bits, Tensor a, Tensor b, Tensor coefficients, Tensor candidates, Tensor grad)"
    " -> Tensor",
    _choice_gradient_room,
    _choice_gradient,
)


def _bit_gates_room(
    values: Tensor,
    coefficients: Tensor,
    share: Tensor | None,
    bits: Tensor,
    a: Tensor,
    b: Tensor,
    candidates: Tensor | None,
) -> tuple[Tensor, Tensor]:
    gates, blocks = a.shape[0], bits.shape[1]
    return carrier(bits, blocks, gates), bits.new_empty(gates, blocks)


def _bit_gates(
    values_out: Tensor,
    bits_out: Tensor,
    values: Tensor,
    coefficients: Tensor,
    share: Tensor | None,
    bits: Tensor,
    a: Tensor,
    b: Tensor,
    candidates: Tensor | None,
) -> None:
    cpu.call("lgn_bits_forward", len(a), bits.shape[1], bits, a, b, coefficients, bits_out)


def _bit_gates_gradient(ctx: Any, grad: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 7
    coefficients, bits, a, b, candidates = ctx.saved_tensors
    wants_x, wants_coefficients, wants_share, *_rest = ctx.needs_input_grad
    gradients = _bit_gates_backward(bits, a, b, coefficients, grad, wants_x, wants_coefficients)
    grad_x, grad_coefficients = _given(gradients, (wants_x, wants_coefficients))
    dots = _choice_backward(bits, a, b, coefficients, candidates, grad) if wants_share else None
    return grad_x, grad_coefficients, dots, None, None, None, None


bit_gates = _on_cpu(
    "blocks_bit_gates(Tensor values, Tensor coefficients, Tensor? share, Tensor bits, Tensor a, Tensor b,"
    " Tensor? candidates) -> (Tensor, Tensor)",
    _bit_gates_room,
    _bit_gates,
    saved=("coefficients", "bits", "a", "b", "candidates"),
    gradient=_bit_gates_gradient,
)


# Trees of gates at the places of an image, with a pool behind them; `shape` is the struct of `trees.c`.


def _trees_sizes(shape: Sequence[int]) -> tuple[int, int]:
    """Signals of the image and of the output."""
    channels, height, width, kernels, *_, rows, columns = shape
    return channels * height * width, kernels * rows * columns


def _trees_gradients_room(
    x: Tensor,
    leaf: Tensor,
    coefficients: Tensor,
    shape: Sequence[int],
    grad: Tensor,
    wants_x: bool,
    wants_coefficients: bool,
) -> tuple[Tensor, Tensor]:
    room_x = _wanted(grad, wants_x, grad.shape[0], _trees_sizes(shape)[0], LANES)
    return room_x, _wanted(grad, wants_coefficients, *coefficients.shape)


def _trees_gradients(
    kernel: str,
    grad_x: Tensor,
    grad_coefficients: Tensor,
    x: Tensor,
    leaf: Tensor,
    coefficients: Tensor,
    shape: Sequence[int],
    grad: Tensor,
    wants_x: bool,
    wants_coefficients: bool,
) -> None:
    found = _given((grad_x, grad_coefficients), (wants_x, wants_coefficients))
    cpu.call(kernel, shape, len(grad), x, leaf, coefficients, grad, *found)


_TREES_BACKWARD: Final = (
    "(Tensor x, Tensor leaf, Tensor coefficients, int[] shape, Tensor grad, bool wants_x, bool wants_coefficients)"
    " -> (Tensor, Tensor)"
)
_trees_backward = _on_cpu(
    f"blocks_trees_backward{_TREES_BACKWARD}", _trees_gradients_room, partial(_trees_gradients, "lgn_trees_backward")
)
_bit_trees_backward = _on_cpu(
    f"blocks_bit_trees_backward{_TREES_BACKWARD}",
    _trees_gradients_room,
    partial(_trees_gradients, "lgn_trees_bits_backward"),
)


def _trees_room(x: Tensor, leaf: Tensor, coefficients: Tensor, shape: Sequence[int]) -> Tensor:
    return _floats(x, x.shape[0], _trees_sizes(shape)[1], LANES)


def _trees(y: Tensor, x: Tensor, leaf: Tensor, coefficients: Tensor, shape: Sequence[int]) -> None:
    cpu.call("lgn_trees_forward", shape, len(x), x, leaf, coefficients, y)


def _trees_gradient(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 4
    wanted = ctx.needs_input_grad[0], ctx.needs_input_grad[2]
    grad_x, grad_coefficients = _given(_trees_backward(*ctx.saved_tensors, ctx.shape, grad, *wanted), wanted)
    return grad_x, None, grad_coefficients, None


trees = _on_cpu(
    "blocks_trees(Tensor x, Tensor leaf, Tensor coefficients, int[] shape) -> Tensor",
    _trees_room,
    _trees,
    saved=("x", "leaf", "coefficients"),
    kept=("shape",),
    gradient=_trees_gradient,
)


def _bit_trees_room(
    values: Tensor, bits: Tensor, leaf: Tensor, coefficients: Tensor, shape: Sequence[int]
) -> tuple[Tensor, Tensor]:
    outputs, blocks = _trees_sizes(shape)[1], bits.shape[1]
    return carrier(bits, blocks, outputs), bits.new_empty(outputs, blocks)


def _bit_trees(
    values_out: Tensor,
    bits_out: Tensor,
    values: Tensor,
    bits: Tensor,
    leaf: Tensor,
    coefficients: Tensor,
    shape: Sequence[int],
) -> None:
    cpu.call("lgn_trees_bits_forward", shape, bits.shape[1], bits, leaf, coefficients, bits_out)


def _bit_trees_gradient(ctx: Any, grad: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 5
    wanted = ctx.needs_input_grad[0], ctx.needs_input_grad[3]
    grad_x, grad_coefficients = _given(_bit_trees_backward(*ctx.saved_tensors, ctx.shape, grad, *wanted), wanted)
    return grad_x, None, None, grad_coefficients, None


bit_trees = _on_cpu(
    "blocks_bit_trees(Tensor values, Tensor bits, Tensor leaf, Tensor coefficients, int[] shape) -> (Tensor, Tensor)",
    _bit_trees_room,
    _bit_trees,
    saved=("bits", "leaf", "coefficients"),
    kept=("shape",),
    gradient=_bit_trees_gradient,
)


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


join = _on_cpu(
    "blocks_join(Tensor first, Tensor second) -> Tensor",
    _join_room,
    _join,
    saved=("first",),
    gradient=_join_gradient,
)


# Sums of bits.


def _count_room(values: Tensor, bits: Tensor, groups: int) -> Tensor:
    return _floats(values, values.shape[0], groups, LANES)


def _count(sums: Tensor, values: Tensor, bits: Tensor, groups: int) -> None:
    cpu.call("lgn_count", groups, *bits.shape, bits, sums)


def _count_gradient(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, None, None]:
    (bits,) = ctx.saved_tensors
    if grad is None:
        return None, None, None
    (blocks, groups, _), signals = grad.shape, bits.shape[0]
    spread = grad.unsqueeze(2).expand(blocks, groups, signals // groups, LANES)
    return spread.reshape(blocks, signals, LANES), None, None


count = _on_cpu(
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


argmax = _on_cpu("argmax(Tensor x) -> Tensor", _argmax_room, _argmax)
