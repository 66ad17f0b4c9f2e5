"""Everything that takes a path says what lies there where something else belongs, and what to do with it."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

import lgn_edge
from lgn_edge import paths
from lgn_edge.cli import app
from lgn_edge.cli.arrays import load_array
from lgn_edge.errors import InputError
from lgn_edge.onnx_library import onnx_session
from lgn_edge.onnx_model import is_foreign, read_circuit, write
from lgn_edge.onnx_model.runtime import onnxruntime_session, reference_session
from lgn_edge.paths import Kind, Wanted, kind_of
from lgn_edge.training import load_checkpoint, load_dataset, load_recipe, train
from tests.strategies import random_network
from tests.training.runs import RECIPE, dataset

NETWORK = random_network(3, features=7, bits=24, widths=(40, 30), classes=3)


def holding(*names: str) -> Callable[[Path], None]:
    def make(place: Path) -> None:
        place.mkdir()
        for name in names:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text("{}")

    return make


def onnx(place: Path) -> None:
    write(NETWORK, place.with_name("written.onnx"))
    place.with_name("written.onnx").rename(place)


def arrays(place: Path) -> None:
    with place.open("wb") as file:
        np.savez(file, x=np.ones(3), y=np.ones(3))


def array(place: Path) -> None:
    with place.open("wb") as file:
        np.save(file, np.ones((3, 7)))


# What may lie at a path, by how it is made.
THINGS: dict[Kind, Callable[[Path], object]] = {
    paths.MISSING: lambda place: None,
    paths.FOLDER: holding("notes.txt"),
    paths.EMPTY_FOLDER: holding(),
    paths.CHECKPOINT: holding("model.json"),
    paths.RUN: holding("model/model.json"),
    paths.DEMO: holding("training/model/model.json"),
    paths.ARTIFACT: holding("manifest.json"),
    paths.EMPTY_FILE: Path.touch,
    paths.MODEL: onnx,
    paths.TORCH: lambda place: torch.save({"weight": torch.ones(3)}, place),
    paths.SAFETENSORS: lambda place: save_file({"weight": torch.ones(3)}, place),
    paths.PICKLE: lambda place: place.write_bytes(pickle.dumps([1, 2, 3])),
    paths.KERAS: lambda place: place.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99)),
    paths.TFLITE: lambda place: place.write_bytes(b"\x1c\0\0\0TFL3" + bytes(99)),
    paths.ARRAY: array,
    paths.ARRAYS: arrays,
    paths.PROGRAM: lambda place: place.write_bytes(b"\x7fELF" + bytes(99)),
    paths.PACKED: lambda place: place.write_bytes(b"\x1f\x8b" + bytes(99)),
    paths.JSON: lambda place: place.write_text(json.dumps({"a": 1})),
    paths.TEXT: lambda place: place.write_text("width,height,class\n1,2,é\n"),
}


def command(*words: object) -> None:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 2, done.output
    assert not done.stdout
    raise InputError(done.stderr.splitlines()[-1].removeprefix("error: "))


def loading(folder: Path) -> None:
    load_dataset("mnist", folder)


DOORS: dict[str, tuple[Wanted, Callable[[Path], object]]] = {
    "load": (Wanted.MODEL, lgn_edge.load),
    "build": (Wanted.MODEL, partial(lgn_edge.build, target="c", output="out")),
    "verify": (Wanted.MODEL, lgn_edge.verify),
    "read_circuit": (Wanted.MODEL, read_circuit),
    "is_foreign": (Wanted.MODEL, is_foreign),
    "onnxruntime_session": (Wanted.MODEL, onnxruntime_session),
    "reference_session": (Wanted.MODEL, reference_session),
    "onnx_session": (Wanted.MODEL, onnx_session),
    "verify checkpoint": (Wanted.CHECKPOINT, lambda path: lgn_edge.verify(NETWORK, checkpoint=path)),
    "load_checkpoint": (Wanted.CHECKPOINT, load_checkpoint),
    "train start_from": (
        Wanted.CHECKPOINT,
        lambda path: train(RECIPE, data=dataset(), output="out", start_from=path, progress=False),
    ),
    "load_artifact": (Wanted.ARTIFACT, lgn_edge.load_artifact),
    "verify artifact": (Wanted.ARTIFACT, lambda path: lgn_edge.verify(NETWORK, artifacts=[path])),
    "load_array": (Wanted.ARRAY, load_array),
    "load_recipe": (Wanted.RECIPE, load_recipe),
    "load_dataset": (Wanted.DATA, loading),
    "lgn-edge inspect": (Wanted.MODEL, partial(command, "inspect")),
    "lgn-edge verify": (Wanted.MODEL, partial(command, "verify")),
    "lgn-edge build": (Wanted.MODEL, partial(command, "build", "-t", "c", "-o", "out")),
    "lgn-edge build --samples": (
        Wanted.ARRAY,
        partial(command, "build", "m.onnx", "-t", "c", "-o", "out", "--samples"),
    ),
    "lgn-edge verify --checkpoint": (Wanted.CHECKPOINT, partial(command, "verify", "m.onnx", "--checkpoint")),
    "lgn-edge verify --artifact": (Wanted.ARTIFACT, partial(command, "verify", "m.onnx", "--artifact")),
    "lgn-edge verify --input": (Wanted.ARRAY, partial(command, "verify", "m.onnx", "--input")),
    "lgn-edge run --input": (Wanted.ARRAY, partial(command, "run", "m.onnx", "--input")),
    "lgn-edge run --labels": (Wanted.ARRAY, partial(command, "run", "m.onnx", "-i", "x.npy", "--labels")),
    "lgn-edge train": (Wanted.RECIPE, partial(command, "train", "-o", "out")),
    "lgn-edge train --data": (Wanted.DATA, partial(command, "train", "mnist", "-o", "out", "--data")),
}
# What each takes, or leaves to a reader that says more.
TAKEN: dict[Wanted, tuple[Kind, ...]] = {
    Wanted.MODEL: (paths.MODEL,),
    Wanted.CHECKPOINT: (paths.CHECKPOINT, paths.RUN),
    Wanted.ARTIFACT: (paths.ARTIFACT,),
    Wanted.ARRAY: (paths.ARRAY,),
    Wanted.RECIPE: (paths.MISSING, paths.TEXT),
    Wanted.DATA: (
        paths.MISSING,
        paths.FOLDER,
        paths.EMPTY_FOLDER,
        paths.CHECKPOINT,
        paths.RUN,
        paths.DEMO,
        paths.ARTIFACT,
    ),
}


@pytest.mark.parametrize("kind", THINGS, ids=lambda kind: kind.text)
def test_a_thing_is_recognised(tmp_path: Path, kind: Kind) -> None:
    place = tmp_path / "a thing"
    THINGS[kind](place)
    assert kind_of(place) is kind


@pytest.mark.parametrize("door", DOORS)
def test_a_door_says_what_a_thing_is(tmp_path: Path, door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(NETWORK, "m.onnx")
    np.save("x.npy", np.zeros((3, 7), NETWORK.encoder.input_dtype))
    wanted, enter = DOORS[door]
    for number, (kind, make) in enumerate(THINGS.items()):
        if kind in TAKEN[wanted]:
            continue
        place = tmp_path / f"thing {number}"
        make(place)
        before = sorted(tmp_path.iterdir())
        with pytest.raises(InputError) as caught:
            enter(place)
        message = str(caught.value)
        assert message.startswith(f"{place} {kind.text}; "), message
        assert "\n" not in message
        assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("kind", [kind for kind in THINGS if kind not in (paths.MODEL, paths.CHECKPOINT, paths.RUN)])
def test_export_says_what_a_thing_is(tmp_path: Path, kind: Kind) -> None:
    """It takes a model or a checkpoint."""
    place = tmp_path / "thing"
    THINGS[kind](place)
    for enter in (
        partial(lgn_edge.export, output=tmp_path / "out.onnx"),
        partial(command, "export", "-o", tmp_path / "out.onnx"),
    ):
        with pytest.raises(InputError) as caught:
            enter(place)
        assert str(caught.value).startswith(f"{place} {kind.text}; ")
        assert not (tmp_path / "out.onnx").exists()


def test_a_torch_file_and_a_model_are_told_what_to_do_with(tmp_path: Path) -> None:
    torch.save({}, tmp_path / "x.pt")
    onnx(tmp_path / "x.onnx")
    with pytest.raises(InputError, match="load it into its module in Python, and export that"):
        lgn_edge.export(tmp_path / "x.pt", tmp_path / "out.onnx")
    with pytest.raises(InputError, match=r"build an artifact of it: lgn-edge build .*x\.onnx --target native"):
        lgn_edge.load_artifact(tmp_path / "x.onnx")
    with pytest.raises(InputError, match="it holds gates, not the weights that they came from"):
        lgn_edge.verify(NETWORK, checkpoint=tmp_path / "x.onnx")


def test_digits_read_no_folder(tmp_path: Path) -> None:
    """Data that would not be read are refused, not ignored."""
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    doors: list[Callable[[Path], Any]] = [
        partial(load_dataset, "digits"),
        partial(command, "train", "digits", "-o", tmp_path / "out", "--data"),
        partial(command, "train", "digits", "--dry-run", "--data"),
        partial(command, "demo", "-o", tmp_path / "out", "--data"),
    ]
    for enter in doors:
        with pytest.raises(InputError, match=r"is a text file; data of your own go to lgn_edge\.training\.train"):
            enter(tmp_path / "table.csv")
        with pytest.raises(InputError, match=r"digits comes with scikit-learn, so nothing would be read from"):
            enter(tmp_path)
    assert not (tmp_path / "out").exists()
