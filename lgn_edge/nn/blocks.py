"""Signals in the layout of the compiled kernels, and layers on them.

A CPU keeps the rows that gates read and the gradients that they add to in its second cache when it works on few
samples at a time, so a batch is cut into blocks of 16 (see `kernels/cpu.c`). Where all values are bits, as with
straight-through estimators, they are packed: outputs take 1/32 of the memory, and only gradients are real numbers.

Every method here has the value and the gradient of torch code in `gates`, `choice` and `layers`, which defines it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from lgn_edge.nn.autograd import apply
from lgn_edge.nn.kernels import cpu
from lgn_edge.nn.wiring import Connections

LANES: Final = 16  # samples in a block


@dataclass(frozen=True)
class Blocks:
    """Signals of a batch in blocks of 16 samples.

    Attributes:
        batch: samples; the rest of the last block is padding, which nobody reads.
        values: float32 [blocks, signals, 16]. For bits it has no memory and no meaning: gradients flow through it.
        bits: int16 [signals, blocks], bit i of a word belongs to sample 16 * block + i; None for real values.
    """

    batch: int
    values: Tensor
    bits: Tensor | None = None

    @property
    def signals(self) -> int:
        """How many signals there are."""
        return self.values.shape[1]

    @classmethod
    def pack(cls, x: Tensor) -> Blocks:
        """Blocks of bits [batch, signals] of any type, set where it is not 0; they have the gradient of x, if any."""
        batch, signals = x.shape
        blocks = -(-batch // LANES)
        bits = torch.empty(signals, blocks, dtype=torch.int16)
        cpu.call("lgn_pack", batch, signals, blocks, x.bool().contiguous(), bits)
        carrier = _carrier(blocks, signals)
        if x.requires_grad:
            padded = torch.nn.functional.pad(x, (0, 0, 0, blocks * LANES - batch))
            carrier = padded.reshape(blocks, LANES, signals).transpose(1, 2)
        return cls(batch, carrier, bits)

    def real(self) -> Blocks:
        """The same signals as real values."""
        if self.bits is None:
            return self
        values: Tensor = apply(_Unpack, self.values, self.bits)
        return Blocks(self.batch, values)

    def tensor(self) -> Tensor:
        """Signals float32 [batch, signals]."""
        return self.real().values.transpose(1, 2).reshape(-1, self.signals)[: self.batch]

    def gates(self, wires: Connections, coefficients: Tensor) -> Blocks:
        """A layer of real-valued gates, `gates.gates_definition` on blocks."""
        values: Tensor = apply(_Gates, self.real().values, wires.a, wires.b, coefficients)
        return Blocks(self.batch, values)

    def lookup_gates(self, wires: Connections, corners: Tensor) -> Blocks:
        """A layer of real-valued gates of 3 to 6 inputs, `lookup.interpolated` on blocks.

        Args:
            wires: of the layer.
            corners: float32 [gates, 2**k].
        """
        values: Tensor = apply(_LookupGates, self.real().values, wires.entries, corners)
        return Blocks(self.batch, values)

    def bit_gates(
        self, wires: Connections, coefficients: Tensor, share: Tensor | None = None, candidates: Tensor | None = None
    ) -> Blocks:
        """A layer of discrete gates on bits.

        Args:
            wires: of the layer.
            coefficients: float32 [gates, 4] of discrete gates (see `gates.collapse`), perhaps with soft ones' gradient.
            share: float32 [2, gates, K] of learned wiring. Its values are not read, the wires say what is chosen; it
                gets the gradient that the weights of `choice.mixture` get.
            candidates: int32 [2, gates, K] of learned wiring.
        """
        values, bits = apply(_BitGates, self.values, coefficients, share, self.bits, wires.a, wires.b, candidates)
        return Blocks(self.batch, values, bits)

    def group_sums(self, groups: int) -> Tensor:
        """Sums float32 [batch, groups] of equal contiguous parts of the signals."""
        blocks, signals, lanes = self.values.shape
        sums: Tensor
        if self.bits is None:
            sums = self.values.reshape(blocks, groups, signals // groups, lanes).sum(2)
        else:
            sums = apply(_Count, self.values, self.bits, groups)
        return sums.transpose(1, 2).reshape(-1, groups)[: self.batch]


def argmax(x: Tensor) -> Tensor:
    """`x.argmax(-1)` of float32 values; the first among equals; for short rows it takes a tenth of torch's time."""
    if not cpu.usable(x.device.type) or x.dtype != torch.float32:
        return x.argmax(-1)
    best = torch.empty(x.shape[:-1], dtype=torch.int64)
    cpu.call("lgn_argmax", best.numel(), x.shape[-1], x.contiguous(), best)
    return best


def _carrier(blocks: int, signals: int) -> Tensor:
    """A tensor through which gradients flow, without memory for values."""
    return torch.zeros(1).expand(blocks, signals, LANES)


class _Unpack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, carrier: Tensor, bits: Tensor) -> Tensor:
        values = torch.empty(carrier.shape)
        cpu.call("lgn_unpack", carrier.shape[1], carrier.shape[0], bits, values)
        return values

    @staticmethod
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, None]:
        return grad, None


class _Gates(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, a: Tensor, b: Tensor, coefficients: Tensor) -> Tensor:
        x, coefficients = x.contiguous(), coefficients.contiguous()
        ctx.save_for_backward(x, a, b, coefficients)
        y = torch.empty(len(x), len(a), LANES)
        cpu.call("lgn_forward", len(a), x.shape[1], len(x), x, a, b, coefficients, y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, None, Tensor | None]:
        x, a, b, coefficients = ctx.saved_tensors
        grad_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        grad_c = torch.empty_like(coefficients) if ctx.needs_input_grad[3] else None
        grad = grad.contiguous()
        cpu.call("lgn_backward", len(a), x.shape[1], len(x), x, a, b, coefficients, grad, grad_x, grad_c)
        return grad_x, None, None, grad_c


class _LookupGates(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, wires: Tensor, corners: Tensor) -> Tensor:
        x, corners = x.contiguous(), corners.contiguous()
        ctx.save_for_backward(x, wires, corners)
        gates, k = wires.shape
        y = torch.empty(len(x), gates, LANES)
        cpu.call("lgn_lookup_forward", k, gates, x.shape[1], len(x), x, wires, corners, y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, Tensor | None]:
        x, wires, corners = ctx.saved_tensors
        gates, k = wires.shape
        grad_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        grad_c = torch.empty_like(corners) if ctx.needs_input_grad[2] else None
        grad = grad.contiguous()
        cpu.call("lgn_lookup_backward", k, gates, x.shape[1], len(x), x, wires, corners, grad, grad_x, grad_c)
        return grad_x, None, grad_c


class _BitGates(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        carrier: Tensor,
        coefficients: Tensor,
        share: Tensor | None,
        x: Tensor,
        a: Tensor,
        b: Tensor,
        candidates: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        coefficients, blocks = coefficients.contiguous(), x.shape[1]
        ctx.save_for_backward(coefficients, x, a, b, candidates)
        y = x.new_empty(len(a), blocks)
        cpu.call("lgn_bits_forward", len(a), blocks, x, a, b, coefficients, y)
        ctx.mark_non_differentiable(y)
        ctx.set_materialize_grads(False)
        return _carrier(blocks, len(a)), y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
        coefficients, x, a, b, candidates = ctx.saved_tensors
        needs_x, needs_c, needs_share, *_ = ctx.needs_input_grad
        if grad is None:
            return (None,) * 7
        (signals, blocks), grad = x.shape, grad.contiguous()
        grad_x = torch.empty(blocks, signals, LANES) if needs_x else None
        grad_c = torch.empty_like(coefficients) if needs_c else None
        cpu.call("lgn_bits_backward", len(a), signals, blocks, x, a, b, coefficients, grad, grad_x, grad_c)
        dots = None
        if needs_share:
            dots = torch.empty(candidates.shape)
            cpu.call("lgn_bits_choice", len(a), blocks, dots.shape[2], x, a, b, coefficients, candidates, grad, dots)
        return grad_x, grad_c, dots, None, None, None, None


class _Count(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, carrier: Tensor, bits: Tensor, groups: int) -> Tensor:
        ctx.shape = carrier.shape
        blocks, signals, lanes = carrier.shape
        sums = torch.empty(blocks, groups, lanes)
        cpu.call("lgn_count", groups, signals, blocks, bits, sums)
        return sums

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        blocks, signals, _ = ctx.shape
        spread = torch.empty(ctx.shape)
        cpu.call("lgn_spread", grad.shape[1], signals, blocks, grad.contiguous(), spread)
        return spread, None, None
