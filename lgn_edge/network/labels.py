"""What callers have as labels and class names: numbers of classes, or their names; converted, or refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lgn_edge.errors import InputError
from lgn_edge.network.samples import NUMBERS, as_array, kind
from lgn_edge.words import listed, near


def as_labels(parts: Mapping[str, Any], class_names: Sequence[str]) -> list[NDArray[np.int64]]:
    """Labels int64 [n] of the parts of one data set, classes 0..len(class_names) - 1.

    Numbers are those of classes, from 0 on; or, where some are not, names of classes that are numbers, such as the
    labels 3 and 7 of the classes "3" and "7". All parts are read alike.

    Args:
        parts: by what they are, for messages: whole numbers of any type, true and false, or names of classes.
        class_names: one a class.

    Raises:
        InputError: they are no such arrays, one is no class, or they could be read both ways.
    """
    given = {what: _checked(values, what) for what, values in parts.items()}
    numbers = [labels for labels in given.values() if labels.dtype.kind in NUMBERS and labels.size]
    by_name = bool(numbers) and _are_names(np.unique(np.concatenate(numbers)), class_names, next(iter(parts)))
    return [
        _named(labels, class_names, what)
        if by_name or labels.dtype.kind not in NUMBERS
        else _numbered(labels, class_names, what)
        for what, labels in given.items()
    ]


def as_names(values: Any, what: str) -> tuple[str, ...]:
    """Names of classes as texts; numbers and the like as they are printed.

    Raises:
        InputError: there are none, or two are the same.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InputError(f"{what} class names are {values!r}; give one for each class, in a list")
    names = tuple(_text(value) for value in values)
    if not names:
        raise InputError(f"{what} class names are an empty list; give one for each class")
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise InputError(f"{what} class names have {twice!r} twice; give each class a name of its own")
    return names


def _checked(values: Any, what: str) -> NDArray[Any]:
    """Labels as an array [n] of whole numbers or of texts."""
    given = as_array(values, f"{what} labels")
    if given.ndim != 1:
        raise InputError(f"{what} labels have shape {list(given.shape)}; give [n], one class for each sample")
    if given.dtype.kind in "SU" or (given.dtype == object and all(isinstance(value, str) for value in given)):
        return given
    if given.dtype.kind not in NUMBERS:
        raise InputError(f"{what} labels are {kind(given)}; give numbers or names of classes")
    whole = np.isfinite(given) & (given == np.floor(given))
    if not whole.all():
        at = int(np.argmin(whole))
        raise InputError(f"{what} label {at} is {given[at]}; a class is a whole number or a name")
    return given


def _are_names(values: NDArray[Any], class_names: Sequence[str], what: str) -> bool:
    """Whether numbers are names of classes, not their numbers."""
    texts, count = [_text(value) for value in values.tolist()], len(class_names)
    named = set(texts) <= set(class_names)
    if not 0 <= values.min() <= values.max() < count:
        return named
    strange = next((text for value, text in zip(values, texts, strict=True) if class_names[int(value)] != text), None)
    if named and strange is not None:
        raise InputError(
            f"{what} labels are numbers of classes and names of other ones: {strange} is the name of class"
            f" {list(class_names).index(strange)}; give the names as texts, or as class names 0 to {count - 1} in order"
        )
    return False


def _numbered(given: NDArray[Any], class_names: Sequence[str], what: str) -> NDArray[np.int64]:
    if given.size and not 0 <= given.min() <= given.max() < len(class_names):
        raise InputError(
            f"{what} labels are {given.min():g}..{given.max():g};"
            f" its {len(class_names)} classes are 0..{len(class_names) - 1}"
        )
    return np.require(given, np.int64, ["C", "W"])


def _named(given: NDArray[Any], class_names: Sequence[str], what: str) -> NDArray[np.int64]:
    number = {name: i for i, name in enumerate(class_names)}
    names, inverse = np.unique([_text(value) for value in given.tolist()], return_inverse=True)
    unknown = next((str(name) for name in names if name not in number), None)
    if unknown is not None:
        raise InputError(
            f"{what} labels have {unknown!r}{near(unknown, class_names)}, which is no class; there are"
            f" {listed(class_names)}"
        )
    return np.array([number[name] for name in names.tolist()], np.int64)[inverse]


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
