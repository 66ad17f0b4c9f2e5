"""What of training on a GPU can be tested without one.

Fake tensors have a device and no values, so an operation on tensors of two devices fails, as on a GPU: nothing stays
behind on the CPU. And Triton's interpreter executes the GPU's kernels in whole trainings, which go as on a CPU.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from lgn_edge.nn import soft_evaluation
from lgn_edge.nn.kernels import cpu, gpu
from lgn_edge.training import Dataset, load_dataset, load_recipe, plan_training, train
from lgn_edge.training.build import build_model
from lgn_edge.training.samples import augmented
from tests.thinning import exhaustive

DEVICE = "meta"  # any but the CPU; torch computes there, as it has no kernels of ours


@pytest.mark.parametrize(("shift", "flip"), [(1, False), (0, True)])
def test_augmentation(shift: int, flip: bool) -> None:
    with FakeTensorMode():
        x = torch.zeros(5, 12, device=DEVICE, dtype=torch.uint8)
        assert augmented(x, (3, 4), shift, flip).device.type == DEVICE


@pytest.mark.parametrize("estimator", ["soft", "hard", "gumbel"])
@pytest.mark.parametrize(
    "settings",
    [
        ["parametrization=light"],
        ["parametrization=raw"],
        ["parametrization=walsh"],
        ["wiring=learned"],
        ["wiring=learned-aligned"],
        ["kind=lookup", "layers.0.arity=4"],
        ["threshold_rate=0.1"],
        ["precision=bfloat16"],
    ],
)
def test_a_step_and_an_evaluation(settings: list[str], estimator: str) -> None:
    recipe = load_recipe("digits", ["widths=[320, 320]", *settings, f"estimator={estimator}"])
    model = build_model(recipe, load_dataset("digits"))
    with FakeTensorMode(allow_non_fake_inputs=True):
        model._apply(lambda tensor: torch.empty_like(tensor, device=DEVICE))
        x = torch.zeros(7, 64, dtype=torch.uint8, device=DEVICE)
        logits = model.train()(x)
        torch.nn.functional.cross_entropy(logits, torch.zeros(7, dtype=torch.int64, device=DEVICE)).backward()
        for layer in model.logic:
            if layer.choice:
                layer.choice.redraw(0.3)
        assert model.eval().predict(x).device.type == DEVICE
        with soft_evaluation(model):
            assert model.scores(x).device.type == DEVICE
    assert all(parameter.grad.device.type == DEVICE for parameter in model.parameters())


@pytest.mark.skipif(gpu.missing() is not None, reason=f"no kernels for a GPU: {gpu.missing()}")
@pytest.mark.skipif(os.environ["TRITON_INTERPRET"] != "1", reason="TRITON_INTERPRET is not 1")
@pytest.mark.parametrize(
    "settings",
    [
        {"estimator": "soft"},
        {"estimator": "hard", "wiring": "learned", "candidates": 3, "redraw": 0.34},
        pytest.param({"kind": "lookup", "arity": 3, "init": "gaussian", "threshold_rate": 0.01}, marks=exhaustive),
        {"estimator": "hard", "precision": "bfloat16"},
        pytest.param({"estimator": "gumbel"}, marks=exhaustive),
    ],
)
def test_trains_with_the_kernels_of_a_gpu(
    settings: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As torch does; with noise, which kernels draw in another way, as another run by them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 5)).astype(np.float32)
    y = ((x[:, 0] > 0) != (x[:, 1] > 0)).astype(np.int64)
    data = Dataset("xor", x[:110], y[:110], x[110:], y[110:], ("same", "different"), "float32")
    small = load_recipe("digits").changed({"widths": (12, 6), "levels": 1, "tau": 1.0, "epochs": 2, "batch": 33})
    recipe = small.changed(settings)
    noise = settings.get("estimator") == "gumbel"
    monkeypatch.setattr(gpu, "usable", lambda _: noise)
    with cpu.switched_off():
        expected = train(recipe, data=data, output=tmp_path / "expected", progress=False)
    monkeypatch.setattr(gpu, "usable", lambda _: True)
    assert plan_training(recipe, data).kernels == "triton"
    found = train(recipe, data=data, output=tmp_path / "triton", progress=False)
    for row, other in zip(found.history, expected.history, strict=True):
        assert row.loss == pytest.approx(other.loss, rel=1e-5)
