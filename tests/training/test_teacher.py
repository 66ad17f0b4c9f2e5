"""A network that learns what another one says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lgn_edge.errors import InputError
from lgn_edge.training import Dataset, load_checkpoint, train
from lgn_edge.training.teacher import TeacherRecipe, taught
from tests.training import runs
from tests.training.runs import CutOffError, cut_off_after

RECIPE = runs.RECIPE.changed({"estimator": "hard", "learning_rate": 0.2})


def signs() -> Dataset:
    """Two classes: the sign of the first feature."""
    data = runs.dataset()
    return replace(data, train_y=(data.train_x[:, 0] > 0).astype(int), test_y=(data.test_x[:, 0] > 0).astype(int))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher") / "run"
    result = train(RECIPE, data=signs(), output=folder, progress=False)
    assert result.metrics["hard_accuracy"] > 0.9
    return folder


def test_targets_are_of_labels_and_teacher(teacher: Path) -> None:
    data, model = signs(), load_checkpoint(teacher)
    labels = torch.from_numpy(data.train_y)
    got = taught(TeacherRecipe(str(teacher), 0.25, 2.0), model, data, data.train_x, labels)
    said = (model(torch.from_numpy(data.train_x)) / 2).softmax(1)
    expected = 0.75 * torch.nn.functional.one_hot(labels) + 0.25 * said
    torch.testing.assert_close(got, expected.detach())
    assert not got.requires_grad


def test_a_teacher_is_believed_against_wrong_labels(teacher: Path, tmp_path: Path) -> None:
    data = signs()
    wrong = replace(data, train_y=np.random.default_rng(0).permutation(data.train_y))
    settings = {"training.teacher.checkpoint": str(teacher), "training.teacher.weight": 1.0, "validation": 0.0}
    recipe = RECIPE.changed(settings)
    pupil = train(recipe, data=wrong, output=tmp_path / "taught", progress=False)
    alone = train(RECIPE.changed({"validation": 0.0}), data=wrong, output=tmp_path / "alone", progress=False)
    assert pupil.metrics["hard_accuracy"] > 0.9 > 0.7 > alone.metrics["hard_accuracy"]
    with pytest.raises(CutOffError):
        train(recipe, data=wrong, output=tmp_path / "cut", progress=False, on_epoch=cut_off_after(2))
    resumed = train(recipe, data=wrong, output=tmp_path / "cut", progress=False, resume=True)
    assert resumed.network == pupil.network


def test_other_teachers_are_refused(teacher: Path, tmp_path: Path) -> None:
    data, recipe = signs(), RECIPE.changed({"training.teacher.checkpoint": str(teacher)})
    wider = replace(data, train_x=np.tile(data.train_x, 2), test_x=np.tile(data.test_x, 2))
    turned = replace(data, class_names=("different", "same"))
    for other, message in (
        (wider, "it takes 5 float32 features and tells 2 classes, but xor has 10 float32 features and 2 classes"),
        (turned, "its classes are same, different, those of xor different, same"),
    ):
        with pytest.raises(InputError, match=message):
            train(recipe, data=other, output=tmp_path / "run", progress=False)
    missing = recipe.changed({"training.teacher.checkpoint": str(tmp_path / "nowhere")})
    with pytest.raises(InputError, match="nowhere"):
        train(missing, data=data, output=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
