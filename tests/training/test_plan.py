"""What a run takes is known, and refused where it does not fit, before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lgn_edge.errors import InputError
from lgn_edge.nn import LogicGateNetwork
from lgn_edge.nn.kernels import cpu
from lgn_edge.training import (
    loop,
    plan_training,
    train,
)
from tests.training.runs import RECIPE, dataset


def test_a_plan_trains_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plan = plan_training(RECIPE, dataset())
    assert plan.gates == 36
    assert plan.parameters == 4 * 36
    assert plan.steps == 4 * 12
    sizes = {"inputs": 24, "gates": 12, "gates_stored": 12, "outputs": 12, "parameters": 48}
    assert plan.to_json()["layers"][1] == {"kind": "dense", "wiring": "random", **sizes}
    assert set(plan.to_json()["varying"]) == {"0", "1"}
    assert not list(tmp_path.iterdir())
    first = RECIPE.changed({"layers.0.wiring": {"kind": "learned", "candidates": 3}, "layers.1.wiring": "random"})
    assert [layer.wiring for layer in plan_training(first, dataset()).layers] == ["learned", "random"]
    learned = RECIPE.changed({"widths": (24, 12), "wiring": "learned", "candidates": 3})
    assert plan_training(learned, dataset()).parameters == (4 + 2 * 3) * 36


def test_bfloat16_is_half_the_memory_and_learns_the_same(tmp_path: Path) -> None:
    soft = RECIPE.changed({"widths": (48, 24), "estimator": "soft", "epochs": 12, "learning_rate": 0.1})
    half = soft.changed({"precision": "bfloat16"})
    with cpu.switched_off():
        assert plan_training(half, dataset()).sample_bytes * 2 == plan_training(soft, dataset()).sample_bytes
    assert plan_training(half, dataset()).kernels == "torch"
    accuracy = [
        train(recipe, data=dataset(), output=tmp_path / recipe.training.precision, progress=False).metrics[
            "soft_accuracy"
        ]
        for recipe in (soft, half)
    ]
    assert min(accuracy) > 0.75
    assert abs(accuracy[0] - accuracy[1]) < 0.1


def test_refuses_what_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "free_memory", lambda _: 3000)
    with pytest.raises(InputError, match=r"needs about .* of memory and .* are free; no batch fits"):
        train(RECIPE, data=dataset(), output=tmp_path, progress=False)
    plan = plan_training(RECIPE, dataset())
    monkeypatch.setattr(loop, "free_memory", lambda _: plan.memory_bytes - plan.sample_bytes)
    with pytest.raises(InputError, match="choose batch 31 or fewer"):
        train(RECIPE, data=dataset(), output=tmp_path, progress=False)


def test_refuses_a_gpu_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    recipe = RECIPE.changed({"device": "cuda"})
    with pytest.raises(InputError, match="device is cuda, but torch finds no GPU that it can use; set device to cpu"):
        train(recipe, data=dataset(), output=tmp_path, progress=False)


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_says_what_to_do_without_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: RuntimeError) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(LogicGateNetwork, "logits", refuse)
    with pytest.raises(InputError, match="out of memory on cpu in a step of batch 32; choose batch 16 or fewer"):
        train(RECIPE, data=dataset(), output=tmp_path, progress=False)
    one = RECIPE.changed({"batch": 1})
    with pytest.raises(InputError, match="step of batch 1; choose a smaller network"):
        train(one, data=dataset(), output=tmp_path, progress=False)
