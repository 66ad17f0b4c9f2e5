"""The frame around the commands: help, version, typos, exit codes."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

import lgn_edge
from lgn_edge import api
from lgn_edge.errors import InputError, InvariantError
from lgn_edge.onnx_model import write
from tests.cli.conftest import Outcome, small_network

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
    for words in (("--debug", "inspect", "model.onnx"), ("inspect", "model.onnx", "--debug")):
        done = lgn_edge_command(*words)
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


@pytest.mark.parametrize("words", ["--version", "--help", "build --help", "targets", "targets --json"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written_is_one_sentence(words, unbuffered):
    command = [sys.executable, "-m", "lgn_edge.cli", *words.split()]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environment)
        said = subprocess.run([*command[:3], "inspect", "missing.onnx"], stderr=full, check=False, env=environment)
    text = "error: cannot write the output: no space left on device; free some space, or send it elsewhere\n"
    assert (done.returncode, done.stderr) == (2, text)
    assert said.returncode == 2


def test_hints_can_be_copied(lgn_edge_command, files, tmp_path):
    odd = tmp_path / "a model; it's mine.onnx"
    shutil.copy(files / "model.onnx", odd)
    for words in (("build", odd, "-t", "c", "-o", "out put"), ("export", odd, "-o", "$HOME.onnx")):
        hint = lgn_edge_command(*words).stderr.splitlines()[-1].removeprefix("next: ").partition(", or ")[0]
        shown = shlex.split(hint)
        assert shown[0] == "lgn-edge"
        assert set(map(str, words)) & set(shown)
        assert lgn_edge_command(shown[1], "--help", *shown[2:]).code == 0
        assert all((tmp_path / word).exists() for word in shown[2:] if not word.startswith("--"))


def program(*arguments, **environment):
    command = [sys.executable, "-m", "lgn_edge.cli", *map(str, arguments)]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


def test_a_shell_completes_commands_and_options():
    for words, found in (("lgn-edge ins", "inspect"), ("lgn-edge build --opt", "--optimize")):
        asked = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        assert program(_LGN_EDGE_COMPLETE="complete_bash", **asked).stdout.split() == [found]
    told = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # else it is the shell that runs the tests
    assert "_LGN_EDGE_COMPLETE=complete_bash" in program("--show-completion", "bash", **told).stdout


def test_quiet_says_only_what_went_wrong(lgn_edge_command, files):
    make = ("build", files / "model.onnx", "-t", "c", "-o", "out")
    for words in (("-q", *make), (*make, "-q"), ("build", "--quiet", *make[1:]), ("-q", "export", make[1])):
        assert lgn_edge_command(*words) == Outcome(0, "", "")
    done = lgn_edge_command(*make, "--json", "-q")
    assert (done.json["schema"], done.stderr) == (1, "")
    done = lgn_edge_command("--quiet", "build", files / "model.onnx", "-t", "x86", "-o", "out")
    assert (done.code, len(done.stderr.splitlines())) == (2, 1)
    assert "gates simplified" in lgn_edge_command("inspect", "-q", files / "model.onnx").stdout
    equal = ("verify", files / "model.onnx", "--backend", "circuit", "--samples", 5, "-q")
    assert lgn_edge_command(*equal) == Outcome(0, "", "")
    done = lgn_edge_command(*equal, "--backend", "torch")
    assert done.code == 1
    assert "torch: not run: no checkpoint is given" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_the_options_of_talk(lgn_edge_command, command):
    shown = lgn_edge_command(command, "-v", "--debug", "-q", "--help").stdout
    assert all(option in shown for option in ("-q, --quiet", "-v, --verbose", "--debug"))


def test_verbose_says_more_and_the_next_command_does_not(lgn_edge_command, files):
    said = [
        lgn_edge_command(*before, "build", files / "model.onnx", "-t", "c", "-o", "out", *behind).stderr.splitlines()
        for before, behind in ((["-v"], []), ([], ["-v"]), ([], []))
    ]
    assert [len(lines) for lines in said] == [3, 3, 2]
    assert said[0][1].startswith("read 0.")


def test_nothing_is_announced_before_it_is_checked(lgn_edge_command, files, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "data.csv").touch()
    for arguments in (
        ("missing.onnx", "-t", "c", "-o", "out"),
        (files / "text.onnx", "-t", "c", "-o", "out"),
        (files / "model.onnx", "-t", "see", "-o", "out"),
        (files / "model.onnx", "-t", "c", "-o", "mine"),
    ):
        (line,) = lgn_edge_command("build", *arguments).stderr.splitlines()
        assert line.startswith("error: ")


def test_text_of_a_model_does_not_steer_the_terminal(lgn_edge_command, tmp_path):
    odd = "red\x1b[31m, two\nlines\r<b>|"
    network = small_network()
    names = tuple(f"{odd}{i}" for i in range(network.head.classes))
    features = tuple(f"{odd}{i}" for i in range(network.encoder.n_features))
    named = replace(network, name=odd, class_names=names, feature_names=features, provenance={odd: odd})
    write(named, tmp_path / "model.onnx")
    printed = [repr(named), named._repr_html_()]
    for words in (
        ("inspect", "model.onnx"),
        ("build", "model.onnx", "-t", "wasm", "-o", "out"),
        ("build", "model.onnx"),
    ):
        done = lgn_edge_command(*words)
        printed += [done.stdout, done.stderr]
    printed += [
        path.read_text() for path in (tmp_path / "out").rglob("*.*") if path.suffix in (".h", ".md", ".mjs", ".ts")
    ]
    assert any("two\\nlines" in text for text in printed)
    for text in printed:
        assert not [line for line in text.splitlines() if line.startswith("lines")]
        assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert "<b>" not in (tmp_path / "out" / "report.md").read_text() + named._repr_html_()


def test_tables_in_a_file_have_whole_lines_and_no_padding(lgn_edge_command, tmp_path):
    text = "a long piece of text " * 40
    write(replace(small_network(), provenance={"recipe": text}), tmp_path / "model.onnx")
    for command in (("inspect", "model.onnx"), ("targets",)):
        lines = lgn_edge_command(*command).stdout.splitlines()
        assert lines
        assert all(line == line.rstrip() for line in lines)
        assert command[0] == "targets" or any(text.rstrip() in line for line in lines)
