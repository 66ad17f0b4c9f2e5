"""What a run says of itself, on stderr and to TensorBoard."""

from __future__ import annotations

from pathlib import Path

import pytest

from lgn_edge.errors import InputError
from lgn_edge.training import (
    train,
)
from tests.training.runs import RECIPE, CutOffError, cut_off_after, dataset


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    return {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def test_tensorboard_has_the_history_of_a_run_that_was_cut_off(tmp_path: Path) -> None:
    recipe = RECIPE.changed({"estimator": "gumbel"})
    with pytest.raises(CutOffError):
        train(recipe, data=dataset(), output=tmp_path, progress=False, tensorboard=True, on_epoch=cut_off_after(2))
    result = train(recipe, data=dataset(), output=tmp_path, progress=False, tensorboard=True, resume=True)
    assert all(
        row.soft_accuracy is not None and row.gap == row.soft_accuracy - row.hard_accuracy for row in result.history
    )
    found = scalars(tmp_path / "tensorboard")
    assert found["accuracy/gap"] == {row.epoch: pytest.approx(row.gap) for row in result.history}
    assert found["gradient/layer 1"] == {row.epoch: pytest.approx(row.gradient_last) for row in result.history}
    assert found["loss"][4] == pytest.approx(result.history[-1].loss)


def test_refuses_tensorboard_where_it_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lgn_edge.training.tensorboard.find_spec", lambda _: None)
    with pytest.raises(InputError, match="TensorBoard is not installed; pip install tensorboard"):
        train(RECIPE, data=dataset(), output=tmp_path, progress=False, tensorboard=True)
    assert not list(tmp_path.iterdir())


def test_progress_goes_to_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train(RECIPE, data=dataset(), output=tmp_path)
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "train small" in printed.err
