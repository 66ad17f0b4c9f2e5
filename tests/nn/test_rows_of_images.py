"""Convolutions and pools on a GPU against their definition (see `test_rows.py`)."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lgn_edge.nn import GroupSum, LogicConv2d, LogicDense, LogicGateNetwork, OrPool2d, Threshold
from lgn_edge.nn.gates import collapse
from lgn_edge.nn.kernels import gpu
from lgn_edge.nn.rows import Rows
from lgn_edge.nn.trees import Trees
from tests.nn.images import choosing, gradients, trees, trees_and_pool
from tests.thinning import exhaustive

pytestmark = [
    exhaustive,
    pytest.mark.skipif(gpu.missing() is not None, reason=f"no kernels for a GPU: {gpu.missing()}"),
]

DEVICE = "cpu" if os.environ["TRITON_INTERPRET"] == "1" else "cuda"


@settings(max_examples=settings().max_examples // 3)  # the interpreter is slow
@given(trees(most=2), st.sampled_from([0, 1, 31, 33, 130]), st.booleans(), st.integers(0, 2**31))
def test_kernels_are_the_definition(case: Trees, batch: int, bits: bool, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    kernels, leaves, _ = case.leaf.shape
    x = torch.rand(batch, case.window.n_inputs, generator=generator, dtype=torch.float64)
    corners = torch.rand(kernels * (leaves - 1), 4, generator=generator, dtype=torch.float64)
    if bits:
        x, corners = (x > 0.5).double(), (corners > 0.5).double()
    there = replace(case, leaf=case.leaf.to(DEVICE))

    def fast(x: Tensor, corners: Tensor) -> Tensor:
        x, coefficients = x.float().to(DEVICE), collapse(corners.float().to(DEVICE))
        if bits:
            return Rows.pack(x).bit_trees(there, coefficients).tensor().cpu()
        return Rows(batch, x.t()).trees(there, coefficients).tensor().cpu()

    def definition(x: Tensor, corners: Tensor) -> Tensor:
        return trees_and_pool(case, x, collapse(corners))

    (got, *slopes), (expected, *their_slopes) = (gradients(f, x, corners) for f in (fast, definition))
    assert torch.equal(got, expected.float()) if bits else torch.allclose(got.double(), expected, atol=1e-6)
    for slope, theirs in zip(slopes, their_slopes, strict=True):
        torch.testing.assert_close(slope, theirs, rtol=1e-3, atol=1e-3)


@settings(max_examples=settings().max_examples // 5)
@given(trees(most=2), st.sampled_from([0, 1, 33, 130]), st.sampled_from([2, 3, 17]), st.integers(0, 2**31))
def test_choices_are_the_definition(case: Trees, batch: int, k: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    case, share = choosing(case, k, seed)
    assert case.candidates is not None
    kernels, leaves, _ = case.leaf.shape
    x = (torch.rand(batch, case.window.n_inputs, generator=generator) > 0.5).double()
    corners = (torch.rand(kernels * (leaves - 1), 4, generator=generator) > 0.5).double()
    there = replace(case, leaf=case.leaf.to(DEVICE), candidates=case.candidates.to(DEVICE))

    def fast(x: Tensor, corners: Tensor, share: Tensor) -> Tensor:
        x, corners, share = (part.float().to(DEVICE) for part in (x, corners, share))
        return Rows.pack(x).bit_trees(there, collapse(corners), share).tensor().cpu()

    def definition(x: Tensor, corners: Tensor, share: Tensor) -> Tensor:
        return trees_and_pool(case, x, collapse(corners), share)

    (got, *slopes), (expected, *their_slopes) = (gradients(f, x, corners, share) for f in (fast, definition))
    assert torch.equal(got, expected.float())
    for slope, theirs in zip(slopes, their_slopes, strict=True):
        torch.testing.assert_close(slope, theirs, rtol=1e-3, atol=1e-3)


@exhaustive
@pytest.mark.parametrize(("estimator", "precision"), [("soft", torch.float32), ("hard", torch.bfloat16)])
def test_networks_have_torchs_gradients(
    estimator: str, precision: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    gates = {"estimator": estimator, "init": "gaussian"}
    layers = [
        LogicConv2d(2, 3, 2, padding=1, image_size=(5, 3), seed=1, root="gaussian", **gates),
        OrPool2d(2, in_channels=3, image_size=(6, 4)),
        LogicConv2d(3, 2, 2, image_size=(3, 2), seed=2, depth=2, root="gaussian", **gates),
        LogicDense(30 + 18 + 4, 12, seed=3, **gates),
    ]
    reads = [(0,), (1,), (2,), (0, 2, 3)]
    model = LogicGateNetwork(Threshold.bits(30), layers, GroupSum(12, 3, 2.0, 0.5), reads=reads).train().to(DEVICE)
    model.precision = precision
    bits = (torch.rand(35, 30, generator=torch.Generator().manual_seed(3)) > 0.5).to(DEVICE)

    def run(triton: bool) -> list[Tensor]:
        monkeypatch.setattr(gpu, "usable", lambda _: triton)
        assert model.kernels("cuda") == ("triton" if triton else "torch")
        model.zero_grad()
        loss = torch.nn.functional.cross_entropy(model.logits(bits), torch.arange(35, device=DEVICE) % 3)
        loss.backward()
        return [loss.detach(), *(parameter.grad.clone() for parameter in model.parameters())]

    fast = run(True)
    assert all(torch.equal(one, other) for one, other in zip(fast, run(True), strict=True))  # no sum has two orders
    bound = 2e-6 if precision == torch.float32 else 2e-3  # where two orders of a gate's terms round differently
    for one, other in zip(fast, run(False), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4 if precision == torch.float32 else 2e-2, atol=bound)
