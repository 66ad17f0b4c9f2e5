"""Signals in the layout of the GPU's kernels, and layers on them.

A signal is a row of samples, and a layer's rows are read by index (see `kernels/gpu_programs.py`). Where all values are
bits, as with straight-through estimators, they are packed: the forward pass moves 1/32 of the bytes, and only gradients
are real numbers.

Every method here has the value and the gradient of torch code in `gates`, `choice` and `layers`, which defines it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lgn_edge.nn.autograd import apply
from lgn_edge.nn.kernels import gpu
from lgn_edge.nn.wiring import Connections

LANES: Final = 32  # samples in a word


@dataclass(frozen=True)
class Rows:
    """Signals of a batch, a row each.

    Attributes:
        batch: samples.
        values: float32 or bfloat16 [signals, batch]. For bits it has no memory and no meaning: gradients flow through.
        bits: int32 [signals, words], bit i of a word belongs to sample 32 * word + i; None for real values.
    """

    batch: int
    values: Tensor
    bits: Tensor | None = None

    @property
    def signals(self) -> int:
        """How many signals there are."""
        return self.values.shape[0]

    @classmethod
    def pack(cls, x: Tensor, dtype: torch.dtype = torch.float32) -> Rows:
        """Rows of bits [batch, signals] of any type, set where it is not 0; gradients, also x's, are of dtype."""
        batch, signals = x.shape
        words = -(-batch // LANES)
        bits = torch.zeros(signals, words, dtype=torch.int32, device=x.device)
        if bits.numel():
            grid = gpu.tiles(signals, LANES), words
            gpu.launch("pack", grid, x.ne(0).contiguous().view(torch.uint8), bits, batch, signals, words, SIGNALS=LANES)
        carrier = x.t().to(dtype) if x.requires_grad else _carrier(signals, batch, x.device, dtype)
        return cls(batch, carrier, bits)

    def real(self) -> Rows:
        """The same signals as real values."""
        if self.bits is None:
            return self
        values: Tensor = apply(_Unpack, self.values, self.bits)
        return Rows(self.batch, values)

    def tensor(self) -> Tensor:
        """Signals [batch, signals]."""
        return self.real().values.t()

    def gates(self, wires: Connections, coefficients: Tensor) -> Rows:
        """A layer of real-valued gates, `gates.gates_definition` on rows."""
        values: Tensor = apply(_Gates, self.real().values, coefficients, wires)
        return Rows(self.batch, values)

    def bit_gates(
        self,
        wires: Connections,
        coefficients: Tensor,
        share: Tensor | None = None,
        candidates: Tensor | None = None,
    ) -> Rows:
        """A layer of discrete gates on bits; see `Blocks.bit_gates`."""
        values, bits = apply(_BitGates, self.values, coefficients, share, self.bits, wires, candidates)
        return Rows(self.batch, values, bits)

    def lookup_gates(self, wires: Connections, corners: Tensor) -> Rows:
        """A layer of real-valued gates of 3 to 6 inputs, `lookup.interpolated` on rows; see `Blocks.lookup_gates`."""
        values: Tensor = apply(_LookupGates, self.real().values, corners, wires)
        return Rows(self.batch, values)

    def group_sums(self, groups: int) -> Tensor:
        """Sums float32 [batch, groups] of equal contiguous parts of the signals."""
        if self.bits is None:
            return self.values.reshape(groups, self.signals // groups, self.batch).sum(1, dtype=torch.float32).t()
        sums: Tensor = apply(_Count, self.values, self.bits, groups)
        return sums.t()


def _carrier(signals: int, batch: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """A tensor through which gradients flow, without memory for values."""
    return torch.zeros(1, device=device, dtype=dtype).expand(signals, batch)


def _input_gradient(x: Tensor, wires: Connections, coefficients: Tensor, grad: Tensor) -> Tensor:
    """The gradient of rows or packed bits x, in the dtype of the gradient of the outputs [gates, batch]."""
    batch = grad.shape[1]
    found = grad.new_empty(len(x), batch)
    gpu.launch(
        "input_gradient",
        (len(x), gpu.tiles(batch, gpu.SAMPLES)),
        *(x, wires.entries, coefficients, grad, *wires.readers, found, batch, x.shape[1]),
        BITS=x.dtype == torch.int32,
        SAMPLES=gpu.SAMPLES,
    )
    return found


def _coefficient_gradient(x: Tensor, wires: Connections, grad: Tensor) -> Tensor:
    """The gradient float32 [gates, 4] of the coefficients of gates on rows or packed bits x."""
    gates, batch = grad.shape
    found = grad.new_empty(gates, 4, dtype=torch.float32)
    gpu.launch(
        "coefficient_gradient",
        (gpu.tiles(gates, gpu.GATES),),
        *(x, wires.entries, grad, found, gates, batch, x.shape[1]),
        BITS=x.dtype == torch.int32,
        GATES=gpu.GATES,
        SAMPLES=gpu.SAMPLES,
    )
    return found


class _Unpack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, carrier: Tensor, bits: Tensor) -> Tensor:
        signals, batch = carrier.shape
        values = torch.empty(signals, batch, dtype=carrier.dtype, device=bits.device)
        grid = gpu.tiles(signals, gpu.GATES), gpu.tiles(batch, gpu.SAMPLES)
        sizes = {"SIGNALS": gpu.GATES, "SAMPLES": gpu.SAMPLES}
        gpu.launch("unpack", grid, bits, values, signals, batch, bits.shape[1], **sizes)
        return values

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad, None


class _Gates(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, coefficients: Tensor, wires: Connections) -> Tensor:
        x, coefficients = x.contiguous(), coefficients.contiguous()
        ctx.save_for_backward(x, coefficients)
        ctx.wires = wires
        gates, batch = len(wires.a), x.shape[1]
        y = x.new_empty(gates, batch)
        grid = gpu.tiles(gates, gpu.GATES), gpu.tiles(batch, gpu.SAMPLES)
        sizes = {"GATES": gpu.GATES, "SAMPLES": gpu.SAMPLES}
        gpu.launch("forward", grid, x, wires.entries, coefficients, y, gates, batch, **sizes)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, coefficients = ctx.saved_tensors
        needs_x, needs_c, _ = ctx.needs_input_grad
        grad = grad.contiguous()
        grad_x = _input_gradient(x, ctx.wires, coefficients, grad) if needs_x else None
        return grad_x, _coefficient_gradient(x, ctx.wires, grad) if needs_c else None, None


class _LookupGates(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, corners: Tensor, wires: Connections) -> Tensor:
        x, corners = x.contiguous(), corners.contiguous()
        ctx.save_for_backward(x, corners)
        ctx.wires = wires
        (gates, k), batch = wires.entries.shape, x.shape[1]
        y = x.new_empty(gates, batch)
        grid = gates, gpu.tiles(batch, gpu.LOOKUP_SAMPLES)
        gpu.launch("lookup_forward", grid, x, wires.entries, corners, y, batch, K=k, SAMPLES=gpu.LOOKUP_SAMPLES)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, corners = ctx.saved_tensors
        needs_x, needs_c, _ = ctx.needs_input_grad
        wires, grad, batch = ctx.wires, grad.contiguous(), x.shape[1]
        sizes = {"K": wires.entries.shape[1], "SAMPLES": gpu.LOOKUP_SAMPLES}
        grad_x = grad_c = None
        if needs_x:
            grad_x = torch.empty_like(x)
            grid = len(x), gpu.tiles(batch, gpu.LOOKUP_SAMPLES)
            arguments = x, wires.entries, corners, grad, *wires.readers, grad_x, batch
            gpu.launch("lookup_input_gradient", grid, *arguments, **sizes)
        if needs_c:
            grad_c = torch.empty_like(corners)
            gpu.launch("lookup_corner_gradient", (len(corners),), x, wires.entries, grad, grad_c, batch, **sizes)
        return grad_x, grad_c, None


class _BitGates(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        carrier: Tensor,
        coefficients: Tensor,
        share: Tensor | None,
        x: Tensor,
        wires: Connections,
        candidates: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        coefficients = coefficients.contiguous()
        ctx.save_for_backward(coefficients, x, candidates)
        ctx.wires = wires
        gates, words = len(wires.a), x.shape[1]
        y = x.new_empty(gates, words)
        grid = gpu.tiles(gates, gpu.GATES), gpu.tiles(words, gpu.WORDS)
        sizes = {"GATES": gpu.GATES, "WORDS": gpu.WORDS}
        gpu.launch("bits_forward", grid, x, wires.entries, coefficients, y, gates, words, **sizes)
        ctx.mark_non_differentiable(y)
        ctx.set_materialize_grads(False)
        return _carrier(gates, carrier.shape[1], x.device, carrier.dtype), y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
        coefficients, x, candidates = ctx.saved_tensors
        needs_x, needs_c, needs_share, *_rest = ctx.needs_input_grad
        if grad is None:
            return (None,) * 6
        grad = grad.contiguous()
        grad_x = _input_gradient(x, ctx.wires, coefficients, grad) if needs_x else None
        grad_c = _coefficient_gradient(x, ctx.wires, grad) if needs_c else None
        dots = None
        if needs_share:
            (gates, batch), k = grad.shape, candidates.shape[2]
            dots = torch.empty(candidates.shape, device=x.device)
            gpu.launch(
                "choice_gradient",
                (2 * gates, gpu.tiles(k, gpu.CANDIDATES)),
                *(x, ctx.wires.entries, coefficients, candidates, grad, dots, gates, batch, x.shape[1], k),
                CANDIDATES=gpu.CANDIDATES,
                SAMPLES=gpu.SAMPLES,
            )
        return grad_x, grad_c, dots, None, None, None


class _Count(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, carrier: Tensor, bits: Tensor, groups: int) -> Tensor:
        signals, batch = carrier.shape
        ctx.size, ctx.dtype = signals // groups, carrier.dtype
        sums = torch.empty(groups, batch, device=bits.device)
        grid = groups, gpu.tiles(batch, LANES)
        gpu.launch("count", grid, bits, sums, ctx.size, batch, bits.shape[1], SIGNALS=64, SAMPLES=LANES)
        return sums

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return grad.to(ctx.dtype).repeat_interleave(ctx.size, 0), None, None
