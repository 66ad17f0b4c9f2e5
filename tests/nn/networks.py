"""A network with every kind of layer, for tests of what torch does with modules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, LookupDense, Threshold
from lgn_edge.nn.kernels import cpu

ROOT = Path(__file__).parents[2]
ESTIMATORS = ("soft", "hard")
TRACE_IS_OLD = "ignore:`torch.jit:DeprecationWarning"
with_kernels = pytest.mark.skipif(cpu.missing() is not None, reason=f"no compiled kernels: {cpu.missing()}")


def network(estimator: str = "hard", *, wiring: str = "random", parametrization: str = "light") -> LogicGateNetwork:
    encoder = Threshold(6, np.arange(24) % 6, np.arange(24, dtype=np.float32) / 32)
    options = {"estimator": estimator, "parametrization": parametrization}
    layers = [LogicDense(24, 40, wiring=wiring, candidates=5, seed=1, **options)]
    if parametrization == "light":
        layers.append(LookupDense(40, 40, arity=3, estimator=estimator, seed=2))
    return LogicGateNetwork(encoder, [*layers, LogicDense(40, 30, seed=3, **options)], GroupSum(30, 3, 2.0, 0.5))


def samples(n: int = 37) -> Tensor:
    return torch.rand(n, 6, generator=torch.Generator().manual_seed(n))


def gradients(model: nn.Module, x: Tensor) -> list[Tensor]:
    model.zero_grad()
    y = model(x)
    y.square().sum().backward()
    return [y.detach(), *(parameter.grad.clone() for parameter in model.parameters())]


def equal(got: list[Tensor], expected: list[Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(got, expected, strict=True))
