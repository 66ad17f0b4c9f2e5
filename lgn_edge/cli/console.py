"""Where words go: stdout is data, stderr is talk, of which the user says how much there is.

Works without a terminal and without colour.
"""

from __future__ import annotations

import io
import json
import logging
import os
import shlex
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from lgn_edge.errors import InputError
from lgn_edge.words import listed, printable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from rich.table import Table

    from lgn_edge.verification import VerifyReport

_WIDTH_IN_FILES: Final = 1 << 16  # a line of a table in a file or pipe is never broken
_TALK: Final = logging.getLogger("lgn_edge")


class _Stdout(io.FileIO):
    """Standard output; what fails there is told as that, and what comes after goes nowhere."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            discard(self.fileno())
            if isinstance(error, BrokenPipeError):
                raise
            reason = (error.strerror or str(error)).lower()
            raise InputError(f"cannot write the output: {reason}; free some space, or send it elsewhere") from error


def discard(descriptor: int) -> None:
    """Let what is written to a file that failed go nowhere from now on: Python tries again at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def open_streams() -> None:
    """Open what a program writes to: stdout whose failures are told, and nowhere where the shell closed it."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  open as long as the process
    old = sys.stdout
    if isinstance(old, io.TextIOWrapper):
        file = io.BufferedWriter(_Stdout(old.fileno(), "w", closefd=False))
        line_by_line = old.line_buffering or old.write_through
        sys.stdout = io.TextIOWrapper(file, old.encoding, old.errors, line_buffering=line_by_line)


def set_talk(*, quiet: bool, verbose: bool) -> None:
    """Say how much there is to be on stderr from now on: only what went wrong, or the details too."""
    _TALK.handlers = [logging.StreamHandler()]  # to stderr as it is now
    _TALK.propagate = False
    _TALK.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)


def talks() -> bool:
    """Whether progress is to be shown."""
    return _TALK.isEnabledFor(logging.INFO)


def say(text: str) -> None:
    """Progress and hints."""
    _TALK.info(printable(text))


def detail(text: str) -> None:
    """What is said with --verbose only."""
    _TALK.debug(printable(text))


def warn(text: str) -> None:
    """What is said with --quiet, too: something is not as it was asked for."""
    _TALK.warning(printable(text))


def emit(text: str) -> None:
    """A line of data, on stdout."""
    print(text)


def tell(what: str | Table) -> None:
    """What a command has made, on stdout; nothing with --quiet."""
    if talks():
        emit(what) if isinstance(what, str) else emit_table(what)


def emit_json(document: dict[str, Any]) -> None:
    """One JSON document, on stdout."""
    print(json.dumps(document, indent=2, allow_nan=False))


def emit_table(table: Table, width: int = _WIDTH_IN_FILES) -> None:
    """A table, on stdout: as wide as the terminal, or without one, as its words, up to a width."""
    from rich.console import Console

    columns = None if sys.stdout.isatty() else width
    console = Console(file=sys.stdout, width=columns, highlight=False, markup=False, emoji=False)
    if sys.stdout.isatty():
        console.print(table)
        return
    with console.capture() as text:
        console.print(table)
    for line in text.get().splitlines():
        emit(line.rstrip())


def emit_report(report: VerifyReport) -> None:
    """What was held against the model, on stdout; with --quiet only where something differs or could not run."""
    if talks() or not report.ok:
        emit_table(report.table())
        for line in report.details():
            emit(line)


def command(*words: object) -> str:
    """A command line of ours for people to copy."""
    return shlex.join(["lgn-edge", *map(str, words)])


def properties(title: str, rows: Mapping[str, object]) -> Table:
    """A table of names and values."""
    from rich import box
    from rich.table import Table

    title = printable(title)
    table = Table(title=title, title_justify="left", show_header=False, box=box.SIMPLE, min_width=len(title))
    table.add_column("what", no_wrap=True)
    table.add_column("value", overflow="fold")
    for name, value in rows.items():
        table.add_row(printable(name), readable(value))
    return table


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """Nested values in one level, without those that are missing or empty; names made readable."""
    rows: dict[str, object] = {}
    for key, value in values.items():
        name = prefix + key.replace("_", " ")
        if isinstance(value, Mapping):
            rows |= flat(value, f"{name}: ")
        elif value is not None and value != "" and value != []:
            rows[name] = value
    return rows


def readable(value: object) -> str:
    """A value for people: thousands apart, lists with commas, nothing as a dash."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(listed([item]) if isinstance(item, str) else readable(item) for item in value) or "-"
    return "-" if value is None else printable(str(value))
