"""That no tensor stays behind on the CPU, where training runs on another device.

Fake tensors have a device and no values: an operation on tensors of two devices fails, as on a GPU.
"""

from __future__ import annotations

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from lgn_edge.nn import soft_evaluation
from lgn_edge.training import load_dataset, load_recipe
from lgn_edge.training.build import build_model
from lgn_edge.training.samples import augmented

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
        ["arity=4"],
        ["threshold_rate=0.1"],
        ["precision=bfloat16"],
    ],
)
def test_a_step_and_an_evaluation(settings: list[str], estimator: str) -> None:
    recipe = load_recipe("digits", ["widths=[320, 320]", f"estimator={estimator}", *settings])
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
