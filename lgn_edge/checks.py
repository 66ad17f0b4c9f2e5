"""What callers give, at the door: each check returns the value as it is kept, or raises one sentence.

`what` is what the value is, as the message begins: "logic layer: temperature", "[training] epochs".
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Final

from lgn_edge.errors import InputError
from lgn_edge.words import near

MOST: Final = 2**31 - 1  # of a number that says no other: signals, gates and samples are counted in int32
MOST_SEED: Final = 2**63 - 1
MOST_SAMPLES: Final = 1_000_000  # of a vector that is verified with: each is kept, and run by every backend
MOST_THREADS: Final = 1024  # no machine gets faster by more, and systems refuse to start many more


def whole_number(value: Any, what: str, *, least: int, most: int | None = None) -> int:
    """A whole number within bounds, at most `MOST` where no other is given.

    Raises:
        InputError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InputError(f"{what} is {value!r}; it must be a whole number")
    number = int(value)
    if not least <= number <= (MOST if most is None else most):
        bounds = (
            f"{least} to {most}" if most is not None else f"at least {least}" if number < least else f"at most {MOST}"
        )
        raise InputError(f"{what} is {_shortened(number)}; it must be {bounds}")
    return number


def _shortened(number: int) -> str:
    return str(number) if abs(number) < 10**40 else f"{'-' * (number < 0)}a number of more than 40 digits"


def positive_number(value: Any, what: str) -> float:
    """A number above 0, and finite.

    Raises:
        InputError: it is none.
    """
    return _number(value, what, lambda number: 0 < number < float("inf"), "it must be positive and finite")


def not_negative_number(value: Any, what: str) -> float:
    """A number from 0 on, and finite.

    Raises:
        InputError: it is none.
    """
    return _number(value, what, lambda number: 0 <= number < float("inf"), "it must be 0 or more and finite")


def finite_number(value: Any, what: str) -> float:
    """Any number that is finite.

    Raises:
        InputError: it is none.
    """
    return _number(value, what, lambda number: abs(number) < float("inf"), "it must be finite")


def share_of_one(value: Any, what: str) -> float:
    """A number from 0 to 1.

    Raises:
        InputError: it is none.
    """
    return _number(value, what, lambda number: 0 <= number <= 1, "it is a share, 0 to 1")


def share_less_than_one(value: Any, what: str) -> float:
    """A number from 0 on and below 1.

    Raises:
        InputError: it is none.
    """
    return _number(value, what, lambda number: 0 <= number < 1, "it must be a share below 1, such as 0.1")


def true_or_false(value: Any, what: str) -> bool:
    """True or false.

    Raises:
        InputError: it is neither.
    """
    if not isinstance(value, bool):
        raise InputError(f"{what} is {value!r}; it must be true or false")
    return value


def any_text(value: Any, what: str) -> str:
    """Any text.

    Raises:
        InputError: it is none.
    """
    if not isinstance(value, str):
        raise InputError(f"{what} is {value!r}; it must be a text")
    return value


def one_word_of(value: Any, what: str, legal: Collection[str]) -> str:
    """One of some words.

    Raises:
        InputError: it is none of them.
    """
    if not isinstance(value, str) or value not in legal:
        raise InputError(f"{what} is {value!r}{near(value, legal)}; legal are {', '.join(legal)}")
    return value


def of_kind(value: Any, kind: Any, what: str, give: str) -> Any:
    """A value of a class.

    Args:
        value: what is given.
        kind: the class that it must have, or several.
        what: what it is, for the message.
        give: what to give instead, for the message.

    Raises:
        InputError: it has another one.
    """
    if not isinstance(value, kind):
        given = f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"
        raise InputError(f"{what} is {given}; give {give}")
    return value


def any_path(value: Any, what: str, give: str = "a path") -> Path:
    """A path.

    Raises:
        InputError: it is none.
    """
    return Path(of_kind(value, (str, os.PathLike), what, give))


def _number(value: Any, what: str, legal: Callable[[float], bool], rule: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputError(f"{what} is {value!r}; it must be a number")
    number = float(value)
    if not legal(number):
        raise InputError(f"{what} is {number}; {rule}")
    return number
