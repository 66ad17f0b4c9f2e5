"""`lgn-edge targets`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lgn_edge.cli.console import emit, emit_json, emit_table

if TYPE_CHECKING:
    from rich.table import Table

EXAMPLES: Final = """\b
Examples:
  lgn-edge targets
  lgn-edge targets --json"""


_WIDTH: Final = 100


def targets(as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """List the machines that models are built for.

    Says for each what it needs, how it is executed here, what is missing here for that, and when `lgn-edge verify`
    last executed it here.
    """
    rows = describe()
    if as_json:
        emit_json({"schema": 1, "targets": rows})
    else:
        emit_table(_table(rows), _WIDTH)
        for reason, names in _missing(rows).items():
            emit(f"  missing for {', '.join(names)}: {reason}")
        for row in rows:
            if row["not_executed"]:
                emit(f"  nothing is missing for {row['name']}: {row['not_executed']}")


def describe() -> list[dict[str, Any]]:
    """A row of plain values for each target."""
    from lgn_edge.targets.registry import ALIASES, TARGETS

    return [_row(name, [alias for alias, meant in ALIASES.items() if meant == name]) for name in TARGETS]


def _row(name: str, aliases: list[str]) -> dict[str, Any]:
    from lgn_edge import toolchain
    from lgn_edge.artifact.executed_by import executed_by, not_executed
    from lgn_edge.errors import UnsupportedError
    from lgn_edge.targets.executed import last_executed
    from lgn_edge.targets.registry import find_target

    row: dict[str, Any] = {"name": name, "aliases": aliases, "needs": ["ziglang"], "last_executed": None}
    row["not_executed"] = None
    try:
        target = find_target(name)
    except UnsupportedError as error:
        return row | {"family": None, "description": str(error), "execution": None, "missing": [str(error)]}
    execution = executed_by(target)
    elsewhere = execution is None and target.execution == "host"
    unexecuted = f"a machine for {target.triple}" if elsewhere else not_executed(target)
    if target.execution == "source":  # nothing is to be installed
        row["not_executed"], unexecuted = unexecuted, None
    last = last_executed().get(name)
    return row | {
        "needs": [*row["needs"], *([execution] if execution and execution != "this CPU" else [])],
        "last_executed": asdict(last) if last else None,
        "family": target.family,
        "description": target.description,
        "execution": execution,
        "missing": [reason for reason in (toolchain.missing(), unexecuted) if reason],
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    from rich import box
    from rich.table import Table

    from lgn_edge.targets.executed import Executed

    table = Table(box=box.SIMPLE)
    for column in ("target", "machine", "executed by", "last verified here"):
        table.add_column(column, overflow="fold", no_wrap=column != "machine")
    for row in rows:
        name = ", ".join([row["name"], *row["aliases"]])
        by, last = row["execution"], Executed(**row["last_executed"]) if row["last_executed"] else None
        here = f"{by} (missing)" if by and row["missing"] else by or "nothing"
        table.add_row(name, row["description"], here, str(last or "never"))
    return table


def _missing(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What is missing here, and the targets that need it."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        for reason in row["missing"]:
            reasons.setdefault(reason, []).append(row["name"])
    return reasons
