"""A run that starts from the checkpoint of another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lgn_edge.errors import InputError
from lgn_edge.training import (
    train,
)
from tests.training.runs import RECIPE, CutOffError, cut_off_after, dataset, files


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
        ({"kind": "lookup"}, "it has kind 'dense' in layer 0, but the recipe says 'lookup'"),
        ({"wiring": "learned"}, "it has wiring 'random' in layer 0, but the recipe says 'learned'"),
    ],
)
def test_refuses_to_start_from_other_layers(tmp_path: Path, settings: dict[str, object], message: str) -> None:
    train(RECIPE.changed({"epochs": 1}), data=dataset(), output=tmp_path / "start", progress=False)
    with pytest.raises(InputError, match=message):
        train(RECIPE.changed(settings), data=dataset(), output=tmp_path / "run", start_from=tmp_path / "start")
    assert not (tmp_path / "run").exists()


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
