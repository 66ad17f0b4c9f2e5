"""How a gate is written in learnable numbers: each parametrisation turns its weights into four corners a gate.

Corners are `[gates, 4]` in the order f(0,0), f(0,1), f(1,0), f(1,1); soft corners lie in [0, 1], hard corners are
exactly 0 or 1 and are the truth table of the discrete gate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lgn_edge.errors import InputError


class Parametrization(Protocol):
    """A way to write gates in numbers."""

    @property
    def numbers(self) -> int:
        """Learnable numbers a gate."""

    def soft(self, weight: Tensor) -> Tensor:
        """Differentiable corners [gates, 4] of weights [gates, numbers]."""

    def hard(self, weight: Tensor) -> Tensor:
        """Corners of the discrete gates, exactly 0 or 1, without gradient."""

    def noise(self, weight: Tensor) -> Tensor:
        """Noise of the shape of `weight` with which `hard(weight + noise)` is a sample of the soft gate.

        Raises:
            InputError: the weights are not logits, so no such noise exists.
        """


@dataclass(frozen=True)
class Light:
    """A logit for each corner: f = sigmoid(w), discrete where w > 0 (light DLGN, arXiv 2510.03250)."""

    numbers: int = 4

    def soft(self, weight: Tensor) -> Tensor:
        """`sigmoid(w)`."""
        return weight.sigmoid()

    def hard(self, weight: Tensor) -> Tensor:
        """`w > 0`; 0 gives 0."""
        return (weight.detach() > 0).to(weight.dtype)

    def noise(self, weight: Tensor) -> Tensor:
        """Logistic noise, the difference of two Gumbel draws: `P(w + noise > 0) = sigmoid(w)`."""
        return _gumbel(weight) - _gumbel(weight)


@dataclass(frozen=True)
class LightSine:
    """An angle for each corner: f = 0.5 + 0.5 sin(w), discrete if sin(w) > 0 (arXiv 2510.03250, SIN01 in its code)."""

    numbers: int = 4

    def soft(self, weight: Tensor) -> Tensor:
        """`0.5 + 0.5 sin(w)`."""
        return 0.5 + 0.5 * weight.sin()

    def hard(self, weight: Tensor) -> Tensor:
        """`sin(w) > 0`; 0 gives 0."""
        return (_exact(weight).sin() > 0).to(weight.dtype)

    def noise(self, weight: Tensor) -> Tensor:
        """An angle is no logit."""
        raise InputError(
            "logic layer: light-sine has no gumbel estimator, because its weights are angles;"
            " choose estimator soft or hard, or parametrization light"
        )


@dataclass(frozen=True)
class Walsh:
    """Walsh coefficients w of 1, a, b, ab: f = sigmoid(-s) with s = w0 + wa a' + wb b' + wab a' b', x' = 1 - 2x (WARP).

    Discrete where s < 0. WARP puts real inputs into s; here s is taken at the corners and gates interpolate between
    them, as for every parametrisation. On bits that is the same.
    """

    numbers: int = 4

    def soft(self, weight: Tensor) -> Tensor:
        """`sigmoid(-s)`."""
        return (-self._sums(weight)).sigmoid()

    def hard(self, weight: Tensor) -> Tensor:
        """`s < 0`; 0 gives 0."""
        return (self._sums(_exact(weight)) < 0).to(weight.dtype)

    def noise(self, weight: Tensor) -> Tensor:
        """The coefficients of logistic noise on each s."""
        return self._sums(_gumbel(weight) - _gumbel(weight)) / 4

    def _sums(self, weight: Tensor) -> Tensor:
        """The Walsh-Hadamard transform, which is its own inverse times 4: s at the corners 00, 01, 10, 11."""
        return _product(weight, _HADAMARD)


@dataclass(frozen=True)
class Raw:
    """A logit for each of the sixteen gates: corners are expected values under softmax(w) (Petersen et al. 2022).

    The discrete gate is the largest logit, the lowest id among equals.
    """

    numbers: int = 16

    def soft(self, weight: Tensor) -> Tensor:
        """`softmax(w) @ truth tables`."""
        return _product(weight.softmax(1), _TRUTH_TABLES)

    def hard(self, weight: Tensor) -> Tensor:
        """The truth table of `argmax(w)`."""
        return torch.from_numpy(_TRUTH_TABLES).to(weight)[weight.detach().argmax(1)]

    def noise(self, weight: Tensor) -> Tensor:
        """Gumbel noise: `argmax(w + noise)` is distributed as softmax(w) (arXiv 2506.07500)."""
        return _gumbel(weight)


def _exact(weight: Tensor) -> Tensor:
    """Weights without gradient in float32, or float64: a gate is the same whatever type they are kept in."""
    return weight.detach().to(torch.promote_types(weight.dtype, torch.float32))


def _product(numbers: Tensor, matrix: NDArray[np.int64]) -> Tensor:
    """`numbers @ matrix` in the dtype of the numbers, in autocast too: gates are not computed in lower precision."""
    kind = numbers.device.type
    factor = torch.from_numpy(matrix).to(numbers)
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        with torch.autocast(kind, enabled=False):
            return numbers @ factor
    return numbers @ factor


def _gumbel(like: Tensor) -> Tensor:
    smallest = torch.finfo(like.dtype).tiny
    return -torch.empty_like(like, requires_grad=False).exponential_().clamp_min_(smallest).log_()


# Row i holds the corners of gate i, whose id is 8*f(0,0) + 4*f(0,1) + 2*f(1,0) + f(1,1).
_TRUTH_TABLES: Final = np.array([[i >> 3 & 1, i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(16)])

# Rows are w0, wa, wb, wab, columns the corners.
_HADAMARD: Final = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]])

PARAMETRIZATIONS: Final[dict[str, Parametrization]] = {
    "light": Light(),
    "light-sine": LightSine(),
    "raw": Raw(),
    "walsh": Walsh(),
}
