"""Training: it learns, it measures what it says, and a run that was cut off ends as if it had not been."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lgn_edge.errors import InputError
from lgn_edge.files import _MARK
from lgn_edge.nn import LogicGateNetwork
from lgn_edge.nn.kernels import cpu
from lgn_edge.training import (
    DataRecipe,
    Dataset,
    DenseRecipe,
    EncoderRecipe,
    Epoch,
    HeadRecipe,
    Recipe,
    TrainingRecipe,
    load_checkpoint,
    loop,
    plan_training,
    train,
)
from lgn_edge.training.samples import augmented

RECIPE = Recipe(
    name="small",
    data=DataRecipe("xor"),
    encoder=EncoderRecipe(levels=1),
    layers=(DenseRecipe(24, init_shift=1.0), DenseRecipe(12, init_shift=1.0)),
    head=HeadRecipe(tau=1.0),
    training=TrainingRecipe(epochs=4, batch=32, seed=3, threads=1),
)


def dataset(seed: int = 0) -> Dataset:
    """Two classes: whether the signs of the first two features differ."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(500, 5)).astype(np.float32)
    y = ((x[:, 0] > 0) != (x[:, 1] > 0)).astype(np.int64)
    return Dataset("xor", x[:400], y[:400], x[400:], y[400:], ("same", "different"), "float32")


def files(run: Path) -> dict[str, bytes]:
    """All that is there, but for the empty lock that a process leaves when it is killed before it has marked it."""
    found = {str(path.relative_to(run)): path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}
    return {name: content for name, content in found.items() if content or not name.endswith("/lock")}


class CutOffError(Exception):
    pass


def cut_off_after(epoch: int) -> Callable[[Epoch], None]:
    def on_epoch(row: Epoch) -> None:
        if row.epoch == epoch:
            raise CutOffError

    return on_epoch


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


def test_images_are_shifted() -> None:
    image = torch.zeros(4, 5, dtype=torch.uint8)
    image[1, 2] = 7
    moved = augmented(image.flatten().expand(200, -1), (4, 5), 1, False).reshape(200, 4, 5)
    places = {tuple(place) for place in (moved == 7).nonzero()[:, 1:].tolist()}
    assert places == {(row, column) for row in (0, 1, 2) for column in (1, 2, 3)}
    assert (moved.flatten(1).sum(1) == 7).all()


def test_planes_of_an_image_are_changed_alike() -> None:
    image = torch.arange(1, 13, dtype=torch.uint8)
    planes = torch.cat([image, image + 100, image + 200])
    moved = augmented(planes.expand(200, -1), (3, 4), 1, True).reshape(200, 3, 3, 4)
    red, green, blue = moved.unbind(1)
    assert torch.equal(green, torch.where(red > 0, red + 100, red))
    assert torch.equal(blue, torch.where(red > 0, red + 200, red))


def test_images_are_mirrored() -> None:
    image = torch.arange(12, dtype=torch.uint8)
    mirrored = augmented(image.expand(200, -1), (3, 4), 0, True)
    kinds = {tuple(row) for row in mirrored.tolist()}
    assert kinds == {tuple(range(12)), (3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8)}


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
        "import sys; from tests.training.test_loop import *\n"
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


def test_trains_gates_of_more_inputs(tmp_path: Path) -> None:
    recipe = RECIPE.changed({"kind": "lookup", "arity": 4, "levels": 2, "init": "gaussian"})
    result = train(recipe, data=dataset(), output=tmp_path / "run", progress=False)
    assert result.metrics["gates"] == 36
    plan = plan_training(recipe, dataset())
    assert plan.parameters == 16 * 36
    assert plan.sample_bytes == 3 * (10 + 36) * 4  # real-valued rows, also of discrete gates
    assert len(result.network.layers) > 2
    prediction = result.network.evaluate(dataset().test_x)
    assert float(np.mean(prediction.classes == dataset().test_y)) == result.metrics["hard_accuracy"]
    again = train(recipe, data=dataset(), output=tmp_path / "run", progress=False, resume=True)
    assert again.network == result.network


def test_learns_and_reports_what_it_reaches(tmp_path: Path) -> None:
    recipe = RECIPE.changed({"widths": (48, 24), "epochs": 30})
    data = dataset()
    result = train(recipe, data=data, output=tmp_path / "run", progress=False)
    prediction = result.network.evaluate(data.test_x)
    assert float(np.mean(prediction.classes == data.test_y)) == result.metrics["hard_accuracy"] > 0.8
    assert result.network.class_names == data.class_names
    assert result.network.name == "small"
    assert result.network.provenance["dataset"] == "xor"
    assert json.loads(result.network.provenance["recipe"]) == recipe.to_dict()
    model = load_checkpoint(tmp_path / "run")
    assert torch.equal(model.predict(torch.from_numpy(data.test_x)), torch.from_numpy(prediction.classes.astype(int)))
    with (tmp_path / "run" / "history.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 30
    for row, epoch in zip(rows, result.history, strict=True):
        assert float(row["hard_accuracy"]) == epoch.hard_accuracy
        assert float(row["gradient_first"]) > 0 < float(row["gradient_last"])
        assert float(row["gap"]) == float(row["soft_accuracy"]) - float(row["hard_accuracy"])


def test_two_processes_train_like_one(tmp_path: Path) -> None:
    recipe = RECIPE.changed({"estimator": "soft-gumbel", "epochs": 2, "batch": 33})
    alone = train(recipe, data=dataset(), output=tmp_path / "alone", progress=False)
    script = tmp_path / "both.py"
    script.write_text(
        "import sys; from tests.training.test_loop import *; from lgn_edge.training.recipe import recipe_from\n"
        f"recipe = recipe_from({recipe.to_dict()!r})\n"
        "train(recipe, data=dataset(), output=sys.argv[1], progress=False)\n"
    )
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *launch, str(tmp_path / "both")], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with (tmp_path / "both" / "history.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [float(row["loss"]) for row in rows] == pytest.approx([epoch.loss for epoch in alone.history], rel=1e-4)
    together = load_checkpoint(tmp_path / "both")
    for one, other in zip(alone.model.parameters(), together.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-3)


def test_a_plan_trains_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plan = plan_training(RECIPE, dataset())
    assert plan.gates == 36
    assert plan.parameters == 4 * 36
    assert plan.steps == 4 * 12
    assert plan.to_json()["layers"][1] == {"inputs": 24, "gates": 12, "wiring": "random", "parameters": 48}
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


def test_a_loss_that_is_not_finite_is_located(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = torch.optim.Adam.step

    def broken(self: torch.optim.Adam) -> None:
        step(self)
        with torch.no_grad():
            self.param_groups[0]["params"][1][3, 2] = float("nan")  # the second layer's

    monkeypatch.setattr(torch.optim.Adam, "step", broken)
    recipe = RECIPE.changed({"estimator": "soft"})
    message = (
        r"not finite in epoch 1, step 2 \(layer 1 has a weight that is not finite\); choose a smaller learning_rate"
    )
    with pytest.raises(InputError, match=message):
        train(recipe, data=dataset(), output=tmp_path, progress=False)


def test_without_validation_all_samples_train_and_the_last_epoch_is_kept(tmp_path: Path) -> None:
    recipe = RECIPE.changed({"validation": 0.0, "schedule": "constant"})
    longer, data = 3 * recipe.training.epochs, dataset()
    weights, losses = set(), []
    for epochs in (recipe.training.epochs, longer):
        folder = tmp_path / str(epochs)
        result = train(recipe.changed({"epochs": epochs}), data=data, output=folder, progress=False)
        assert result.metrics["best_epoch"] == result.metrics["epochs"] == epochs
        assert "validation_accuracy" not in result.metrics
        assert "validation_accuracy" not in result.network.provenance
        weights.add((folder / "model" / "model.safetensors").read_bytes())
        losses.append([row.loss for row in result.history])
    assert len(weights) == 2
    assert losses[0] == losses[1][: recipe.training.epochs]
    assert plan_training(recipe, data).steps == recipe.training.epochs * -(-len(data.train_y) // recipe.training.batch)


def test_without_validation_two_samples_are_enough(tmp_path: Path) -> None:
    recipe = RECIPE.changed({"validation": 0.0})
    data = replace(dataset(), train_x=dataset().train_x[:2], train_y=np.array([0, 1]))
    assert train(recipe, data=data, output=tmp_path, progress=False).metrics["epochs"] == recipe.training.epochs


def test_stops_early(tmp_path: Path) -> None:
    recipe = RECIPE.changed({"epochs": 500, "patience": 3})
    result = train(recipe, data=dataset(), output=tmp_path, progress=False)
    assert len(result.history) < 500
    best = max(row.hard_accuracy for row in result.history)
    assert all(row.hard_accuracy < best for row in result.history[:-4])
    assert len(train(recipe, data=dataset(), output=tmp_path, resume=True, progress=False).history) == len(
        result.history
    )


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    return {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def test_tensorboard_has_the_history_of_a_run_that_was_cut_off(tmp_path: Path) -> None:
    with pytest.raises(CutOffError):
        train(RECIPE, data=dataset(), output=tmp_path, progress=False, tensorboard=True, on_epoch=cut_off_after(2))
    result = train(RECIPE, data=dataset(), output=tmp_path, progress=False, tensorboard=True, resume=True)
    found = scalars(tmp_path / "tensorboard")
    assert found["accuracy/gap"] == {row.epoch: pytest.approx(row.gap) for row in result.history}
    assert found["gradient/layer 1"] == {row.epoch: pytest.approx(row.gradient_last) for row in result.history}
    assert found["loss"][4] == pytest.approx(result.history[-1].loss)


def test_refuses_tensorboard_where_it_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lgn_edge.training.tensorboard.find_spec", lambda _: None)
    with pytest.raises(InputError, match="TensorBoard is not installed; pip install tensorboard"):
        train(RECIPE, data=dataset(), output=tmp_path, progress=False, tensorboard=True)
    assert not list(tmp_path.iterdir())


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
    with pytest.raises(InputError, match=r"history.csv is not the table of the 2 epochs .*; put it back"):
        train(RECIPE, data=dataset(), output=tmp_path, resume=True, progress=False)
    assert files(tmp_path) == before


def test_leaves_torch_as_it_was(tmp_path: Path) -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    train(RECIPE, data=dataset(), output=tmp_path, progress=False)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_progress_goes_to_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train(RECIPE, data=dataset(), output=tmp_path)
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "train small" in printed.err


def test_refuses(tmp_path: Path) -> None:
    train(RECIPE, data=dataset(), output=tmp_path, progress=False)
    with pytest.raises(InputError, match="holds a training run already; resume it"):
        train(RECIPE, data=dataset(), output=tmp_path, progress=False)
    other = RECIPE.changed({"tau": 2.0})
    with pytest.raises(InputError, match=r"trained with head.tau = 1.0, but the recipe says 2.0"):
        train(other, data=dataset(), output=tmp_path, resume=True, progress=False)
    odd = RECIPE.changed({"widths": (24, 13)})
    with pytest.raises(InputError, match=r"last width is 13, which xor's 2 classes do not divide.*such as 14"):
        train(odd, data=dataset(), output=tmp_path / "odd", progress=False)
    moved = RECIPE.changed({"shift": 1})
    with pytest.raises(InputError, match="shift is 1, but the samples of xor are no images"):
        train(moved, data=dataset(), output=tmp_path / "moved", progress=False)
    mirrored = RECIPE.changed({"flip": True})
    with pytest.raises(InputError, match="flip is true, but the samples of xor are no images; set it to false"):
        train(mirrored, data=dataset(), output=tmp_path / "mirrored", progress=False)


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


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"wiring": "learned", "candidates": 3},
        {"kind": "lookup", "layers.0.arity": 3},
        {"threshold_rate": 0.01},
    ],
)
def test_starts_from_a_checkpoint(tmp_path: Path, settings: dict[str, object]) -> None:
    recipe = RECIPE.changed(settings)
    first = train(recipe, data=dataset(), output=tmp_path / "first", progress=False)
    rates = ["learning_rate", *(["choice_rate"] if "wiring" in settings else [])]
    still = recipe.changed({**dict.fromkeys(rates, 1e-30), "threshold_rate": 0.0, "epochs": 1})
    other = replace(dataset(), train_x=2 * dataset().train_x + 1)  # to which another encoder would be fitted
    same = train(still, data=other, output=tmp_path / "same", start_from=tmp_path / "first", progress=False)
    assert same.network == replace(first.network, provenance=same.network.provenance)
    assert same.network.provenance["started_from"] == first.network.fingerprint()


def test_a_run_that_started_from_a_checkpoint_is_resumed(tmp_path: Path) -> None:
    start, other = tmp_path / "start", dataset(1)
    train(RECIPE, data=dataset(), output=start, progress=False)
    straight = train(RECIPE, data=other, output=tmp_path / "straight", start_from=start, progress=False)
    for epoch, given in ((1, start), (2, None), (3, start)):
        with pytest.raises(CutOffError):
            train(
                RECIPE,
                data=other,
                output=tmp_path / "cut",
                resume=epoch > 1,
                progress=False,
                on_epoch=cut_off_after(epoch),
                start_from=given,
            )
    with pytest.raises(InputError, match=r"did not start from .*straight; resume it without"):
        train(RECIPE, data=other, output=tmp_path / "cut", resume=True, start_from=tmp_path / "straight")
    resumed = train(RECIPE, data=other, output=tmp_path / "cut", resume=True, progress=False)
    assert resumed.history == straight.history
    assert files(tmp_path / "cut") == files(tmp_path / "straight")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"widths": [24, 14]}, "it has out_features 12 in layer 1, but the recipe says 14; give it the same layers"),
        ({"widths": [12]}, "it has 2 layers, but the recipe says 1"),
        ({"parametrization": "raw"}, "it has parametrization 'light' in layer 0, but the recipe says 'raw'"),
        ({"kind": "lookup"}, "it has arity 2 in layer 0, but the recipe says 3"),
        ({"wiring": "learned"}, "it has wiring 'random' in layer 0, but the recipe says 'learned'"),
    ],
)
def test_refuses_to_start_from_other_layers(tmp_path: Path, settings: dict[str, object], message: str) -> None:
    train(RECIPE.changed({"epochs": 1}), data=dataset(), output=tmp_path / "start", progress=False)
    with pytest.raises(InputError, match=message):
        train(RECIPE.changed(settings), data=dataset(), output=tmp_path / "run", start_from=tmp_path / "start")
    assert not (tmp_path / "run").exists()


def test_refuses_data_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="data is a tuple; give a Dataset, or the folder where data sets lie"):
        train(RECIPE, data=(dataset().train_x, dataset().train_y), output=tmp_path)


def test_refuses_to_start_with_other_features_or_candidates(tmp_path: Path) -> None:
    learned = RECIPE.changed({"epochs": 1, "wiring": "learned", "candidates": 3})
    train(learned, data=dataset(), output=tmp_path / "start", progress=False)
    with pytest.raises(InputError, match=r"choice.* \[2, 24, 3\] in layer 0, but the recipe says \[2, 24, 4\]"):
        train(
            learned.changed({"candidates": 4}), data=dataset(), output=tmp_path / "run", start_from=tmp_path / "start"
        )
    narrow = replace(dataset(), train_x=dataset().train_x[:, :4], test_x=dataset().test_x[:, :4])
    with pytest.raises(InputError, match="takes float32 samples of 5 features, but those of xor are float32 of 4"):
        train(learned, data=narrow, output=tmp_path / "run", start_from=tmp_path / "start")


def test_a_network_of_bytes_says_the_scale_of_its_training(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 17, (200, 5)).astype(np.uint8)
    y = (x[:, 0] > x[:, 1]).astype(np.int64)
    data = Dataset("bytes", x[:150], y[:150], x[150:], y[150:], ("no", "yes"), "uint8")
    network = train(RECIPE, data=data, output=tmp_path, progress=False).network
    assert network.provenance["scale"] == "16"
    with pytest.raises(InputError, match=r"these are 0\.\.1, so give scale 16"):
        network.evaluate(data.test_x / 16)
    assert network.evaluate(data.test_x / 16, scale=16) == network.evaluate(data.test_x)
