"""A model, samples and an artifact on disk, and the command line on them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from lgn_edge.artifact import build
from lgn_edge.cli import app
from lgn_edge.network import Network
from lgn_edge.onnx_model import write
from lgn_edge.targets import executed
from tests.strategies import random_network, random_samples


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


Run = Callable[..., Outcome]


@pytest.fixture
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the record of executed targets is."""
    return tmp_path_factory.mktemp("cache") / "executed.json"


@pytest.fixture
def lgn_edge_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kept: Path) -> Run:
    """Runs a command in an empty folder; the user's own record of executed targets stays as it is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(executed, "_path", lambda: kept)
    runner = CliRunner()

    def run(*arguments: object) -> Outcome:
        result = runner.invoke(app, [str(argument) for argument in arguments], prog_name="lgn-edge")
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with model.onnx, samples.npy, labels.npy, and things that are none of these."""
    folder = tmp_path_factory.mktemp("files")
    network = small_network()
    samples = random_samples(network, 40)
    write(network, folder / "model.onnx")
    np.save(folder / "samples.npy", samples)
    np.save(folder / "labels.npy", network.evaluate(samples).classes)
    np.save(folder / "float64.npy", samples.astype(np.float64) + 1e-12)
    np.save(folder / "narrow.npy", samples[:, :3])
    np.save(folder / "number.npy", np.float32(1))
    np.save(folder / "pickle.npy", np.array([{"a": 1}], object), allow_pickle=True)
    np.savez(folder / "several.npy.npz", a=samples, b=samples)
    (folder / "empty.npy").touch()
    (folder / "text.onnx").write_text("this is no model")
    (folder / "truncated.onnx").write_bytes((folder / "model.onnx").read_bytes()[:-200])
    (folder / "folder").mkdir()
    return folder


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A native artifact of the model."""
    folder = tmp_path_factory.mktemp("artifacts") / "host"
    build(small_network(), "native", folder)
    return folder


def small_network() -> Network:
    return random_network(3, features=7, bits=24, widths=(40, 30), classes=3)
