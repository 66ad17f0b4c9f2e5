"""Trainable layers: gates and the group sum. Signals are the last axis, as everywhere in `torch.nn`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lgn_edge import network
from lgn_edge.errors import InputError
from lgn_edge.nn.estimator import ESTIMATORS, soft
from lgn_edge.nn.gates import collapse, gates
from lgn_edge.nn.initialisation import INITIALISATIONS, initial_weight
from lgn_edge.nn.parametrization import PARAMETRIZATIONS
from lgn_edge.nn.wiring import wire


class LogicDense(nn.Module):
    """A layer of learnable 2-input gates with fixed wiring, shaped like `torch.nn.Linear`.

    In training mode the gates are real-valued or discrete as the estimator says. In evaluation mode they are the
    discrete gates, exactly: bits of 0.0 and 1.0 in, bits of 0.0 and 1.0 out (except under `soft_evaluation`).

    Args:
        in_features: signals of the layer before.
        out_features: gates.
        parametrization: "light", "light-sine" or "raw".
        estimator: "soft", "hard" or "gumbel".
        temperature: positive; divides the weights in the soft gate. light-sine takes 1 only.
        init: "residual" or "gaussian".
        init_shift: how far from undecided the residual gates start; 0 takes the parametrization's usual value.
        wiring: "random", "unique" or "aligned".
        lanes: bits of a word, for aligned wiring.
        seed: of wiring and first weights; None draws from torch's default generator.

    Attributes:
        weight: float32 [out_features, 4 or 16].
        a, b: int32 [out_features] buffers, the first and second input of each gate; saved with the weights.

    Raises:
        InputError: an unknown choice, or sizes that the wiring cannot serve.
    """

    a: Tensor
    b: Tensor

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
        seed: int | None = None,
    ) -> None:
        super().__init__()
        if in_features < 1 or out_features < 1:
            raise InputError(f"logic layer: {in_features} inputs and {out_features} gates; it needs one of each")
        _choose("parametrization", parametrization, PARAMETRIZATIONS)
        _choose("estimator", estimator, ESTIMATORS)
        _choose("init", init, INITIALISATIONS)
        if not 0 < temperature < float("inf"):
            raise InputError(f"logic layer: temperature is {temperature}; it must be positive and finite")
        if not 0 <= init_shift < float("inf"):
            raise InputError(f"logic layer: init_shift is {init_shift}; it must be 0 or more and finite")
        if parametrization == "light-sine" and temperature != 1:
            raise InputError(
                f"logic layer: temperature is {temperature}, but dividing the angles of light-sine would move its"
                " gates; leave it at 1"
            )
        self.in_features = in_features
        self.out_features = out_features
        self.parametrization = parametrization
        self.estimator = estimator
        self.temperature = float(temperature)
        self.init = init
        self.init_shift = float(init_shift)
        self.wiring = wiring
        self.lanes = lanes
        self.seed = seed
        self.soft = False  # set by `soft_evaluation`
        self._gates = PARAMETRIZATIONS[parametrization]
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        if estimator == "gumbel":
            self._gates.noise(torch.zeros(0, self._gates.numbers))  # refuses what has no noise now, not while training
        a, b = wire(wiring, in_features, out_features, lanes=lanes, generator=generator)
        self.register_buffer("a", a)
        self.register_buffer("b", b)
        self.weight = nn.Parameter(
            initial_weight(init, parametrization, out_features, self._gates.numbers, generator, init_shift)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Gate outputs [batch, out_features] of signals [batch, in_features], values in [0, 1], dtype of the weights.

        The result is a transposed view, `[out_features, batch]` in memory, which the next layer reads without a copy.
        """
        if x.ndim != 2 or x.shape[1] != self.in_features:
            raise InputError(f"logic layer: signals have shape {list(x.shape)}; it reads [batch, {self.in_features}]")
        return gates(x.t().contiguous(), self.a, self.b, collapse(self.corners())).t()

    def corners(self) -> Tensor:
        """Corners [out_features, 4] that the layer computes with in its present mode (see `parametrization`)."""
        if self.training:
            return ESTIMATORS[self.estimator](self._gates, self.weight, self.temperature)
        return self.soft_corners() if self.soft else self._gates.hard(self.weight)

    def soft_corners(self) -> Tensor:
        """Soft corners [out_features, 4], without noise."""
        return soft(self._gates, self.weight, self.temperature)

    def tables(self) -> Tensor:
        """Truth table ids of the discrete gates, uint8 [out_features]."""
        f00, f01, f10, f11 = self._gates.hard(self.weight).to(torch.uint8).unbind(1)
        return 8 * f00 + 4 * f01 + 2 * f10 + f11

    def config(self) -> dict[str, Any]:
        """The arguments that make a layer of this kind; its state_dict holds the rest."""
        names = ("in_features", "out_features", "parametrization", "estimator", "temperature", "init", "init_shift")
        return {name: getattr(self, name) for name in (*names, "wiring", "lanes", "seed")}

    def extra_repr(self) -> str:
        """The arguments, for print."""
        return ", ".join(f"{name}={value!r}" for name, value in self.config().items())


class GroupSum(nn.Module):
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

    def __init__(self, in_features: int, classes: int, tau: float = 1.0, beta: float = 0.0) -> None:
        super().__init__()
        head = network.GroupSum(in_features, classes, tau, beta)  # refuses what is not legal
        self.in_features = in_features
        self.classes = classes
        self.register_buffer("tau", torch.tensor(head.tau, dtype=torch.float32))
        self.register_buffer("beta", torch.tensor(head.beta, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """Logits [batch, classes] of signals [batch, in_features]."""
        return (self.scores(x) + self.beta) / self.tau

    def scores(self, x: Tensor) -> Tensor:
        """Sums [batch, classes] of signals [batch, in_features]; whole numbers when the signals are bits."""
        return x.reshape(len(x), self.classes, self.in_features // self.classes).sum(2)

    def extra_repr(self) -> str:
        """The arguments, for print."""
        tau, beta = float(self.tau), float(self.beta)
        return f"in_features={self.in_features}, classes={self.classes}, tau={tau:g}, beta={beta:g}"


def _choose(what: str, name: str, choices: Any) -> None:
    if name not in choices:
        raise InputError(f"logic layer: {what} is {name!r}, not one of {', '.join(choices)}")
