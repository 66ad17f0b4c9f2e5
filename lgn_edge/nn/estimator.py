"""Which corners a layer computes with while it trains, and which gradient they carry.

- soft: the real-valued gate itself (Petersen et al. 2022).
- soft-gumbel: as soft, of weights with one draw of noise a gate and forward pass, shared by the batch.
- hard: forward the discrete gate, backward the gradient of the soft one (straight-through).
- gumbel: as hard, of weights with such noise (arXiv 2506.07500).
  For `raw` it is Gumbel noise on the sixteen logits. For `light` it is the equivalent for four independent bits:
  logistic noise on each corner's logit, so each corner is a Bernoulli(sigmoid(w)) sample.

The temperature divides the (noisy) weights in the soft gate only; it does not change the discrete one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from torch import Tensor

from lgn_edge.nn.parametrization import Parametrization

Estimator = Callable[[Parametrization, Tensor, float], Tensor]


def soft(parametrization: Parametrization, weight: Tensor, temperature: float) -> Tensor:
    """Soft corners [gates, 4] of the weights divided by the temperature."""
    return parametrization.soft(weight / temperature)


def hard(parametrization: Parametrization, weight: Tensor, temperature: float) -> Tensor:
    """Discrete corners with the gradient of `soft`."""
    return straight_through(parametrization.hard(weight), soft(parametrization, weight, temperature))


def soft_gumbel(parametrization: Parametrization, weight: Tensor, temperature: float) -> Tensor:
    """`soft` of weights with one draw of noise a gate."""
    return soft(parametrization, weight + parametrization.noise(weight), temperature)


def gumbel(parametrization: Parametrization, weight: Tensor, temperature: float) -> Tensor:
    """`hard` of weights with one draw of noise a gate."""
    return hard(parametrization, weight + parametrization.noise(weight), temperature)


def straight_through(value: Tensor, gradient: Tensor) -> Tensor:
    """Exactly `value` forward (where `gradient` is finite), the gradient of `gradient` backward."""
    return value + (gradient - gradient.detach())


ESTIMATORS: Final[dict[str, Estimator]] = {"soft": soft, "soft-gumbel": soft_gumbel, "hard": hard, "gumbel": gumbel}
DISCRETE: Final = ("hard", "gumbel")  # whose corners are exactly 0 or 1
