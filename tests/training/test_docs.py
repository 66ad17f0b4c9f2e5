"""What docs/training.md shows is what runs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import lgn_edge
from lgn_edge.training import load_checkpoint
from lgn_edge.training.recipe import recipe_from

TEXT = (Path(__file__).parents[2] / "docs" / "training.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_the_recipe_is_one() -> None:
    (shown,) = blocks("toml")
    recipe = recipe_from(tomllib.loads(shown))
    assert [layer.width for layer in recipe.layers] == [4000, 4000, 2000]
    assert [layer.wiring.KIND for layer in recipe.layers] == ["unique", "unique", "learned"]


def test_the_data_set_is_one(tmp_path: Path) -> None:
    (shown,) = (block for block in blocks("python") if "Dataset(" in block)
    (tmp_path / "build").mkdir()
    done = subprocess.run([sys.executable, "-c", shown], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    network = lgn_edge.export(load_checkpoint(tmp_path / "build" / "sides"), tmp_path / "sides.onnx")
    assert network.class_names == ("left", "right")
    assert network.provenance["scale"] == "255"
    assert lgn_edge.load(tmp_path / "sides.onnx").provenance["scale"] == "255"
