"""The GPU's kernels between weights and coefficients against the parametrisations and estimators that define them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lgn_edge.nn import LogicDense, LookupDense
from lgn_edge.nn.estimator import hard, soft
from lgn_edge.nn.gate_layer import made_at_once
from lgn_edge.nn.gates import collapse
from lgn_edge.nn.kernels import gpu_operators
from lgn_edge.nn.parametrization import PARAMETRIZATIONS
from lgn_edge.nn.rows import Rows
from tests.nn.gpu_kernels import DEVICE, with_triton
from tests.thinning import combinations, exhaustive, few

pytestmark = with_triton
KINDS = tuple(PARAMETRIZATIONS)
NOISY = tuple(kind for kind in KINDS if kind != "light-sine")


def temperature(kind: str) -> float:
    return 1.0 if kind == "light-sine" else 1.7


def weights(kind: str, gates: int) -> Tensor:
    return 2 * torch.randn(gates, PARAMETRIZATIONS[kind].numbers, generator=torch.Generator().manual_seed(0))


def computed(weight: Tensor, kind: str, *, seed: int | None = None, discrete: bool = False) -> Tensor:
    draw = None if seed is None else torch.tensor([seed], device=DEVICE)
    found: Tensor = gpu_operators.coefficients(weight, draw, kind, temperature(kind), discrete)
    return found


@pytest.mark.parametrize(
    ("kind", "discrete", "gates"), combinations(KINDS, {"soft": False, "discrete": True}, {"130": 130, "1": 1, "0": 0})
)
def test_is_the_definition(kind: str, discrete: bool, gates: int) -> None:
    weight = weights(kind, gates)
    weight[: gates // 4] = weight[: gates // 4].round()  # equal logits, and zeros
    mine, exact = weight.clone().to(DEVICE).requires_grad_(), weight.double().requires_grad_()
    estimator = hard if discrete else soft
    got = computed(mine, kind, discrete=discrete)
    expected = collapse(estimator(PARAMETRIZATIONS[kind], exact, temperature(kind)))
    gradient = torch.randn(gates, 4, generator=torch.Generator().manual_seed(1))
    got.backward(gradient.to(DEVICE))
    expected.backward(gradient.double())
    assert mine.grad is not None
    assert exact.grad is not None
    if discrete:
        assert torch.equal(got.cpu().double(), expected)
    torch.testing.assert_close(got.cpu().double(), expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(mine.grad.cpu().double(), exact.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", few(NOISY, "light"))
def test_noise_makes_samples_of_the_soft_gate(kind: str) -> None:
    gates = 2_000
    weight = weights(kind, 1).expand(gates, -1).contiguous().to(DEVICE)
    drawn = computed(weight, kind, seed=3, discrete=True).mean(0).cpu()
    expected = collapse(PARAMETRIZATIONS[kind].soft(weight[:1].cpu()))[0]  # at temperature 1
    assert (drawn - expected).abs().max() < 0.09  # of 2,000 draws four deviations of the widest coefficient
    some = weight[:20]
    assert torch.equal(computed(some, kind, seed=3), computed(some, kind, seed=3))
    assert not torch.equal(computed(some, kind, seed=3), computed(some, kind, seed=4))


@pytest.mark.parametrize("kind", few(NOISY, "light"))
def test_the_gradient_has_the_noise_of_the_value(kind: str) -> None:
    """By finite differences: with other noise they would be another gate's."""
    step = 2.0**-6
    weight = weights(kind, 50).to(DEVICE)
    leaf = weight.clone().requires_grad_()
    along = torch.randn(50, 4, generator=torch.Generator().manual_seed(2)).to(DEVICE)
    (computed(leaf, kind, seed=5) * along).sum().backward()
    assert leaf.grad is not None
    for i in range(weight.shape[1]):
        moved = torch.zeros_like(weight)
        moved[:, i] = step
        up, down = (computed(weight + sign * moved, kind, seed=5) for sign in (1, -1))
        slope = ((up - down) * along).sum(1) / (2 * step)
        torch.testing.assert_close(leaf.grad[:, i], slope, rtol=0, atol=2e-3)


@pytest.mark.parametrize("estimator", ["soft", "hard", "soft-gumbel", "gumbel"])
def test_a_layer_of_rows_has_them(estimator: str) -> None:
    layer = LogicDense(5, 7, estimator=estimator, seed=1).to(DEVICE)
    rows = Rows.pack(torch.zeros(3, 5, dtype=torch.bool, device=DEVICE))
    noisy = not torch.equal(layer.coefficients(rows), layer.coefficients(rows))
    assert noisy == ("gumbel" in estimator)
    discrete = layer.coefficients(rows)
    assert torch.equal(discrete, discrete.round()) == (estimator in ("hard", "gumbel"))
    layer.eval()
    assert torch.equal(layer.coefficients(rows).cpu(), collapse(layer.hard_corners()).cpu())


def test_layers_alike_are_made_at_once() -> None:
    """Each has the coefficients and the gradient that it has alone."""
    kinds = [{}, {"estimator": "hard"}, {"parametrization": "raw"}, {"estimator": "hard"}, {}, {"estimator": "gumbel"}]
    layers = [LogicDense(5, 7 + i, seed=i, **kind).to(DEVICE) for i, kind in enumerate(kinds)]
    made = made_at_once([*layers, LookupDense(5, 6, arity=3).to(DEVICE)])
    assert len(made) == len(layers)
    rows = Rows.pack(torch.zeros(3, 5, dtype=torch.bool, device=DEVICE), made=made)
    for layer in layers:
        assert layer.coefficients(rows) is made[layer.weight]
    along = [torch.linspace(-1, 1, made[layer.weight].numel(), device=DEVICE).reshape(-1, 4) for layer in layers]
    sum((made[layer.weight] * each).sum() for layer, each in zip(layers, along, strict=True)).backward()
    alone = Rows.pack(torch.zeros(3, 5, dtype=torch.bool, device=DEVICE))
    for layer, each in zip(layers[:-1], along, strict=False):  # the last one has other noise alone
        weight = layer.weight
        together, weight.grad = weight.grad, None
        mine = layer.coefficients(alone)
        assert torch.equal(mine, made[weight])
        (mine * each).sum().backward()
        assert torch.equal(weight.grad, together)


COMPILE = """
from tests.nn.machine_code import compiled

TYPES = dict.fromkeys(("w", "c", "gc", "gw"), "*fp32") | {"seed": "*i64", "temperature": "fp32"}
NOISY = [(kind, noise) for kind in ("light", "walsh", "raw") for noise in (False, True)]

for capability in (80, 90):
    for kind, noise in [("light-sine", False), *NOISY]:
        sizes = {"KIND": kind, "NOISE": noise, "GATES": 128}
        for discrete in (False, True):
            compiled("coefficients", TYPES, sizes | {"DISCRETE": discrete}, capability, warps=4)
        code = compiled("weight_gradient", TYPES, sizes, capability, warps=4)
        assert not code.atomics, code
"""


@exhaustive
def test_compiles_to_machine_code_that_spills_nothing(tmp_path: Path) -> None:
    environment = {"TRITON_INTERPRET": "0", "TRITON_DUMP_PTXAS_LOG": "1", "TRITON_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", COMPILE]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    registers = [int(number) for number in re.findall(r"Used (\d+) registers", done.stdout)]
    assert len(registers) == 2 * 7 * 3
    assert max(registers) <= 64  # so that an SM has a thousand threads under way
    assert set(re.findall(r"(\d+) bytes spill stores", done.stdout)) == {"0"}
