"""A recorded step goes as steps one by one: bit for bit on a CPU, where it is called as it is.

With a GPU, `TRITON_INTERPRET=0 pytest tests/training/test_steps.py` holds replays of it against calls of it there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from lgn_edge.errors import InputError
from lgn_edge.nn.kernels import gpu
from lgn_edge.training import Dataset, loop, replay, train
from lgn_edge.training.processes import Processes
from lgn_edge.training.recipe import Recipe, recipe_from
from lgn_edge.training.steps import OneByOne, Recorded, Subject, steps_of
from tests.nn.gpu_kernels import with_triton
from tests.thinning import exhaustive, few
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


VIEWS = {
    *("view", "_unsafe_view", "t", "transpose", "unbind", "expand", "detach", "select", "slice", "split", "alias"),
    *("unsqueeze", "squeeze", "as_strided", "split_with_sizes", "empty", "new_empty", "empty_like", "empty_strided"),
}


class Operators(TorchDispatchMode):
    """Names of torch's operators that compute; a kernel on a GPU, each of them."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has none
        self.names: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        space, name = str(function).split(".")[:2]
        if space == "aten" and name not in VIEWS:
            self.names.append(name)
        return function(*args, **(kwargs or {}))


@with_triton
@exhaustive
@pytest.mark.skipif(DEVICE == "cuda", reason="kernels are counted where the interpreter executes them")
@pytest.mark.parametrize("settings", [{"estimator": "soft", "parametrization": "raw"}, {"estimator": "gumbel"}])
def test_a_step_of_six_layers_launches_forty_kernels_at_most(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "usable", lambda _: True)
    launched: list[str] = []
    launch = gpu.launch

    def counted(name: str, *arguments: Any, **sizes: Any) -> None:
        launched.append(name)
        with _disable_current_modes():
            launch(name, *arguments, **sizes)

    monkeypatch.setattr(gpu, "launch", counted)
    recorded = Recorded(subject(XOR.changed({"widths": [12] * 6, **settings}), dataset()))
    recorded.subject.model.train()
    recorded._begin(torch.arange(len(recorded.subject.samples)), recorded.progress(1))
    recorded._step()
    launched.clear()
    with Operators() as torchs:
        recorded._step()
    assert launched.count("coefficients") == launched.count("weight_gradient") == 1
    assert len(launched) + len(torchs.names) <= 40, (launched, torchs.names)
