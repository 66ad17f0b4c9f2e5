"""What a test needs beside the wheels: it asks here, and is skipped by name where that is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import browser
from lgn_edge.artifact.executed_by import not_executed
from lgn_edge.programs import find_program, missing_program
from lgn_edge.targets.registry import find_target

BUILD = Path(__file__).parents[1] / "build"  # where make puts what it gets for tests


def needs(program: str, folder: Path | None = None) -> str:
    """The path of a program, in `folder` or on the PATH."""
    found = find_program(program, folder)
    if found is None:
        pytest.skip(missing_program(program, folder) or program)
    return found


def needs_emulator(target: str) -> None:
    """Whatever executes a target's code: an emulator, a device of a GPU's kind."""
    reason = not_executed(find_target(target))
    if reason:
        pytest.skip(f"{target}: {reason}")


def needs_made(path: Path, command: str) -> Path:
    """A file or folder that a command of the Makefile gets."""
    if not path.exists():
        pytest.skip(f"there is no {path.name}; run: {command}")
    return path


@contextmanager
def needs_chromium() -> Iterator[browser.Launch]:
    """What starts browsers, where Chromium and what drives it are installed."""
    if reason := browser.missing():
        pytest.skip(reason)
    with browser.chromium() as launch:
        yield launch
