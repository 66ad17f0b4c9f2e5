"""Ctrl-C and `kill`: an exit code, a word at most, nothing half-written, no child left; the work goes on later."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lgn_edge.artifact import load_artifact
from lgn_edge.onnx_model import read, write
from lgn_edge.training import load_checkpoint
from tests.cli.conftest import small_network
from tests.thinning import exhaustive

ROOT = Path(__file__).parents[2]
WORDS = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "terminated")}

# The command runs as from a shell, and gets the signal when it calls a function for the n-th time.
STOPPED = """
import importlib, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
number, module, name, calls = int(sys.argv[1]), importlib.import_module(sys.argv[2]), sys.argv[3], int(sys.argv[4])
function, seen = getattr(module, name), 0

def stopped(*arguments, **settings):
    global seen
    seen += 1
    if seen == calls:
        os.kill(os.getpid(), number)
    return function(*arguments, **settings)

setattr(module, name, stopped)
sys.argv[1:] = sys.argv[5:]
from lgn_edge.cli import main
main()
"""
SMALL = ("--set", "training.epochs=4", "--set", "widths=[40,40]", "--set", "training.threads=1")
# Each command, and where it is stopped: before it writes, while it does, and behind that.
COMMANDS = {
    "train, in its first epoch": ("lgn_edge.training.loop", "accuracies", 1, ("train", "digits", "-o", "run", *SMALL)),
    "train, in its third": ("lgn_edge.training.loop", "accuracies", 3, ("train", "digits", "-o", "run", *SMALL)),
    "train, as it writes": ("lgn_edge.training.checkpoint", "_pack", 4, ("train", "digits", "-o", "run", *SMALL)),
    "export": ("lgn_edge.onnx_model.writer", "write_atomic", 1, ("export", "model.onnx", "-o", "out.onnx")),
    "build, as it compiles": (
        "lgn_edge.toolchain",
        "compile_c",
        2,
        ("build", "model.onnx", "-t", "cortex-m4", "-o", "out"),
    ),
    "build, as it measures": (
        "lgn_edge.artifact.builder",
        "measure",
        1,
        ("build", "model.onnx", "-t", "cortex-m4", "-o", "out"),
    ),
    "verify": ("lgn_edge.verification.run", "compare", 3, ("verify", "model.onnx", "--backend", "circuit")),
    "run": ("lgn_edge.cli.run", "_save", 1, ("run", "model.onnx", "-i", "samples.npy", "-o", "out.npz")),
}


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "scratch")}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    import numpy as np

    (tmp_path / "scratch").mkdir()
    write(small_network(), tmp_path / "model.onnx")
    np.save(tmp_path / "samples.npy", np.zeros((3, 7), small_network().encoder.input_dtype))
    return tmp_path


INTERRUPTED = ("train, in its third", "build, as it compiles")  # what is done about both signals is the same
BOTH = [*((which, signal.SIGINT) for which in INTERRUPTED), *((which, signal.SIGTERM) for which in COMMANDS)]
QUICK = [BOTH[0], ("verify", signal.SIGTERM)]


@pytest.mark.parametrize(
    ("which", "number"), [case if case in QUICK else pytest.param(*case, marks=exhaustive) for case in BOTH]
)
def test_a_command_that_is_stopped_leaves_nothing_half_written(place: Path, which: str, number: signal.Signals) -> None:
    module, function, calls, words = COMMANDS[which]
    (code, sentence), before = WORDS[number], {path.name for path in place.iterdir()}
    done = command(place, "-c", STOPPED, str(int(number)), module, function, str(calls), *words)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == sentence
    left = {path.name for path in place.iterdir()} - before
    assert left <= {"run"}
    assert not list((place / "scratch").glob("lgn-edge-*"))
    again = command(
        place, "-m", "lgn_edge.cli", *words, *["--resume"] * ("run" in left and any((place / "run").iterdir()))
    )
    assert again.returncode == 0, again.stderr
    if words[0] == "build":
        assert load_artifact(place / "out").selftest()
    elif words[0] == "export":
        assert read(place / "out.onnx") == small_network()
    elif words[0] == "train":
        load_checkpoint(place / "run")
        assert len((place / "run" / "history.csv").read_text().splitlines()) == 1 + 4
    names = [path.name for path in place.rglob("*") if path.name.startswith(".") and path.is_dir()]
    assert not names


@exhaustive
def test_what_was_there_stays_when_its_replacement_is_stopped(place: Path) -> None:
    first = command(place, "-m", "lgn_edge.cli", "build", "model.onnx", "-t", "c", "-o", "out")
    assert first.returncode == 0, first.stderr
    before = {path: path.read_bytes() for path in (place / "out").rglob("*") if path.is_file()}
    words = ("build", "model.onnx", "-t", "c", "-o", "out", "--force")
    done = command(place, "-c", STOPPED, str(int(signal.SIGINT)), "lgn_edge.artifact.builder", "measure", "1", *words)
    assert done.returncode == 130
    assert {path: path.read_bytes() for path in (place / "out").rglob("*") if path.is_file()} == before
