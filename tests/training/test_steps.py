"""A recorded step goes as steps one by one: bit for bit on a CPU, where it is called as it is.

With a GPU, `TRITON_INTERPRET=0 pytest tests/training/test_steps.py` holds replays of it against calls of it there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from lgn_edge.errors import InputError
from lgn_edge.training import Dataset, loop, replay, train
from lgn_edge.training.processes import Processes
from lgn_edge.training.recipe import Recipe, recipe_from
from lgn_edge.training.steps import OneByOne, Recorded, Subject, steps_of
from tests.thinning import few
from tests.training.runs import RECIPE, dataset, files
from tests.training.test_images import SMALL, bars

DEVICE = "cpu" if os.environ["TRITON_INTERPRET"] == "1" else "cuda"
IMAGES = recipe_from(SMALL).changed({"epochs": 3, "device": DEVICE})  # 360 samples in batches of 32: the last has 8
XOR = RECIPE.changed({"epochs": 3, "device": DEVICE})
LEARNED = {"wiring": "learned", "candidates": 4, "redraw": 0.3, "choice_temperature_end": 0.2}
WHOLE = {"validation": 0.2, "batch": 64}
CASES: dict[str, tuple[Recipe, Dataset]] = {
    "straight-through": (XOR, dataset()),
    "soft": (XOR.changed({"estimator": "soft", "parametrization": "raw", "optimizer": "adamw"}), dataset()),
    "noise": (XOR.changed({"estimator": "gumbel", "batch": 33}), dataset()),
    "learned wiring": (XOR.changed({"levels": 2, **LEARNED}), dataset()),
    # torch adds the gradients of thresholds in an order that depends on the batch, so here none is filled up.
    "learned thresholds": (XOR.changed({"threshold_rate": 0.1, "schedule": "constant", **WHOLE}), dataset()),
    "some layers learn to the end": (XOR.changed({"layers.0.learns_until": 0.5, "layers.0.rate": 0.3}), dataset()),
    "convolutions": (IMAGES.changed({"layers.0.revive_until": 0.7}), bars()),
    "images that change": (IMAGES.changed({"shift": 1, "flip": True}), bars()),
}


@pytest.mark.parametrize("case", few(CASES, "straight-through", "learned wiring", "images that change"))
def test_learns_as_one_by_one(case: tuple[Recipe, Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(name: str) -> dict[str, bytes]:
        train(case[0], data=case[1], output=tmp_path / name, progress=False)
        return files(tmp_path / name)

    if DEVICE == "cpu":
        assert isinstance(steps_of(subject(case[0], case[1])), OneByOne)
        expected = run("one by one")
        monkeypatch.setattr(loop, "steps_of", Recorded)
        assert run("recorded") == expected
        return
    expected = run("replayed")
    monkeypatch.setattr(replay, "_WARM", 2**31)
    assert run("called") == expected


def subject(recipe: Recipe, data: Dataset) -> Subject:
    run = loop._Run(recipe, data, Path(), Processes())
    return run.steps.subject


@pytest.mark.skipif(DEVICE == "cuda", reason="a step is changed, which a graph does not see")
def test_a_model_stays_as_it_was_when_a_loss_is_not_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the message tells the step, and where it is."""
    recorded = Recorded(subject(XOR.changed({"estimator": "soft"}), dataset()))
    model = recorded.subject.model.train()
    taken: list[dict[str, Any]] = []
    step = torch.optim.Adam.step

    def broken(self: torch.optim.Adam) -> None:
        step(self)
        if len(taken) == 1:
            with torch.no_grad():
                model.layers[1].weight[3, 2] = float("nan")
        taken.append({name: value.clone() for name, value in model.state_dict().items()})

    monkeypatch.setattr(torch.optim.Adam, "step", broken)
    message = r"not finite in epoch 1, step 3 \(layer 1 has a weight that is not finite\)"
    with pytest.raises(InputError, match=message):
        recorded.epoch(1)
    assert len(taken) == 12
    assert not torch.equal(taken[0]["layers.0.weight"], taken[1]["layers.0.weight"])
    for name, value in taken[1].items():
        assert torch.equal(value.nan_to_num(), taken[-1][name].nan_to_num())
