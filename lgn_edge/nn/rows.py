"""Signals in the layout of the GPU's kernels, and layers on them.

A signal is a row of samples, and a layer's rows are read by index (see `kernels/gpu_programs`). Where all values are
bits, as with straight-through estimators, they are packed: the forward pass moves 1/32 of the bytes, and only gradients
are real numbers.

Every method here has the value and the gradient of torch code in `gates`, `choice`, `layers` and `trees`,
which defines it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from lgn_edge.nn.kernels import gpu_operators
from lgn_edge.nn.kernels.gpu_operators import carrier
from lgn_edge.nn.trees import Trees
from lgn_edge.nn.wiring import Connections


@dataclass(frozen=True)
class Rows:
    """Signals of a batch, a row each.

    Attributes:
        batch: samples.
        values: float32 or bfloat16 [signals, batch]. For bits it has no memory and no meaning: gradients flow through.
        bits: int32 [signals, words], bit i of a word belongs to sample 32 * word + i; None for real values.
        made: coefficients of the gates of layers that will read them, by weight (see `gate_layer.made_at_once`).
    """

    batch: int
    values: Tensor
    bits: Tensor | None = None
    made: Mapping[Tensor, Tensor] = field(default_factory=dict)

    @property
    def signals(self) -> int:
        """How many signals there are."""
        return self.values.shape[0]

    @classmethod
    def pack(cls, x: Tensor, dtype: torch.dtype = torch.float32, made: Mapping[Tensor, Tensor] | None = None) -> Rows:
        """Rows of bits [batch, signals] of any type, set where it is not 0; gradients, also x's, are of dtype."""
        batch, signals = x.shape
        values = x.t().to(dtype) if x.requires_grad else carrier(x, signals, batch, dtype)
        return cls(batch, values, gpu_operators.pack(x.bool()), made or {})

    @classmethod
    def join(cls, several: Sequence[Rows]) -> Rows:
        """The signals of several sources of one batch, in their order."""
        bits = [each.bits for each in several if each.bits is not None]
        if len(bits) < len(several):
            return several[0]._with(torch.cat([each.real().values for each in several]))
        return several[0]._with(torch.cat([each.values for each in several]), torch.cat(bits))

    def real(self) -> Rows:
        """The same signals as real values."""
        if self.bits is None:
            return self
        return self._with(gpu_operators.unpack(self.values, self.bits))

    def tensor(self) -> Tensor:
        """Signals [batch, signals]."""
        return self.real().values.t()

    def gates(self, wires: Connections, coefficients: Tensor) -> Rows:
        """A layer of real-valued gates, `gates.gates_definition` on rows."""
        x = self.real().values
        if wires.lasting:
            return self._with(gpu_operators.chain_gates(x, coefficients, *wires.chains.tensors))
        return self._with(gpu_operators.gates(x, coefficients, wires.entries, *self._lists(wires)))

    def bit_gates(
        self,
        wires: Connections,
        coefficients: Tensor,
        share: Tensor | None = None,
        candidates: Tensor | None = None,
    ) -> Rows:
        """A layer of discrete gates on bits; see `Blocks.bit_gates`."""
        if wires.lasting and share is None:
            chains = wires.chains.tensors
            return self._with(*gpu_operators.chain_bit_gates(self.values, coefficients, self.bits, *chains))
        arguments = self.values, coefficients, share, self.bits, candidates, wires.entries, *self._lists(wires)
        return self._with(*gpu_operators.bit_gates(*arguments))

    def lookup_gates(self, wires: Connections, corners: Tensor) -> Rows:
        """A layer of real-valued gates of 3 to 6 inputs, `lookup.interpolated` on rows; see `Blocks.lookup_gates`."""
        arguments = self.real().values, corners, wires.entries, *self._readers(wires)
        return self._with(gpu_operators.lookup(*arguments))

    def trees(self, trees: Trees, coefficients: Tensor) -> Rows:
        """Real-valued trees at the places of an image and a pool; see `Blocks.trees`."""
        arguments = self.real().values, trees.leaf, coefficients, *self._readers(trees), trees.sizes
        return self._with(gpu_operators.trees(*arguments))

    def bit_trees(self, trees: Trees, coefficients: Tensor, share: Tensor | None = None) -> Rows:
        """The same for discrete gates on bits; see `Blocks.bit_trees`."""
        wires = trees.leaf, trees.candidates, *self._readers(trees)
        return self._with(*gpu_operators.bit_trees(self.values, coefficients, share, self.bits, *wires, trees.sizes))

    def group_sums(self, groups: int) -> Tensor:
        """Sums float32 [batch, groups] of equal contiguous parts of the signals."""
        if self.bits is None:
            return self.values.reshape(groups, self.signals // groups, self.batch).sum(1, dtype=torch.float32).t()
        sums: Tensor = gpu_operators.count(self.values, self.bits, groups)
        return sums.t()

    def _with(self, values: Tensor, bits: Tensor | None = None) -> Rows:
        """Other signals of the same batch."""
        return replace(self, values=values, bits=bits)

    def _lists(self, wires: Connections) -> tuple[Tensor, Tensor, Tensor] | tuple[None, None, None]:
        """The same of gates of two inputs: where the list of each signal starts, where it ends, and the lists."""
        of, chosen = wires if wires.chosen is None else wires.chosen.candidates, wires.chosen
        starts, numbers = self._readers(of)
        if starts is None or numbers is None:
            return None, None, None
        if chosen is None:
            return starts[:-1], starts[1:], numbers
        return starts[:-1], *gpu_operators.chosen_readers(starts, numbers, chosen.which)

    def _readers(self, wires: Connections | Trees) -> tuple[Tensor, Tensor] | tuple[None, None]:
        """Who reads each signal, where gradients of signals will be gathered."""
        return wires.readers if self.values.requires_grad and torch.is_grad_enabled() else (None, None)
