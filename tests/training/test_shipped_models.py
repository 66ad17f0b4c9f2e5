"""The models of examples/models are small, and reach what their cards say."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path

import pytest

import lgn_edge
from lgn_edge.training import load_dataset, load_recipe, recipe_names
from lgn_edge.training.recipe import recipe_from
from tests.thinning import exhaustive

FOLDERS = sorted(path.parent for path in (Path(__file__).parents[2] / "examples" / "models").glob("*/model.onnx"))
LARGE = ("cifar10-", "fashion-mnist-")  # whole test sets of these take seconds


def test_there_are_models() -> None:
    assert FOLDERS


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_model_is_small_and_tells_its_recipe(folder: Path) -> None:
    size = (folder / "model.onnx").stat().st_size
    assert size < 2_000_000
    assert f"| file | model.onnx, {round(size / 1000):,} kB |" in (folder / "README.md").read_text()
    network = lgn_edge.load(folder / "model.onnx")
    recipe = load_recipe(folder.name)
    assert folder.name in recipe_names()
    assert recipe_from(json.loads(network.provenance["recipe"])) == recipe
    told = re.search(r"```toml\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    assert told is not None
    assert recipe_from(tomllib.loads(told.group(1))) == recipe


@pytest.mark.skipif(not os.environ.get("LGN_EDGE_DATA"), reason="LGN_EDGE_DATA is not set")
@pytest.mark.parametrize(
    "folder",
    [
        pytest.param(folder, id=folder.name, marks=exhaustive if folder.name.startswith(LARGE) else [])
        for folder in FOLDERS
    ],
)
def test_a_model_reaches_its_card(folder: Path) -> None:
    network = lgn_edge.load(folder / "model.onnx")
    data = load_dataset(network.provenance["dataset"])
    share = float((network.evaluate(data.test_x).classes == data.test_y).mean())
    claimed = re.search(r"accuracy \| \*\*([0-9.]+) %\*\* of all ([0-9,]+)", (folder / "README.md").read_text())
    assert claimed is not None
    assert claimed.groups() == (f"{100 * share:.2f}", f"{len(data.test_y):,}")
