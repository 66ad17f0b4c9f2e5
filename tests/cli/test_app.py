"""The frame around the commands: help, version, typos, exit codes."""

from __future__ import annotations

import subprocess
import sys

import pytest

import lgn_edge
from lgn_edge import api
from lgn_edge.errors import InputError, InvariantError

COMMANDS = ("train", "export", "build", "run", "verify", "inspect", "targets", "demo")


def test_version(lgn_edge_command):
    done = lgn_edge_command("--version")
    assert (done.code, done.stdout, done.stderr) == (0, f"lgn-edge {lgn_edge.__version__}\n", "")


def test_help_names_every_command_on_a_whole_line(lgn_edge_command):
    done = lgn_edge_command("--help")
    assert done.code == 0
    listed = done.stdout.split("Commands:\n")[1].split("\n\n")[0]
    assert [line.split()[0] for line in listed.splitlines()] == list(COMMANDS)
    assert "..." not in listed


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_examples_that_start_with_the_command(lgn_edge_command, command):
    done = lgn_edge_command(command, "--help")
    assert done.code == 0
    examples = done.stdout.split("Examples:\n")[1].split("\n\n")[0].splitlines()
    assert examples
    assert all(line.strip().startswith(f"lgn-edge {command}") for line in examples)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["verfy"], "Did you mean 'verify'?"),
        (["verify", "model.onnx", "--sampels", "3"], "--samples"),
        (["verify"], "Missing argument"),
        (["build", "model.onnx", "-o", "x"], "--target"),
        (["run", "model.onnx", "--input", "x.npy", "--threads", "0"], "--threads"),
        (["demo", "--dataset", "imagenet"], "imagenet"),
    ],
)
def test_a_mistake_in_the_words_is_two_and_says_what(lgn_edge_command, arguments, text):
    done = lgn_edge_command(*arguments)
    assert done.code == 2
    assert done.stdout == ""
    assert text in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (InputError("the tap is closed; open it"), 2, "error: the tap is closed; open it\n"),
        (InvariantError("a gate has three inputs"), 3, "error: a gate has three inputs\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (
            ValueError("two\nlines"),
            3,
            "error: a defect of lgn-edge, please report it: ValueError: two lines (lgn-edge --debug ... shows where)\n",
        ),
    ],
)
def test_errors_are_one_line_and_a_code(lgn_edge_command, monkeypatch, error, code, text):
    def broken(path):
        raise error

    monkeypatch.setattr(api, "load", broken)
    done = lgn_edge_command("inspect", "model.onnx")
    assert (done.code, done.stdout, done.stderr) == (code, "", text)


def test_debug_shows_the_traceback(lgn_edge_command, monkeypatch):
    def broken(path):
        raise ValueError("hidden place")

    monkeypatch.setattr(api, "load", broken)
    done = lgn_edge_command("--debug", "inspect", "model.onnx")
    assert done.code == 3
    assert "Traceback" in done.stderr
    assert "in broken" in done.stderr


def test_it_works_as_a_program_without_terminal_and_colour():
    command = [sys.executable, "-m", "lgn_edge.cli", "targets"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "cortex-m4" in done.stdout


def test_a_reader_that_goes_away_is_no_defect():
    command = [sys.executable, "-m", "lgn_edge.cli", "targets", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141
