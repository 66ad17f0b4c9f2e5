"""The folder of a run on a GPU: what was run, on what, each figure as a table, and the raw JSON."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from harness import COLUMNS, Row, cells

README: Final = "README.md"


def write_report(source: Path, results: Path) -> Path:
    """Write `results/DATE-CARD` from the JSON of a run; returns the folder.

    Raises:
        SystemExit: the file is none of a run, or there is a report of the day and card already.
    """
    try:
        document = json.loads(source.read_text())
        facts = {row["name"]: row["note"] for row in document["steps"]["machine"]["rows"]}
        card = re.sub(r"[^a-z0-9]+", "-", facts["card"].lower()).strip("-")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{source} is no result of on_gpu.py ({type(error).__name__}: {error})") from error
    folder = results / f"{document['date']}-{card}"
    if folder.exists():
        raise SystemExit(f"{folder} exists; move it away, or name it after what was different")
    folder.mkdir(parents=True)
    shutil.copyfile(source, folder / "on_gpu.json")
    (folder / README).write_text(_text(document))
    return folder


def _text(document: Mapping[str, Any]) -> str:
    smoke = ["This run had no GPU: it shows that the steps work, and no figure.", ""] if document["smoke"] else []
    head = [f"# {document['date']}", "", *smoke, f"`{document['command']}`; the raw figures are in on_gpu.json.", ""]
    return "\n".join([*head, *(line for name, step in document["steps"].items() for line in _step(name, step))])


def _step(name: str, step: Mapping[str, Any]) -> list[str]:
    rows = [Row(**{key: value for key, value in row.items() if key != "holds"}) for row in step["rows"]]
    ended = [f"Incomplete: {step['error'].strip()}", ""] if "error" in step else []
    table = [_line(COLUMNS), _line("-" * 3 for _ in COLUMNS), *(_line(cells(row)) for row in rows), ""] if rows else []
    return [f"## {name}", "", f"{step.get('seconds', 0)} s", "", *ended, *table]


def _line(values: Iterable[str]) -> str:
    return "| " + " | ".join(value.replace("|", "/").replace("\n", " ") for value in values) + " |"
