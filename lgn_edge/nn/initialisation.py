"""First weights of a layer.

- residual: near the gate "a" with some noise, so that signals and gradients pass a deep network unharmed
  (Petersen et al. 2024, section 3.1). light: logits N(-3, 0.25), N(-3, 0.25), N(3, 0.25), N(3, 0.25);
  light-sine: angles around -+1.2 (arXiv 2510.03250, its code: shifts of 3 and 1.2, sigma 0.25); raw: logit 5 on gate 3
  and 0 elsewhere, plus N(0, 0.25) so that equal gates need not stay equal; walsh: as light, in its coefficients.
- and: as residual, near the gate "a AND b"; for the last gates of a convolution's trees.
- gaussian: light and light-sine N(0, 0.25), walsh as light, raw N(0, 1) (Petersen et al. 2022).
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from lgn_edge.network.truth_table import AND as AND_GATE
from lgn_edge.network.truth_table import PASS_A

INITIALISATIONS: Final = ("residual", "gaussian")
AND: Final = "and"

_NOISE: Final = 0.25
_SHIFT: Final = {"light": 3.0, "light-sine": 1.2, "raw": 5.0, "walsh": 3.0}


def initial_weight(
    init: str,
    parametrization: str,
    gates: int,
    numbers: int,
    generator: torch.Generator | None,
    shift: float = 0.0,
) -> Tensor:
    """First weights, float32 [gates, numbers].

    Args:
        init: one of `INITIALISATIONS`, or `AND` for gates of two inputs.
        parametrization: a key of `PARAMETRIZATIONS`.
        gates: gates of the layer.
        numbers: learnable numbers a gate.
        generator: source of randomness.
        shift: distance of a residual gate's weights from 0; 0 takes the values above. A small one lets discrete gates
            under straight-through estimators change after fewer steps.
    """
    normal = torch.randn(gates, numbers, generator=generator)
    noise = _NOISE * normal
    if parametrization == "walsh":
        noise /= 2  # a corner adds four coefficients
    if init == "gaussian":
        return normal if parametrization == "raw" else noise
    direction = _and(parametrization) if init == AND else _pass_a(parametrization, numbers)
    return (shift or _SHIFT[parametrization]) * direction + noise


def _pass_a(parametrization: str, numbers: int) -> Tensor:
    """The direction of the gate that passes a on."""
    if parametrization in ("light", "light-sine"):
        return torch.tensor([-1.0, 1.0]).repeat_interleave(numbers // 2)
    direction = torch.zeros(numbers)
    direction[1 if parametrization == "walsh" else PASS_A] = 1.0
    return direction


def _and(parametrization: str) -> Tensor:
    """The direction of the gate AND of two inputs."""
    if parametrization == "raw":
        return one_hot(torch.tensor(AND_GATE), 16).float()
    if parametrization == "walsh":
        return torch.tensor([0.5, 0.5, 0.5, -0.5])  # the sums at the corners are 1, 1, 1, -1
    return torch.tensor([-1.0, -1.0, -1.0, 1.0])
