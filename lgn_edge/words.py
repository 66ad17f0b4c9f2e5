"""Names that were meant, and names as they are shown."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


def nearest(word: Any, known: Iterable[str]) -> list[str]:
    """The known names that may have been meant, the nearest first; none where none is near. Case says nothing."""
    spelled: dict[str, list[str]] = {}
    for name in known:
        spelled.setdefault(name.casefold(), []).append(name)
    return [name for close in get_close_matches(str(word).casefold(), spelled) for name in spelled[close]]


def near(word: Any, known: Iterable[str]) -> str:
    """` (did you mean X?)` for the known name closest to a word, or nothing."""
    close = nearest(word, known)
    return f" (did you mean {close[0]}?)" if close else ""


def meant(word: Any, known: Iterable[str]) -> str:
    """`did you mean X or Y?` for the known names near to a word, or `there are ...` with all of them."""
    names = list(known)
    close = nearest(word, names)
    return f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(names)}"


def listed(names: Iterable[str]) -> str:
    """Names of others on one line with commas between them, quoted where they would not be told apart as they are."""
    return ", ".join(_quoted(printable(name)) for name in names)


def _quoted(name: str) -> str:
    plain = name == name.strip() and name and not set(name) & set(",;\"'")
    return name if plain else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def printable(text: str) -> str:
    """A text of others on one line: what would break it, or steer a terminal, is escaped as Python does."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
