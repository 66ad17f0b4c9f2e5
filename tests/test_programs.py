"""Programs that no wheel has: found in one place, and hidden there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lgn_edge import emulate
from lgn_edge.emulate.availability import PROGRAMS
from lgn_edge.programs import HIDE_VARIABLE, find_program, missing_program

ROOT = Path(__file__).parents[1]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty PATH, and a program in a folder that is not on it."""
    monkeypatch.delenv(HIDE_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    program = tmp_path / "avr-gcc"
    program.write_text("")
    program.chmod(0o755)
    return tmp_path


def test_found_on_the_path_or_in_a_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_program("avr-gcc") is None
    assert missing_program("avr-gcc") == "avr-gcc is not installed: apt-get install gcc-avr"
    assert find_program("avr-gcc", folder) == str(folder / "avr-gcc")
    assert missing_program("avr-gcc", folder) is None
    monkeypatch.setenv("PATH", str(folder))
    assert find_program("avr-gcc") == str(folder / "avr-gcc")


def test_hidden_wherever_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HIDE_VARIABLE, "1")
    assert find_program("avr-gcc", folder) is None
    assert missing_program("avr-gcc", folder) == f"avr-gcc is not looked for, as {HIDE_VARIABLE} is set"


@pytest.mark.parametrize("core", PROGRAMS)
def test_no_core_is_emulated_by_a_hidden_program(core: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HIDE_VARIABLE, "1")
    assert PROGRAMS[core] in (emulate.available(core) or "")


def test_nobody_else_looks_for_programs() -> None:
    sources = [path for name in ("lgn_edge", "tests", "benchmarks", "examples") for path in (ROOT / name).rglob("*.py")]
    looking = [path.name for path in sources if re.search(r"\bwhich\(", path.read_text())]
    assert looking == ["programs.py"]


def test_a_program_that_no_test_asked_for_is_an_error() -> None:
    """The guard of the bare run, in a process of its own, as it stays for the rest of one."""
    start = "import tests.conftest, subprocess; subprocess.run(['cc', '--version'])"
    environment = {**os.environ, HIDE_VARIABLE: "1"}
    command = [sys.executable, "-W", "ignore", "-c", start]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert "FileNotFoundError: cc is hidden; whoever needs it asks for it" in done.stderr
