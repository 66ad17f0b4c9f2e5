"""Names that were meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


def near(word: Any, known: Iterable[str]) -> str:
    """` (did you mean X?)` for the known name closest to a word, or nothing."""
    close = get_close_matches(str(word), list(known), 1)
    return f" (did you mean {close[0]}?)" if close else ""
