"""What docs/training.md shows is what runs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import lgn_edge
from lgn_edge.cli import app
from lgn_edge.errors import InputError
from lgn_edge.training import Dataset, load_checkpoint, load_recipe, loop
from lgn_edge.training.recipe import recipe_from

TEXT = (Path(__file__).parents[2] / "docs" / "training.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def commands() -> list[list[str]]:
    """What follows `lgn-edge train` in the text."""
    shown = re.findall(r"(?:^    |`)lgn-edge train ([^#`\n]*)", TEXT, re.MULTILINE)
    return [command.split() for command in shown]


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_the_commands_are_some(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.toml").write_text(blocks("toml")[0])
    x = np.random.default_rng(0).integers(0, 256, (200, 3 * 8 * 8)).astype(np.uint8)  # in place of what is downloaded
    few = Dataset("images", x, np.arange(200) % 10, x, np.arange(200) % 10, range(10), "uint8", (8, 8))
    monkeypatch.setattr(loop, "load_dataset", lambda *_: few)
    done = CliRunner().invoke(app, ["train", *command, *([] if "--dry-run" in command else ["--dry-run"])])
    assert done.exit_code == 0, done.stderr


def test_the_settings_are_some(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(blocks("toml")[0])
    settings = re.findall(r"--set ([^\s`]+=[^\s`]+)", TEXT)
    assert len(commands()) > 5 < len(settings)
    for setting in settings:
        taken = []
        for recipe in (tmp_path / "own.toml", "digits", "cifar10-8000"):
            with suppress(InputError):
                taken.append(load_recipe(recipe, [setting]))
        assert taken, setting
    with pytest.raises(InputError, match="the layers differ"):  # as the text says of its own recipe
        load_recipe(tmp_path / "own.toml", ["widths=[4000,2000]"])


def test_the_recipe_is_one() -> None:
    dense, images = (recipe_from(tomllib.loads(shown)) for shown in blocks("toml"))
    assert [layer.width for layer in dense.layers] == [4000, 4000, 2000]
    assert [layer.wiring.KIND for layer in dense.layers] == ["unique", "unique", "learned"]
    assert [layer.KIND for layer in images.layers] == ["conv", "pool", "dense"]
    assert images.sources == ((0,), (1,), (0, 2))


def test_the_data_set_is_one(tmp_path: Path) -> None:
    (shown,) = (block for block in blocks("python") if "Dataset(" in block)
    (tmp_path / "build").mkdir()
    done = subprocess.run([sys.executable, "-c", shown], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    network = lgn_edge.export(load_checkpoint(tmp_path / "build" / "sides"), tmp_path / "sides.onnx")
    assert network.class_names == ("left", "right")
    assert network.provenance["scale"] == "255"
    assert lgn_edge.load(tmp_path / "sides.onnx").provenance["scale"] == "255"
