"""What callers have as samples, labels and class names, as the arrays that training takes: without loss, or refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.errors import InputError
from lgn_edge.words import near

_NUMBERS: Final = "biuf"  # numpy's kinds of numbers that a feature can be


def as_samples(values: Any, dtype: str, what: str) -> NDArray[Any]:
    """Samples [n, features] of a type: contiguous, in this machine's byte order, and finite.

    Args:
        values: an array of any layout and numeric type, or what numpy makes one of.
        dtype: "uint8" or "float32".
        what: whose samples they are, for messages.

    Raises:
        InputError: they are no such array, or a value is not finite or does not survive the conversion.
    """
    given = _array(values, what)
    if given.dtype.kind not in _NUMBERS:
        raise InputError(
            f"{what} samples are {_kind(given)}; features are numbers, so give each category one of its own"
        )
    if given.ndim != 2:
        raise InputError(
            f"{what} samples have shape {list(given.shape)}; give [n, features], as by reshape(len(x), -1)"
        )
    if not np.isfinite(given).all():
        sample, feature = np.argwhere(~np.isfinite(given))[0]
        raise InputError(
            f"{what} sample {sample} has {given[sample, feature]} as feature {feature}; remove the sample or fill it in"
        )
    with np.errstate(invalid="ignore", over="ignore"):
        array = np.require(given, np.dtype(dtype), ["C", "W"])
        changed = np.zeros(0, np.bool_) if array.dtype == given.dtype else array.astype(given.dtype) != given
    if changed.any():
        sample, feature = np.argwhere(changed)[0]
        raise InputError(
            f"{what} samples are {given.dtype}, and feature {feature} of sample {sample}, {given[sample, feature]},"
            f" is no value of {dtype}; {_mend(given, dtype)}"
        )
    return array


def _mend(given: NDArray[Any], dtype: str) -> str:
    if dtype != "uint8":
        return f"round them with .astype('{dtype}')"
    if given.min() < 0 or given.max() > 1:
        return "give input_dtype float32"
    return "multiply them by the greatest value that a feature can have, such as 255, and round them"


def as_labels(values: Any, class_names: Sequence[str], what: str) -> NDArray[np.int64]:
    """Labels int64 [n].

    Args:
        values: numbers of classes, whole and of any type, or true and false; or names of classes.
        class_names: one a class.
        what: whose labels they are, for messages.

    Raises:
        InputError: they are no such array, or one is no class.
    """
    given = _array(values, what)
    if given.ndim != 1:
        raise InputError(f"{what} labels have shape {list(given.shape)}; give [n], one class for each sample")
    if given.dtype.kind in "SU" or (given.dtype == object and all(isinstance(value, str) for value in given)):
        return _numbers(given, class_names, what)
    if given.dtype.kind not in _NUMBERS:
        raise InputError(f"{what} labels are {_kind(given)}; give numbers or names of classes")
    whole = np.isfinite(given) & (given == np.floor(given))
    if not whole.all():
        at = int(np.argmin(whole))
        raise InputError(f"{what} label {at} is {given[at]}; a class is a whole number or a name")
    if given.size and not 0 <= given.min() <= given.max() < len(class_names):
        raise InputError(
            f"{what} labels are {given.min():g}..{given.max():g};"
            f" its {len(class_names)} classes are 0..{len(class_names) - 1}"
        )
    return np.require(given, np.int64, ["C", "W"])


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


def _array(values: Any, what: str) -> NDArray[Any]:
    if np.ma.is_masked(values):
        raise InputError(f"{what} samples or labels have masked values; remove them or fill them in")
    try:
        array = np.asarray(values)
        if array.dtype == object and array.ndim:  # of Python's numbers, say: what numpy makes of them anew
            anew = np.array(array.tolist())
            array = anew if anew.shape == array.shape and anew.dtype.kind in _NUMBERS else array
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{what} samples or labels are no array ({error}); give rows of equal length") from error
    return array


def _numbers(given: NDArray[Any], class_names: Sequence[str], what: str) -> NDArray[np.int64]:
    number = {name: i for i, name in enumerate(class_names)}
    names, inverse = np.unique([_text(value) for value in given.tolist()], return_inverse=True)
    unknown = next((str(name) for name in names if name not in number), None)
    if unknown is not None:
        raise InputError(
            f"{what} labels have {unknown!r}{near(unknown, class_names)}, which is no class; there are"
            f" {', '.join(class_names)}"
        )
    return np.array([number[name] for name in names.tolist()], np.int64)[inverse]


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _kind(array: NDArray[Any]) -> str:
    kinds = {
        "O": "objects of several kinds",
        "U": "texts",
        "S": "texts",
        "c": "complex numbers",
        "M": "dates",
        "m": "times",
    }
    return kinds.get(array.dtype.kind, str(array.dtype))
