"""Which targets were executed on this machine, and when: a record that `lgn-edge verify` keeps for `targets`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from lgn_edge.files import cache_folder, write_atomic

_FILE: Final = "executed.json"


@dataclass(frozen=True)
class Executed:
    """The last time that a target's code ran and was compared.

    Attributes:
        date: in ISO's form.
        equal: whether everything that it gave was right.
        samples: how many were compared.
        version: of lgn-edge and of what compiled the code.
    """

    date: str
    equal: bool
    samples: int
    version: str

    def __str__(self) -> str:
        return f"{self.date}: {'equal' if self.equal else 'DIFFERENT'}"


def last_executed() -> dict[str, Executed]:
    """The record, by the names of targets; empty before the first, and where the file is not one of ours."""
    try:
        return _read(_path())
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def record(runs: Mapping[str, Executed]) -> None:
    """Add to the record.

    Raises:
        InputError: the cache folder cannot be written, or another file is there.
    """
    rows = {name: asdict(executed) for name, executed in (last_executed() | dict(runs)).items()}
    write_atomic(_path(), json.dumps(rows, indent=2) + "\n", ours=_ours)


def _read(path: Path) -> dict[str, Executed]:
    return {str(name): Executed(**row) for name, row in json.loads(path.read_text()).items()}


def _ours(path: Path) -> bool:
    try:
        _read(path)
    except (ValueError, TypeError, AttributeError):
        return False
    return True


def _path() -> Path:
    return cache_folder() / _FILE
