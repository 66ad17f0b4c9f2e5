"""Everything that writes to a place that a user names: what is there and not ours stays, and is named."""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import lgn_edge
from lgn_edge import demo
from lgn_edge.cli import app
from lgn_edge.errors import InputError
from lgn_edge.files import LIST
from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, Threshold, onnx_export
from lgn_edge.onnx_library import __main__ as library
from lgn_edge.onnx_model import write
from lgn_edge.targets import executed
from lgn_edge.training import train
from lgn_edge.training.checkpoint import save_checkpoint
from lgn_edge.training.recipe import Recipe
from lgn_edge.verification.failure import save_failures
from lgn_edge.verification.subject import Subject
from tests.strategies import random_network
from tests.thinning import few
from tests.training.runs import RECIPE, dataset

NETWORK = random_network(3, features=7, bits=24, widths=(40, 30), classes=3)
ROOT = Path(__file__).parents[1]

Writer = Callable[[Path, bool], object]


def model() -> LogicGateNetwork:
    encoder = Threshold.thermometer(np.random.default_rng(0).random((20, 4), np.float32), 2)
    return LogicGateNetwork(encoder, [LogicDense(8, 12)], GroupSum(12, 3))


def build(place: Path, force: bool) -> None:
    lgn_edge.build(NETWORK, "c", place, force=force)


def command(*words: object) -> None:
    """A command that is refused, as a library would be."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    if done.exit_code:
        assert done.exit_code == 2
        raise InputError(done.stderr.splitlines()[-1])


def build_command(place: Path, force: bool) -> None:
    write(NETWORK, place.parent / "source.onnx", force=True)
    command("build", place.parent / "source.onnx", "-t", "c", "-o", place, *["--force"] * force)


def ship(place: Path, force: bool) -> None:
    run = place.parent / "run"
    save_checkpoint(model(), run)
    script = runpy.run_path(str(ROOT / "examples" / "models" / "ship.py"))
    script["main"].__globals__.update(FOLDER=place.parent, card=lambda *_: "a card")
    before = sys.argv
    sys.argv = ["ship.py", str(run), place.name, *["--force"] * force]
    try:
        script["main"]()
    finally:
        sys.argv = before


FOLDERS: dict[str, Writer] = {
    "build": build,
    "build command": build_command,
    "save_checkpoint": lambda place, force: save_checkpoint(model(), place, force=force),
    "save_failures": lambda place, force: save_failures(place, Subject(NETWORK), [], force=force),
    "ship": ship,
}


@pytest.mark.parametrize("entry", FOLDERS)
def test_a_foreign_folder_is_kept(tmp_path: Path, entry: str) -> None:
    write_to, place = FOLDERS[entry], tmp_path / "place"
    place.mkdir()
    (place / "data.csv").write_text("mine")
    with pytest.raises(InputError, match=r"data\.csv would be lost; .*--force"):
        write_to(place, False)
    assert {path.name: path.read_text() for path in place.iterdir()} == {"data.csv": "mine"}
    write_to(place, True)
    assert not (place / "data.csv").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("entry", [entry for entry in FOLDERS if entry != "ship"])
def test_a_folder_of_ours_is_replaced_until_it_is_changed(tmp_path: Path, entry: str) -> None:
    write_to, place = FOLDERS[entry], tmp_path / "place"
    for _ in range(2):
        write_to(place, False)
    for path in [path for path in place.rglob("*") if path.is_file() and path.name != LIST]:
        before = path.read_bytes()
        path.write_bytes(before + b"\n")
        with pytest.raises(InputError, match=f"{path.relative_to(place)} would be lost"):
            write_to(place, False)
        assert path.read_bytes() == before + b"\n"
        path.write_bytes(before)
    write_to(place, False)


@pytest.mark.parametrize("one", FOLDERS)
@pytest.mark.parametrize("other", ["build", "save_checkpoint"])
def test_what_another_wrote_is_kept(tmp_path: Path, one: str, other: str) -> None:
    if one.startswith(other):
        return
    FOLDERS[other](tmp_path / "place", False)
    with pytest.raises(InputError, match="would be lost"):
        FOLDERS[one](tmp_path / "place", False)


def with_data(place: Path, force: bool) -> None:
    """Writes a model whose constants lie in `place`."""
    write(NETWORK, place.with_suffix(""), threshold_bytes=0, force=force)


def exported(place: Path, force: bool) -> None:
    import torch

    module = model().eval()
    with onnx_export.layers_as_nodes(module):
        program = torch.onnx.export(module, (torch.rand(2, 4),), dynamo=True, verbose=False)
    onnx_export.save(program, place, force=force)


def run_command(place: Path, force: bool) -> None:
    write(NETWORK, place.parent / "source.onnx", force=True)
    np.save(place.parent / "samples.npy", np.zeros((3, 7), NETWORK.encoder.input_dtype))
    command("run", place.parent / "source.onnx", "-i", place.parent / "samples.npy", "-o", place, *["--force"] * force)


def export_command(place: Path, force: bool) -> None:
    write(NETWORK, place.parent / "source.onnx", force=True)
    command("export", place.parent / "source.onnx", "-o", place, *["--force"] * force)


FILES: dict[str, Writer] = {
    "write": lambda place, force: write(NETWORK, place, force=force),
    "external data": with_data,
    "export": lambda place, force: lgn_edge.export(NETWORK, place, force=force),
    "export command": export_command,
    "onnx_export.save": exported,
    "run command": run_command,
}


# What the exporter of torch says about itself.
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("entry", few(tuple(FILES), *(entry for entry in FILES if entry != "onnx_export.save")))
def test_a_foreign_file_is_kept(tmp_path: Path, entry: str) -> None:
    write_to, place = FILES[entry], tmp_path / "m.onnx.data"
    for mine in (b"mine", b"PK\x03\x04"):
        place.write_bytes(mine)
        with pytest.raises(InputError, match=r"m\.onnx\.data would be lost.*--force"):
            write_to(place, False)
        assert place.read_bytes() == mine
        write_to(place, True)
        assert place.read_bytes() != mine
        write_to(place, False)  # now it is ours
    place.unlink()
    place.mkdir()
    with pytest.raises(InputError, match="is a folder"):
        write_to(place, True)


def test_changed_external_data_are_kept(tmp_path: Path) -> None:
    data = tmp_path / "m.onnx.data"
    with_data(data, False)
    data.write_bytes(data.read_bytes() + b"mine")
    with pytest.raises(InputError, match=r"m\.onnx\.data would be lost"):
        with_data(data, False)
    assert data.read_bytes().endswith(b"mine")


def test_a_model_is_not_written_over_itself(tmp_path: Path) -> None:
    write(NETWORK, tmp_path / "m.onnx")
    before = (tmp_path / "m.onnx").read_bytes()
    (tmp_path / "link.onnx").symlink_to("m.onnx")
    for name in ("m.onnx", "link.onnx"):
        with pytest.raises(InputError, match="it is the model that is exported"):
            lgn_edge.export(tmp_path / "m.onnx", tmp_path / name, ops="standard")
    assert (tmp_path / "m.onnx").read_bytes() == before
    lgn_edge.export(tmp_path / "m.onnx", tmp_path / "m.onnx", ops="standard", force=True)
    assert (tmp_path / "m.onnx").read_bytes() != before


@pytest.mark.parametrize("mine", ["model/notes.txt", "history.csv", "state"])
@pytest.mark.parametrize("resume", [False, True])
def test_training_keeps_what_is_in_its_folder(tmp_path: Path, mine: str, resume: bool) -> None:
    (tmp_path / mine).parent.mkdir(exist_ok=True)
    (tmp_path / mine).write_text("mine")
    with pytest.raises(InputError, match=f"{mine}.*(would be lost|is a file)"):
        train(RECIPE, data=dataset(), output=tmp_path, resume=resume, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == [mine.partition("/")[0]]
    assert (tmp_path / mine).read_text() == "mine"


def short(epochs: int) -> Recipe:
    return replace(RECIPE, training=replace(RECIPE.training, epochs=epochs))


@pytest.mark.parametrize(
    "mine", ["recipe.toml", ".hidden", "state/notes.txt", "tensorboard/notes.txt", ".model.mine/new"]
)
def test_a_new_run_has_its_folder_for_itself(tmp_path: Path, mine: str) -> None:
    (tmp_path / mine).parent.mkdir(exist_ok=True)
    (tmp_path / mine).write_text("mine")
    with pytest.raises(InputError, match=f"holds what lgn-edge did not write there, such as .*{mine.split('/')[0]}"):
        train(short(1), data=dataset(), output=tmp_path, progress=False)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / mine]


def test_a_run_that_goes_on_keeps_what_is_beside_its_files(tmp_path: Path) -> None:
    train(short(1), data=dataset(), output=tmp_path, progress=False)
    (tmp_path / "recipe.toml").write_text("mine")
    (tmp_path / "state" / "notes.txt").write_text("mine")
    train(short(2), data=dataset(), output=tmp_path, progress=False, resume=True)
    assert (tmp_path / "recipe.toml").read_text() == (tmp_path / "state" / "notes.txt").read_text() == "mine"
    assert len(list((tmp_path / "state").iterdir())) == 2


STOPPED = """
import os, signal, sys
from lgn_edge.training import loop, train
from tests.training.runs import RECIPE, dataset

setattr(loop, sys.argv[1], lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
train(RECIPE, data=dataset(), output=sys.argv[2], progress=False, tensorboard=True)
"""


@pytest.mark.parametrize("step", ["accuracies", "write_table"])
def test_a_run_that_was_killed_in_its_first_epoch_leaves_its_folder_to_the_next(tmp_path: Path, step: str) -> None:
    run = tmp_path / "run"
    killed = subprocess.run([sys.executable, "-c", STOPPED, step, run], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    if step == "accuracies":
        assert [path.name for path in run.iterdir()] == ["tensorboard"]
        train(short(1), data=dataset(), output=run, progress=False)
    else:
        with pytest.raises(InputError, match=r"cannot be resumed: .*its .*model is intact: start a new run from it"):
            train(short(1), data=dataset(), output=run, progress=False)


def test_a_checkpoint_of_an_earlier_version_is_replaced(tmp_path: Path) -> None:
    save_checkpoint(model(), tmp_path / "old")
    (tmp_path / "old" / LIST).unlink()
    save_checkpoint(model(), tmp_path / "old")
    assert (tmp_path / "old" / LIST).exists()
    (tmp_path / "old" / LIST).unlink()
    (tmp_path / "old" / "notes.txt").touch()
    with pytest.raises(InputError, match="would be lost"):
        save_checkpoint(model(), tmp_path / "old")


@pytest.mark.parametrize("place", ["model.onnx", "native/notes.txt", "cortex-m4/notes.txt"])
def test_the_demo_refuses_before_it_trains(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lgn_edge.training.train", lambda *_, **__: pytest.fail("it trains"))
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("mine")
    with pytest.raises(InputError, match=f"{Path(place).name} would be lost"):
        demo.run_demo("digits", output=tmp_path)
    assert (tmp_path / place).read_text() == "mine"


class TrainingBeginsError(Exception):
    """Where the demo would train."""


@pytest.mark.parametrize("place", ["model.onnx", "native/notes.txt", "cortex-m4/notes.txt"])
def test_the_demo_replaces_by_force(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def begins(*_: object, **__: object) -> None:
        raise TrainingBeginsError

    monkeypatch.setattr("lgn_edge.training.train", begins)
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("mine")
    with pytest.raises(TrainingBeginsError):
        demo.run_demo("digits", output=tmp_path, force=True)


def test_a_difference_replaces_by_force(tmp_path: Path) -> None:
    """`verify` tells what it cannot save, and saves it where it is told to replace what is there."""
    other, place = tmp_path / "other", tmp_path / "place"
    place.mkdir()
    (place / "data.csv").write_text("mine")
    lgn_edge.export(model(), tmp_path / "m.onnx")
    save_checkpoint(model(), other)  # of other gates
    words = ["verify", tmp_path / "m.onnx", "--checkpoint", other, "--backend", "torch", "--save-failure", place]
    for force in (False, True):
        done = CliRunner().invoke(app, [*map(str, words), *["--force"] * force])
        assert done.exit_code == 1, done.output
        assert ("data.csv would be lost" in done.output) is not force
        assert (place / "data.csv").exists() is not force
        assert (place / "torch" / "README.md").exists() is force


def test_every_command_that_offers_force_is_tested_here() -> None:
    offered = {
        name
        for name in ("build", "demo", "export", "inspect", "run", "targets", "train", "verify")
        if "--force" in CliRunner().invoke(app, [name, "--help"]).stdout
    }
    assert offered == {"build", "demo", "export", "run", "verify"}


def test_the_record_of_targets_keeps_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executed, "_path", lambda: tmp_path / "executed.json")
    run = executed.Executed("2026-01-01", True, 3, "1")
    for _ in range(2):
        executed.record({"c": run})
    (tmp_path / "executed.json").write_text("mine")
    with pytest.raises(InputError, match="would be lost"):
        executed.record({"c": run})


def test_the_library_keeps_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "build_library", lambda *_: pytest.fail("it builds"))
    monkeypatch.setattr(library.sys, "argv", ["onnx_library", str(tmp_path)])
    path = tmp_path / library.prebuilt_path(library.library_target().name).name
    path.write_text("mine")
    with pytest.raises(InputError, match="would be lost"):
        library.main()


KILLED = """
import os, signal, sys
import lgn_edge
from lgn_edge.artifact import builder

setattr(builder, sys.argv[1], lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
lgn_edge.build(sys.argv[2], "c", sys.argv[3])
"""


@pytest.mark.parametrize("step", ["_write_sources", "measure"])
def test_the_build_after_a_killed_one_clears_up(tmp_path: Path, step: str) -> None:
    write(NETWORK, tmp_path / "m.onnx")
    place = tmp_path / "firmware"
    build(place, False)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    killed = subprocess.run([sys.executable, "-c", KILLED, step, tmp_path / "m.onnx", place], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob(".firmware.*"))) == 1
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before
    build(place, False)
    assert sorted(os.listdir(tmp_path)) == ["firmware", "m.onnx"]


def test_a_working_folder_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    script = "import os; os.rmdir('../gone'); from lgn_edge.cli import main; main()"
    (tmp_path / "gone").mkdir()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script, "train", "digits", "--dry-run"],
        cwd=tmp_path / "gone",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: the working folder is gone; ")
