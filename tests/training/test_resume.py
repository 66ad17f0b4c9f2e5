"""A run that was cut off ends as if it had not been; what cannot be resumed is refused, with the way on."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import lgn_edge
from lgn_edge.errors import InputError
from lgn_edge.files import _MARK
from lgn_edge.training import Dataset, loop, train
from tests.training.runs import RECIPE, CutOffError, cut_off_after, dataset, files


@pytest.mark.parametrize("estimator", ["hard", "gumbel"])  # without and with noise while training
def test_resumes_bit_exactly(tmp_path: Path, estimator: str) -> None:
    recipe = RECIPE.changed({"estimator": estimator})
    straight = train(recipe, data=dataset(), output=tmp_path / "straight", progress=False)
    for epoch in (1, 2, 3):
        with pytest.raises(CutOffError):
            train(
                recipe,
                data=dataset(),
                output=tmp_path / "cut",
                resume=epoch > 1,
                progress=False,
                on_epoch=cut_off_after(epoch),
            )
    resumed = train(recipe, data=dataset(), output=tmp_path / "cut", resume=True, progress=False)
    assert resumed.history == straight.history
    assert resumed.metrics == straight.metrics
    assert files(tmp_path / "cut") == files(tmp_path / "straight")  # tensors, optimiser, table and JSON
    again = train(recipe, data=dataset(), output=tmp_path / "cut", resume=True, progress=False)  # finished: no change
    assert again.history == straight.history


def test_resumes_with_learned_wiring_and_augmentation(tmp_path: Path) -> None:
    wiring = {"wiring": "learned", "candidates": 3, "redraw": 0.34, "choice_temperature_end": 0.5}
    recipe = RECIPE.changed({**wiring, "shift": 1})
    x = np.random.default_rng(0).integers(0, 9, (200, 12)).astype(np.uint8)
    y = (x[:, 3] > x[:, 7]).astype(np.int64)
    images = Dataset("images", x[:150], y[:150], x[150:], y[150:], ("no", "yes"), "uint8", (3, 4))
    straight = train(recipe, data=images, output=tmp_path / "straight", progress=False)
    with pytest.raises(CutOffError):
        train(recipe, data=images, output=tmp_path / "cut", progress=False, on_epoch=cut_off_after(2))
    resumed = train(recipe, data=images, output=tmp_path / "cut", resume=True, progress=False)
    assert resumed.history == straight.history
    assert files(tmp_path / "cut") == files(tmp_path / "straight")


def test_resumes_after_an_interrupt_within_an_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    straight = train(RECIPE, data=dataset(), output=tmp_path / "straight", progress=False)
    step, steps = torch.optim.Adam.step, 0

    def interrupt(self: torch.optim.Adam) -> None:
        nonlocal steps
        steps += 1
        if steps == 30:  # in the third epoch of 12 steps each
            raise KeyboardInterrupt
        step(self)

    monkeypatch.setattr(torch.optim.Adam, "step", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(RECIPE, data=dataset(), output=tmp_path / "cut", progress=False)
    monkeypatch.undo()
    resumed = train(RECIPE, data=dataset(), output=tmp_path / "cut", resume=True, progress=False)
    assert resumed.history == straight.history
    assert files(tmp_path / "cut") == files(tmp_path / "straight")


def test_resumes_after_a_kill(tmp_path: Path) -> None:
    script = (
        "import sys; from tests.training.runs import *; from lgn_edge.training import train\n"
        "recipe = RECIPE.changed({'epochs': 2000})\n"
        "train(recipe, data=dataset(), output=sys.argv[1], progress=False)\n"
    )
    run, table = tmp_path / "run", tmp_path / "run" / "history.csv"
    process = subprocess.Popen([sys.executable, "-c", script, str(run)], cwd=Path(__file__).parents[2])
    try:
        while process.poll() is None and not (table.exists() and table.read_text().count("\n") > 3):
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = int(max(run.glob("state/epoch-*")).name.removeprefix("epoch-"))
    long = RECIPE.changed({"epochs": 2000})
    with pytest.raises(CutOffError):  # two more epochs of the same run, straight and after the kill
        train(long, data=dataset(), output=run, resume=True, progress=False, on_epoch=cut_off_after(done + 2))
    with pytest.raises(CutOffError):
        train(long, data=dataset(), output=tmp_path / "straight", progress=False, on_epoch=cut_off_after(done + 2))
    for folder in ("state", "model"):
        assert files(run / folder) == files(tmp_path / "straight" / folder)
    assert (run / "history.csv").read_bytes() == (tmp_path / "straight" / "history.csv").read_bytes()


def test_resumes_with_learned_thresholds(tmp_path: Path) -> None:
    recipe = RECIPE.changed({"levels": 3, "threshold_rate": 0.02})
    straight = train(recipe, data=dataset(), output=tmp_path / "straight", progress=False)
    with pytest.raises(CutOffError):
        train(recipe, data=dataset(), output=tmp_path / "cut", progress=False, on_epoch=cut_off_after(2))
    resumed = train(recipe, data=dataset(), output=tmp_path / "cut", resume=True, progress=False)
    assert resumed.history == straight.history
    assert files(tmp_path / "cut") == files(tmp_path / "straight")
    fixed = train(RECIPE.changed({"levels": 3}), data=dataset(), output=tmp_path / "fixed", progress=False)
    assert not np.array_equal(straight.network.encoder.threshold, fixed.network.encoder.threshold)
    prediction = straight.network.evaluate(dataset().test_x)
    assert float(np.mean(prediction.classes == dataset().test_y)) == straight.metrics["hard_accuracy"]


def test_resumes_with_what_a_kill_left(tmp_path: Path) -> None:
    straight = train(RECIPE, data=dataset(), output=tmp_path / "straight", progress=False)
    with pytest.raises(CutOffError):
        train(RECIPE, data=dataset(), output=tmp_path / "cut", progress=False, on_epoch=cut_off_after(2))
    with (tmp_path / "cut" / "history.csv").open("a") as table:
        table.write("3,0.02,0.6")
    for name in ("model", "history.csv", "state/epoch-00003"):
        place = (tmp_path / "cut" / name).with_name(f".{Path(name).name}.a1b2")
        place.mkdir()
        (place / "lock").write_text(_MARK + Path(name).name)
        (place / "new").write_text("{")
    resumed = train(RECIPE, data=dataset(), output=tmp_path / "cut", resume=True, progress=False)
    assert resumed.history == straight.history
    assert files(tmp_path / "cut") == files(tmp_path / "straight")


@pytest.mark.parametrize("stop", range(1, 5))
def test_a_state_that_was_half_removed_goes(tmp_path: Path, stop: int, monkeypatch: pytest.MonkeyPatch) -> None:
    train(RECIPE, data=dataset(), output=tmp_path / "straight", progress=False)
    left = stop

    def killed(method: Callable[..., None]) -> Callable[..., None]:
        def call(path: Path, **settings: bool) -> None:
            nonlocal left
            if path.parent.name == "epoch-00001" or path.name == "epoch-00001":
                left -= 1
                if left < 0:
                    raise CutOffError
            method(path, **settings)

        return call

    with monkeypatch.context() as patch:
        for name in ("unlink", "rmdir"):
            patch.setattr(Path, name, killed(getattr(Path, name)))
        with pytest.raises(CutOffError):
            train(RECIPE, data=dataset(), output=tmp_path / "cut", progress=False)
    assert (tmp_path / "cut" / "state" / "epoch-00001").exists()
    train(RECIPE, data=dataset(), output=tmp_path / "cut", resume=True, progress=False)
    assert files(tmp_path / "cut") == files(tmp_path / "straight")


def test_a_state_of_version_1_is_taken_up(tmp_path: Path) -> None:
    with pytest.raises(CutOffError):
        train(RECIPE, data=dataset(), output=tmp_path, progress=False, on_epoch=cut_off_after(2))
    file = tmp_path / "state" / "epoch-00002" / "model.json"
    document = json.loads(file.read_text())
    del document["data"]
    flat = {"name": "small", "dataset": "xor", "widths": [24, 12], "levels": 1, "init_shift": 1.0, "tau": 1.0}
    document |= {"version": 1, "recipe": {**flat, "epochs": 4, "batch": 32, "seed": 3, "threads": 1}}
    file.write_text(json.dumps(document))
    assert len(train(RECIPE, data=dataset(), output=tmp_path, progress=False, resume=True).history) == 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text.rsplit("\n", 2)[0],  # an epoch less
        lambda text: text.replace("epoch", "era"),
        lambda text: text.replace("\n2,", "\n7,"),
        lambda text: text.replace("\n2,", "\n2,x"),
        lambda text: text.replace("\n2,", "\n2,0.5,"),
    ],
)
def test_refuses_a_table_of_other_epochs(tmp_path: Path, damage: Callable[[str], str]) -> None:
    with pytest.raises(CutOffError):
        train(RECIPE, data=dataset(), output=tmp_path, progress=False, on_epoch=cut_off_after(2))
    table = tmp_path / "history.csv"
    table.write_text(damage(table.read_text()))
    before = files(tmp_path)
    with pytest.raises(InputError, match=r"history.csv is not the table of the 2 epochs .*put it back.*--start-from"):
        train(RECIPE, data=dataset(), output=tmp_path, resume=True, progress=False)
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"train_x": dataset(1).train_x}, "samples"),
        ({"test_x": dataset(1).test_x}, "samples"),
        ({"train_y": 1 - dataset().train_y}, "labels"),
        ({"class_names": ("a", "b")}, "class names"),
    ],
)
def test_refuses_to_resume_with_other_data(tmp_path: Path, changed: dict[str, object], what: str) -> None:
    with pytest.raises(CutOffError):
        train(RECIPE, data=dataset(), output=tmp_path, progress=False, on_epoch=cut_off_after(1))
    before = files(tmp_path)
    with pytest.raises(InputError, match=f"was trained with other {what} than data set xor has now"):
        train(RECIPE, data=replace(dataset(), **changed), output=tmp_path, resume=True, progress=False)
    assert files(tmp_path) == before


def test_a_run_of_constant_rate_is_extended_as_if_it_had_been_longer(tmp_path: Path) -> None:
    recipe = RECIPE.changed({"schedule": "constant"})
    longer = recipe.changed({"epochs": 6, "patience": 50})
    train(recipe, data=dataset(), output=tmp_path / "extended", progress=False)
    extended = train(longer, data=dataset(), output=tmp_path / "extended", resume=True, progress=False)
    straight = train(longer, data=dataset(), output=tmp_path / "straight", progress=False)
    assert len(extended.history) == 6
    assert extended.history == straight.history
    assert files(tmp_path / "extended") == files(tmp_path / "straight")
    with pytest.raises(InputError, match="has 6 epochs already, but the recipe says 4"):
        train(recipe, data=dataset(), output=tmp_path / "extended", resume=True, progress=False)


def test_an_extended_run_has_the_rates_of_the_longer_schedule(tmp_path: Path) -> None:
    longer = RECIPE.changed({"epochs": 6})
    train(RECIPE, data=dataset(), output=tmp_path / "extended", progress=False)
    extended = train(longer, data=dataset(), output=tmp_path / "extended", resume=True, progress=False)
    straight = train(longer, data=dataset(), output=tmp_path / "straight", progress=False)
    rates, longer_rates = ([row.learning_rate for row in run.history] for run in (extended, straight))
    assert rates[4:] == longer_rates[4:]
    assert rates[4] > rates[3] < longer_rates[3]


def test_refuses_to_resume_where_nothing_was_trained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"run holds no training run to resume: .*state; .* without --resume"):
        train("digits", output=tmp_path / "run", resume=True)
    assert not list(tmp_path.iterdir())


def test_without_its_states_a_run_is_not_begun_anew(tmp_path: Path) -> None:
    train(RECIPE, data=dataset(), output=tmp_path, progress=False)
    shutil.rmtree(tmp_path / "state")
    before = files(tmp_path)
    for resume in (False, True):
        with pytest.raises(InputError, match=r"its .*state is missing or empty; .*model is intact: .*--start-from"):
            train(RECIPE, data=dataset(), output=tmp_path, resume=resume, progress=False)
    assert files(tmp_path) == before


def cut_run(folder: Path) -> Path:
    """A run that was cut off after two of four epochs; returns its state."""
    with pytest.raises(CutOffError):
        train(RECIPE, data=dataset(), output=folder, progress=False, on_epoch=cut_off_after(2))
    return folder / "state" / "epoch-00002"


def without(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda values: {key: value for key, value in values.items() if key != name}


def another_shape(values: dict[str, Any]) -> dict[str, Any]:
    name = next(name for name in values if name.endswith("exp_avg"))
    return {**values, name: torch.zeros(2, 3)}


@pytest.mark.parametrize("model_too", [False, True])
@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        ("model.json", None, "cannot read .*model.json"),
        ("model.json", "cut", "model.json is damaged"),
        ("model.json", without("recipe"), "does not say what was trained"),
        ("model.json", without("encoder"), "encoder is missing"),
        ("model.safetensors", None, "cannot read .*model.safetensors"),
        ("model.safetensors", "cut", "model.safetensors is damaged or cut short"),
        ("model.safetensors", without("head.tau"), "head.tau is missing"),
        ("training.safetensors", None, "cannot read .*training.safetensors"),
        ("training.safetensors", "cut", "training.safetensors is damaged or cut short"),
        ("training.safetensors", without("0.step"), "0.step is missing"),
        ("training.safetensors", lambda values: {**values, "x": torch.zeros(1)}, r"x is \[1\], not absent"),
        ("training.safetensors", another_shape, r"0.exp_avg is \[2, 3\], not \[24, 4\]"),
    ],
)
def test_a_damaged_state_says_whether_the_model_is_intact(
    tmp_path: Path, file: str, damage: Any, message: str, model_too: bool
) -> None:
    path = cut_run(tmp_path / "run") / file
    if damage is None:
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif file == "model.json":
        path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    else:
        save_file(damage(load_file(path)), path)
    if model_too:
        shutil.rmtree(tmp_path / "run" / "model")
    way_on = "model is missing or damaged, too" if model_too else "model is intact: .*--start-from"
    before = files(tmp_path)
    with pytest.raises(InputError, match=f"{message}.* cannot be resumed; its .*{way_on}"):
        train(RECIPE, data=dataset(), output=tmp_path / "run", resume=True, progress=False)
    assert files(tmp_path) == before
    if not model_too:
        train(RECIPE, data=dataset(), output=tmp_path / "next", start_from=tmp_path / "run", progress=False)


def test_a_missing_model_is_noticed_before_the_run_goes_on(tmp_path: Path) -> None:
    state = cut_run(tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "model")
    with pytest.raises(InputError, match=r"model is missing, .*--start-from .*state.epoch-00002"):
        train(RECIPE, data=dataset(), output=tmp_path / "run", resume=True, progress=False)
    train(RECIPE, data=dataset(), output=tmp_path / "next", start_from=state, progress=False)


@pytest.mark.parametrize("place", ["", "model"])
def test_the_export_of_a_run_that_was_cut_off_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    def said() -> str:
        caplog.clear()
        lgn_edge.export(tmp_path / "run" / place, tmp_path / "model.onnx")
        return caplog.text

    cut_run(tmp_path / "run")
    assert re.search(r"run is unfinished \(epoch 2 of 4\).*--resume", said())
    train(RECIPE, data=dataset(), output=tmp_path / "run", resume=True, progress=False)
    assert not said()
    longer = RECIPE.changed({"epochs": 6})
    with pytest.raises(CutOffError):
        train(longer, data=dataset(), output=tmp_path / "run", resume=True, progress=False, on_epoch=cut_off_after(5))
    assert "epoch 5 of 6" in said()


def test_a_run_that_stopped_early_is_finished(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recipe = RECIPE.changed({"epochs": 500, "patience": 1})
    assert len(train(recipe, data=dataset(), output=tmp_path / "run", progress=False).history) < 500
    lgn_edge.export(tmp_path / "run", tmp_path / "model.onnx")
    assert not caplog.text


@pytest.mark.parametrize("name", ["xor", "mnist"])  # as the recipe says, and another
def test_a_run_on_data_of_ones_own_is_not_resumed_with_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    recipe = RECIPE.changed({"data.name": name})
    with pytest.raises(CutOffError):
        train(recipe, data=dataset(), output=tmp_path, progress=False, on_epoch=cut_off_after(2))
    monkeypatch.setattr(loop, "load_dataset", lambda *_: pytest.fail("it looks for a data set"))
    for data in (None, tmp_path):
        with pytest.raises(
            InputError, match=r"trained on a Dataset of your own, xor; .*train\(\.\.\., data=\.\.\., resume"
        ):
            train(recipe, data=data, output=tmp_path, resume=True, progress=False)
    assert len(train(recipe, data=dataset(), output=tmp_path, resume=True, progress=False).history) == 4
