"""Layers of gates with more than two inputs, which become two-input gates when the network is made discrete."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar, Final

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from lgn_edge import network
from lgn_edge.checks import whole_number
from lgn_edge.errors import InputError
from lgn_edge.nn.decompose import MAX_INPUTS, decompose
from lgn_edge.nn.gate_layer import BY_CORNER, GateLayer, GateRecipe
from lgn_edge.nn.logic_layer import Shape, Signals
from lgn_edge.nn.signals import real, rows, with_axes_of
from lgn_edge.nn.tracing import recorded
from lgn_edge.nn.wiring import RandomWiring, Wiring, several
from lgn_edge.tables import one_of, whole, word

_BLOCK: Final = 2**22  # numbers that are alive at once where torch interpolates for a block of gates


@dataclass(frozen=True)
class LookupRecipe(GateRecipe):
    """How a `LookupDense` is made.

    Attributes:
        width: gates.
        parametrization: "light" or "light-sine".
        arity: inputs of a gate, 3 to 6.
        wiring: `RandomWiring`.
    """

    KIND: ClassVar = "lookup"

    width: int = whole(least=1)
    arity: int = whole(3, least=3, most=MAX_INPUTS)
    wiring: Wiring = one_of((RandomWiring,))
    _: KW_ONLY
    parametrization: str = word("light", BY_CORNER)

    @property
    def gates_stored(self) -> int:
        """Its width."""
        return self.width

    def make(self, given: Shape, seed: int) -> LookupDense:
        """The untrained layer for signals (see `LookupDense`)."""
        return LookupDense(torch.Size(given).numel(), self.width, arity=self.arity, **self.gate_arguments(), seed=seed)


class LookupDense(GateLayer):
    """A layer of light gates of k inputs: 2**k numbers each, the gate interpolates between them (arXiv 2510.03250).

    Args:
        in_features: signals of the layer before; at least k.
        out_features: gates.
        arity: k, 3 to 6.
        parametrization: "light" or "light-sine".
        estimator: "soft", "soft-gumbel", "hard" or "gumbel".
        temperature: positive; divides the weights in the soft gate. light-sine takes 1 only.
        init: "residual" (near the gate that passes its first input) or "gaussian".
        init_shift: how far from undecided the residual gates start; 0 takes the parametrization's usual value.
        seed: of wiring and first weights; None draws from torch's default generator.

    Attributes:
        weight: float32 [out_features, 2**k], where the inputs, the first one most significant, are the number.
        wires: int32 [k, out_features] buffer, the inputs of each gate, all different.

    Raises:
        InputError: an unknown choice, or sizes that the wiring cannot serve.
    """

    KIND: ClassVar = "lookup"
    CONFIG: ClassVar = (
        "in_features",
        "out_features",
        "arity",
        "parametrization",
        "estimator",
        "temperature",
        "init",
        "init_shift",
        "seed",
    )
    wires: Tensor

    @torch.inference_mode(False)
    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        arity: int,
        parametrization: str = "light",
        estimator: str = "soft",
        temperature: float = 1.0,
        init: str = "residual",
        init_shift: float = 0.0,
        seed: int | None = None,
    ) -> None:
        if arity == 2:
            raise InputError(f"logic layer: arity is 2; it must be 3 to {MAX_INPUTS}, and of 2 is LogicDense")
        whole_number(arity, "logic layer: arity", least=3, most=MAX_INPUTS)
        super().__init__(
            in_features,
            out_features,
            arity=arity,
            parametrization=parametrization,
            estimator=estimator,
            temperature=temperature,
            init=init,
            init_shift=init_shift,
            wiring="random",
            seed=seed,
        )
        self.arity = arity
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        self.register_buffer("wires", several(in_features, out_features, arity, generator))
        self.weight = self._first_weight(out_features, generator)

    def forward(self, x: Signals) -> Signals:
        """Gate outputs [..., out_features] of signals [..., in_features], values in [0, 1]; see `LogicDense`."""
        self.require(x)
        corners = self.corners()
        if not isinstance(x, Tensor):
            return x.lookup_gates(self._kept(lambda buffers: buffers[0], self.wires), corners)
        signals = rows(real(x, self.weight.dtype)).t().contiguous()
        if torch.compiler.is_compiling() or recorded():
            return with_axes_of(interpolated(signals, self.wires, corners).to(signals.dtype).t(), x)
        step = max(1, _BLOCK // (max(1, signals.shape[1]) * corners.shape[1]))
        parts = [
            checkpoint(
                interpolated,
                signals,
                self.wires[:, start : start + step],
                corners[start : start + step],
                use_reentrant=False,  # what is between the inputs and a gate is computed again, not kept
                preserve_rng_state=False,
            )
            for start in range(0, self.out_features, step)
        ]
        return with_axes_of(torch.cat(parts).to(signals.dtype).t(), x)

    def has_kernels(self, kernels: str) -> bool:
        """Whether the layer can compute with "compiled" or "triton" kernels in its present mode."""
        return self.weight.dtype == torch.float32

    def index_limits(self) -> dict[str, tuple[int, ...]]:
        """The signals that the layer reads."""
        return {"wires": (self.in_features,)}

    def discrete_layers(self) -> tuple[network.LogicDense, ...]:
        """The layers of two-input gates that compute what this one does in evaluation mode (see `decompose`)."""
        return decompose(self.in_features, self.wires.cpu().numpy(), self.hard_corners().bool().cpu().numpy())


def interpolated(rows: Tensor, wires: Tensor, corners: Tensor) -> Tensor:
    """Multilinear interpolation [gates, batch] of corners [gates, 2**k] by rows that wires [k, gates] choose."""
    values = corners.unsqueeze(2)
    for wire in wires.unbind(0):
        low, high = values.chunk(2, 1)
        values = low + (high - low) * rows.index_select(0, wire).to(corners.dtype).unsqueeze(1)
    return values.squeeze(1)
