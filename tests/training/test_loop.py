"""Training: it learns, it measures what it says, and it refuses what it cannot do."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lgn_edge.errors import InputError
from lgn_edge.training import (
    Dataset,
    load_checkpoint,
    plan_training,
    train,
)
from tests.thinning import exhaustive
from tests.training.runs import RECIPE, dataset


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
        assert row["gap"] == row["soft_accuracy"] == ""  # a straight-through run trains no soft network
        assert 0 < float(row["varying"]) <= 1
    shares = json.loads(result.network.provenance["varying"])
    kept = result.history[int(result.metrics["best_epoch"]) - 1]
    assert min(shares.values()) == round(kept.varying, 4)
    assert "soft_accuracy" not in {**result.metrics, **result.network.provenance}


def test_where_no_terminal_is_an_epoch_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = RECIPE.changed({"epochs": 3})
    train(recipe, data=dataset(), output=tmp_path / "run")
    told = capsys.readouterr()
    assert told.out == ""
    lines = told.err.splitlines()
    assert [line.split(", loss ")[0] for line in lines] == [f"train small: epoch {i} of 3" for i in (1, 2, 3)]
    assert all("accuracy " in line and ", best " in line for line in lines)
    train(recipe, data=dataset(), output=tmp_path / "silent", progress=False)
    assert capsys.readouterr().err == ""


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


@exhaustive
def test_two_processes_train_like_one(tmp_path: Path) -> None:
    recipe = RECIPE.changed({"estimator": "soft-gumbel", "epochs": 2, "batch": 33})
    alone = train(recipe, data=dataset(), output=tmp_path / "alone", progress=False)
    script = tmp_path / "both.py"
    script.write_text(
        "import sys; from tests.training.runs import *\n"
        "from lgn_edge.training import train; from lgn_edge.training.recipe import recipe_from\n"
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


def test_leaves_torch_as_it_was(tmp_path: Path) -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    train(RECIPE, data=dataset(), output=tmp_path, progress=False)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_refuses(tmp_path: Path) -> None:
    train(RECIPE, data=dataset(), output=tmp_path, progress=False)
    with pytest.raises(InputError, match=r"holds a training run already; go on with it by --resume \(resume=True\)"):
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


def test_refuses_data_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="data is a tuple; give a Dataset, or the folder where data sets lie"):
        train(RECIPE, data=(dataset().train_x, dataset().train_y), output=tmp_path)


def test_a_network_of_bytes_says_the_scale_of_its_training(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 17, (200, 5)).astype(np.uint8)
    y = (x[:, 0] > x[:, 1]).astype(np.int64)
    data = Dataset("bytes", x[:150], y[:150], x[150:], y[150:], ("no", "yes"), "uint8")
    network = train(RECIPE, data=data, output=tmp_path, progress=False).network
    assert network.provenance["scale"] == "16"
    with pytest.raises(InputError, match=r"these are 0\.\.1, so give scale 16"):
        network.evaluate(data.test_x / 16)
    assert network.evaluate(data.test_x / 16, scale=16) == network.evaluate(data.test_x)
