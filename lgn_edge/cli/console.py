"""Where words go: stdout is data, stderr is talk, of which the user says how much there is.

Works without a terminal and without colour.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.table import Table

_WIDTH_IN_FILES: Final = 1 << 16  # a line of a table in a file or pipe is never broken
_TALK: Final = logging.getLogger("lgn_edge")


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
    _TALK.info(text)


def detail(text: str) -> None:
    """What is said with --verbose only."""
    _TALK.debug(text)


def warn(text: str) -> None:
    """What is said with --quiet, too: something is not as it was asked for."""
    _TALK.warning(text)


def emit(text: str) -> None:
    """A line of data, on stdout."""
    print(text)


def emit_json(document: dict[str, Any]) -> None:
    """One JSON document, on stdout."""
    print(json.dumps(document, indent=2, allow_nan=False))


def emit_table(table: Table) -> None:
    """A table, on stdout; without a terminal its lines are as long as their words."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _WIDTH_IN_FILES
    console = Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)
    if sys.stdout.isatty():
        console.print(table)
        return
    with console.capture() as text:
        console.print(table)
    for line in text.get().splitlines():
        emit(line.rstrip())


def properties(title: str, rows: Mapping[str, object]) -> Table:
    """A table of names and values."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_header=False, box=box.SIMPLE, min_width=len(title))
    table.add_column("what", no_wrap=True)
    table.add_column("value", overflow="fold")
    for name, value in rows.items():
        table.add_row(name, readable(value))
    return table


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """Nested values in one level, without those that are missing; names made readable."""
    rows: dict[str, object] = {}
    for key, value in values.items():
        name = prefix + key.replace("_", " ")
        if isinstance(value, Mapping):
            rows |= flat(value, f"{name}: ")
        elif value is not None and value != "":
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
        return ", ".join(map(readable, value)) or "-"
    return "-" if value is None else str(value)
