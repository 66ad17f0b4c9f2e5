"""A network with every kind of layer, for tests of what torch does with modules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lgn_edge.nn import GroupSum, LogicConv2d, LogicDense, LogicGateNetwork, LookupDense, OrPool2d, Threshold
from lgn_edge.nn.kernels import cpu

ROOT = Path(__file__).parents[2]
ESTIMATORS = ("soft", "hard")
TRACE_IS_OLD = "ignore:`torch.jit:DeprecationWarning"
with_kernels = pytest.mark.skipif(cpu.missing() is not None, reason=f"no compiled kernels: {cpu.missing()}")


def network(estimator: str = "hard", *, wiring: str = "random", parametrization: str = "light") -> LogicGateNetwork:
    encoder = Threshold(6, np.arange(24) % 6, np.arange(24, dtype=np.float32) / 32)
    options = {"estimator": estimator, "parametrization": parametrization}
    layers = [
        LogicConv2d(1, 3, 3, padding=1, image_size=(4, 6), depth=2, seed=4, **options),
        OrPool2d(2, in_channels=3, image_size=(4, 6)),
        LogicDense(24 + 18, 40, wiring=wiring, candidates=5, seed=1, **options),
    ]
    if parametrization == "light":
        layers.append(LookupDense(40, 40, arity=3, estimator=estimator, seed=2))
    layers.append(LogicDense(40, 30, seed=3, **options))
    reads = [(0,), (1,), (0, 2), *((i,) for i in range(3, len(layers)))]
    return LogicGateNetwork(encoder, layers, GroupSum(30, 3, 2.0, 0.5), reads=reads)


def chain(estimator: str = "hard") -> LogicGateNetwork:
    """A network whose layers read the one before, as those of a Sequential do."""
    encoder = Threshold(6, np.arange(24) % 6, np.arange(24, dtype=np.float32) / 32)
    layers = [
        LogicConv2d(1, 3, 3, padding=1, image_size=(4, 6), depth=2, seed=4, estimator=estimator),
        OrPool2d(2, in_channels=3, image_size=(4, 6)),
        LogicDense(18, 40, seed=1, estimator=estimator),
        LookupDense(40, 30, arity=3, seed=2, estimator=estimator),
    ]
    return LogicGateNetwork(encoder, layers, GroupSum(30, 3, 2.0, 0.5))


def samples(n: int = 37) -> Tensor:
    return torch.rand(n, 6, generator=torch.Generator().manual_seed(n))


def gradients(model: nn.Module, x: Tensor) -> list[Tensor]:
    model.zero_grad()
    y = model(x)
    y.square().sum().backward()
    return [y.detach(), *(parameter.grad.clone() for parameter in model.parameters())]


def equal(got: list[Tensor], expected: list[Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(got, expected, strict=True))
