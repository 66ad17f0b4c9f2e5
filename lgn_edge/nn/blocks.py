"""Signals in the layout of the compiled kernels, and layers on them.

A CPU keeps the rows that gates read and the gradients that they add to in its second cache when it works on few
samples at a time, so a batch is cut into blocks of 16 (see `kernels/cpu.c`). Where all values are bits, as with
straight-through estimators, they are packed: outputs take 1/32 of the memory, and only gradients are real numbers.

Every method here has the value and the gradient of torch code in `gates`, `choice`, `layers` and `trees`, which
defines it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from lgn_edge.nn.kernels import cpu, cpu_operators
from lgn_edge.nn.kernels.cpu_operators import LANES, carrier
from lgn_edge.nn.tracing import recorded
from lgn_edge.nn.trees import Trees
from lgn_edge.nn.wiring import Connections


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
        bits = cpu_operators.pack(x.bool())
        (batch, signals), blocks = x.shape, bits.shape[1]
        if not x.requires_grad:
            return cls(batch, carrier(x, blocks, signals), bits)
        padded = torch.nn.functional.pad(x.to(torch.float32), (0, 0, 0, blocks * LANES - batch))
        return cls(batch, padded.reshape(blocks, LANES, signals).transpose(1, 2), bits)

    @classmethod
    def join(cls, several: Sequence[Blocks]) -> Blocks:
        """The signals of several sources of one batch, in their order."""
        batch, bits = several[0].batch, [each.bits for each in several if each.bits is not None]
        if len(bits) < len(several):
            return cls(batch, torch.cat([each.real().values for each in several], 1))
        return cls(batch, reduce(cpu_operators.join, [each.values for each in several]), torch.cat(bits))

    def real(self) -> Blocks:
        """The same signals as real values."""
        if self.bits is None:
            return self
        return Blocks(self.batch, cpu_operators.unpack(self.values, self.bits))

    def tensor(self) -> Tensor:
        """Signals float32 [batch, signals]."""
        return self.real().values.transpose(1, 2).reshape(-1, self.signals)[: self.batch]

    def gates(self, wires: Connections, coefficients: Tensor) -> Blocks:
        """A layer of real-valued gates, `gates.gates_definition` on blocks."""
        return Blocks(self.batch, cpu_operators.gates(self.real().values, wires.a, wires.b, coefficients))

    def lookup_gates(self, wires: Connections, corners: Tensor) -> Blocks:
        """A layer of real-valued gates of 3 to 6 inputs, `lookup.interpolated` on blocks.

        Args:
            wires: of the layer.
            corners: float32 [gates, 2**k].
        """
        return Blocks(self.batch, cpu_operators.lookup(self.real().values, wires.entries, corners))

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
        arguments = self.values, coefficients, share, self.bits, wires.a, wires.b, candidates
        return Blocks(self.batch, *cpu_operators.bit_gates(*arguments))

    def trees(self, trees: Trees, coefficients: Tensor) -> Blocks:
        """Real-valued trees at the places of an image and a pool, `trees_definition` and `pool_definition` on blocks.

        Args:
            trees: of at most `MOST_LEAVES` leaves and a pool of at most `MOST_PLACES` places.
            coefficients: float32 [kernels * gates of a tree, 4].
        """
        return Blocks(self.batch, cpu_operators.trees(self.real().values, trees.leaf, coefficients, trees.sizes))

    def bit_trees(self, trees: Trees, coefficients: Tensor, share: Tensor | None = None) -> Blocks:
        """The same for discrete gates on bits; `share`, float32 [kernels, leaves, K], as of `bit_gates`."""
        arguments = self.values, coefficients, share, self.bits, trees.leaf, trees.candidates, trees.sizes
        return Blocks(self.batch, *cpu_operators.bit_trees(*arguments))

    def group_sums(self, groups: int) -> Tensor:
        """Sums float32 [batch, groups] of equal contiguous parts of the signals."""
        blocks, signals, lanes = self.values.shape
        sums: Tensor
        if self.bits is None:
            sums = self.values.reshape(blocks, groups, signals // groups, lanes).sum(2)
        else:
            sums = cpu_operators.count(self.values, self.bits, groups)
        return sums.transpose(1, 2).reshape(-1, groups)[: self.batch]


def argmax(x: Tensor) -> Tensor:
    """`x.argmax(-1)` of float32 values; the first among equals; for short rows it takes a tenth of torch's time."""
    if recorded() or not cpu.usable(x.device.type) or x.dtype != torch.float32:
        return x.argmax(-1)
    best: Tensor = cpu_operators.argmax(x)
    return best
