"""Trainable layers: gates and the group sum. Signals are the last axis, as everywhere in `torch.nn`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import torch
from torch import Tensor

from lgn_edge import network
from lgn_edge.checks import finite_number, one_word_of, positive_number, whole_number
from lgn_edge.errors import InputError
from lgn_edge.nn.blocks import Blocks
from lgn_edge.nn.choice import Choice, LearnedAlignedWiring, LearnedWiring, mixture
from lgn_edge.nn.gate_layer import GateLayer, GateRecipe, truth_tables
from lgn_edge.nn.gates import gates, gates_of
from lgn_edge.nn.logic_layer import Shape, Signals
from lgn_edge.nn.module import Module
from lgn_edge.nn.rows import Rows
from lgn_edge.nn.signals import real, require_signals, rows, with_axes_of
from lgn_edge.nn.wiring import WIRINGS, AlignedWiring, Chosen, Connections, RandomWiring, UniqueWiring, Wiring, wire
from lgn_edge.tables import Table, finite, one_of, positive, whole

LEARNED: Final = (LearnedWiring.KIND, LearnedAlignedWiring.KIND)


@dataclass(frozen=True)
class DenseRecipe(GateRecipe):
    """How a `LogicDense` is made.

    Attributes:
        width: gates.
        wiring: `RandomWiring` by default.
    """

    KIND: ClassVar = "dense"

    width: int = whole(least=1)
    wiring: Wiring = one_of((RandomWiring, UniqueWiring, AlignedWiring, LearnedWiring, LearnedAlignedWiring))

    @property
    def word(self) -> int:
        """The bits of a word of an aligned wiring."""
        return self.wiring.word

    @property
    def gates_stored(self) -> int:
        """Its width."""
        return self.width

    def make(self, given: Shape, seed: int) -> LogicDense:
        """The untrained layer for signals (see `LogicDense`)."""
        return LogicDense(
            torch.Size(given).numel(), self.width, **self.wiring.arguments(), **self.gate_arguments(), seed=seed
        )


class LogicDense(GateLayer):
    """A layer of learnable 2-input gates, shaped like `torch.nn.Linear`.

    Args:
        in_features: signals of the layer before.
        out_features: gates.
        parametrization: "light", "light-sine", "raw" or "walsh".
        estimator: "soft", "soft-gumbel", "hard" or "gumbel".
        temperature: positive; divides the weights in the soft gate. light-sine takes 1 only.
        init: "residual" or "gaussian".
        init_shift: how far from undecided the residual gates start; 0 takes the parametrization's usual value.
        wiring: "random", "unique" or "aligned", or "learned" or "learned-aligned" (see `choice`).
        lanes: bits of a word, for aligned wirings.
        candidates: that each gate input chooses from, for learned wirings; more than there are means all.
        seed: of wiring and first weights; None draws from torch's default generator.

    Attributes:
        weight: float32 [out_features, numbers of the parametrization].
        a, b: int32 [out_features] buffers of fixed wirings, the inputs of each gate; saved with the weights.
        choice: of learned wirings; None otherwise.

    Raises:
        InputError: an unknown choice, or sizes that the wiring cannot serve.
    """

    KIND: ClassVar = "dense"
    CONFIG: ClassVar = (
        "in_features",
        "out_features",
        "parametrization",
        "estimator",
        "temperature",
        "init",
        "init_shift",
        "wiring",
        "lanes",
        "seed",
    )
    a: Tensor
    b: Tensor

    @torch.inference_mode(False)
    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        parametrization: str = "light",
        estimator: str = "soft",
        temperature: float = 1.0,
        init: str = "residual",
        init_shift: float = 0.0,
        wiring: str = "random",
        lanes: int = 32,
        candidates: int = 32,
        seed: int | None = None,
    ) -> None:
        one_word_of(wiring, "logic layer: wiring", (*WIRINGS, *LEARNED))
        super().__init__(
            in_features,
            out_features,
            arity=2,
            parametrization=parametrization,
            estimator=estimator,
            temperature=temperature,
            init=init,
            init_shift=init_shift,
            wiring=wiring,
            seed=seed,
        )
        self.lanes = whole_number(lanes, "logic layer: lanes", least=1)
        self.candidates = whole_number(candidates, "logic layer: candidates", least=1)
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        if wiring in LEARNED:
            together = lanes if wiring == "learned-aligned" else 1
            k = min(candidates, in_features // max(1, together))
            self.choice = Choice(in_features, out_features, k, lanes=together, generator=generator)
        else:
            a, b = wire(wiring, in_features, out_features, lanes=lanes, generator=generator)
            self.register_buffer("a", a)
            self.register_buffer("b", b)
        self.weight = self._first_weight(out_features, generator)

    def forward(self, x: Signals) -> Signals:
        """Gate outputs [..., out_features] of signals [..., in_features], values in [0, 1], dtype of the signals.

        Bools and whole numbers are bits, set where they are not 0; outputs are then of the weights' dtype.

        Blocks and rows go through the compiled kernels and give the same. The result of a tensor [batch, in_features]
        is a transposed view, `[out_features, batch]` in memory, which the next layer reads without a copy.
        """
        self.require(x)
        coefficients, wires = self.coefficients(x), self.connections()
        choice = self.learning
        if not isinstance(x, Tensor):
            if choice is None:
                return (x.bit_gates if x.bits is not None and self.discrete else x.gates)(wires, coefficients)
            if x.bits is not None and self.discrete:
                return x.bit_gates(wires, coefficients, choice.soft(), choice.candidates)
            raise InputError("logic layer: learned wiring of real-valued gates has no compiled kernel; give a tensor")
        signals = rows(real(x, self.weight.dtype)).t().contiguous()
        if choice is None:
            return with_axes_of(gates(signals, wires.a, wires.b, coefficients).t(), x)
        first, second = (mixture(signals, *side) for side in zip(choice.candidates, choice.share(), strict=True))
        return with_axes_of(gates_of(first, second, coefficients).to(signals.dtype).t(), x)

    def has_kernels(self, kernels: str) -> bool:
        """Whether the layer can compute with "compiled" or "triton" kernels in its present mode."""
        return self.weight.dtype == torch.float32 and (self.learning is None or self.discrete)

    def wires(self) -> tuple[Tensor, Tensor]:
        """The inputs a and b of each gate, int32 [out_features]; of learned wirings the ones chosen now."""
        return (self.a, self.b) if self.choice is None else self.choice.wires()

    def connections(self) -> Connections:
        """`wires` as kernels want them."""
        if self.choice is None:
            return self._kept(torch.stack, self.a, self.b)
        candidates = self._kept(lambda buffers: buffers[0].flatten(1), self.choice.candidates)
        which = self.choice.chosen()
        return Connections(self.in_features, self.choice.signals(which), chosen=Chosen(candidates, which))

    def tables(self) -> Tensor:
        """Truth table ids of the discrete gates, uint8 [out_features]."""
        return truth_tables(self.hard_corners())

    def index_limits(self) -> dict[str, tuple[int, ...]]:
        """The signals that the layer reads."""
        return dict.fromkeys(("a", "b") if self.choice is None else ("choice.candidates",), (self.in_features,))

    def discrete_layers(self) -> tuple[network.LogicDense, ...]:
        """The one layer of two-input gates that it is."""
        a, b, table = (part.cpu().numpy() for part in (*self.wires(), self.tables()))
        return (network.LogicDense(self.in_features, a, b, table),)

    def config(self) -> dict[str, Any]:
        """The arguments that make a layer of this kind; its state_dict holds the rest."""
        return super().config() if self.choice is None else super().config() | {"candidates": self.candidates}

    def shown(self) -> dict[str, Any]:
        """The arguments; lanes only of a wiring that has words."""
        config = self.config()
        return config if "aligned" in self.wiring else {name: config[name] for name in config if name != "lanes"}


@dataclass(frozen=True)
class HeadRecipe(Table):
    """How a `GroupSum` is made.

    Attributes:
        tau: divides the scores; in proportion to sqrt(gates a class).
        beta: is added to the scores.
    """

    TABLE: ClassVar = "head"

    tau: float = positive(5.0)
    beta: float = finite(0.0)

    def make(self, inputs: int, classes: int) -> GroupSum:
        """The head of so many signals (see `GroupSum`)."""
        return GroupSum(inputs, classes, self.tau, self.beta)


class GroupSum(Module):
    """The head: class c sums its contiguous block of signals; `logits = (sum + beta) / tau` (Petersen et al. 2022).

    Args:
        in_features: signals of the last logic layer; a multiple of the classes.
        classes: classes.
        tau: positive float32; larger is softer. A good start is in proportion to sqrt(signals a class).
        beta: float32.

    Raises:
        InputError: the classes do not divide the signals, or tau or beta are not legal.
    """

    tau: Tensor
    beta: Tensor

    @torch.inference_mode(False)
    def __init__(self, in_features: int, classes: int, tau: float = 1.0, beta: float = 0.0) -> None:
        super().__init__()
        self.in_features = whole_number(in_features, "group sum: in_features", least=1)
        self.classes = whole_number(classes, "group sum: classes", least=1)
        tau, beta = positive_number(tau, "group sum: tau"), finite_number(beta, "group sum: beta")
        head = network.GroupSum(in_features, classes, tau, beta)  # refuses what is not legal
        self.register_buffer("tau", torch.tensor(head.tau, dtype=torch.float32))
        self.register_buffer("beta", torch.tensor(head.beta, dtype=torch.float32))

    def forward(self, x: Tensor | Blocks | Rows) -> Tensor:
        """Logits [..., classes] of signals [..., in_features]."""
        return (self.scores(x) + self.beta) / self.tau

    def scores(self, x: Tensor | Blocks | Rows) -> Tensor:
        """Sums [..., classes] of signals [..., in_features]; whole numbers when the signals are bits.

        Raises:
            InputError: the signals have another shape.
        """
        require_signals(x, self.in_features, "group sum")
        if not isinstance(x, Tensor):
            return x.group_sums(self.classes)
        signals = real(x, torch.float32)
        dtype = torch.promote_types(signals.dtype, torch.float32)  # bfloat16 would lose what it sums
        return signals.reshape(*x.shape[:-1], self.classes, self.in_features // self.classes).sum(-1, dtype=dtype)

    def extra_repr(self) -> str:
        """The arguments, for print."""
        tau, beta = ("?" if number.is_meta else f"{float(number):g}" for number in (self.tau, self.beta))
        return f"in_features={self.in_features}, classes={self.classes}, tau={tau}, beta={beta}"
