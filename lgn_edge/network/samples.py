"""Samples on their way into a network: held against its input type, and brought to the scale that it was trained on.

One rule for all that takes samples: numbers of any type are taken where the input type has their values, and refused
otherwise, with what to do about it. Nothing is rounded that was not asked to be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lgn_edge.checks import positive_number
from lgn_edge.errors import InputError

SCALE: Final = "scale"  # in a network's provenance: the greatest feature of its training samples, if they were uint8
NUMBERS: Final = "biuf"  # numpy's kinds of numbers that a feature can be

_KINDS: Final = {
    "O": "objects of several kinds",
    "U": "texts",
    "S": "texts",
    "c": "complex numbers",
    "M": "dates",
    "m": "times",
}


def check_samples(
    samples: ArrayLike, n_features: int, dtype: str, taker: str, *, trained: str = "", scale: float | None = None
) -> NDArray[Any]:
    """`samples` as an array [n, n_features] of `dtype`.

    Args:
        samples: numbers of that type, or of another one whose values it has; of any numbers with a scale.
        n_features: of a sample.
        dtype: "float32" or "uint8".
        taker: who wants them, for the message.
        trained: the scale that training used (see `SCALE`), for the message.
        scale: multiply the samples by this first, and round them where the type is uint8.

    Raises:
        InputError: another shape, no numbers, or a value that the type does not have; a scale that is not positive, or
            that leads out of the type. Floats of 0..1 are not taken as uint8 where training had a greater scale.
    """
    array = as_array(samples, "samples")
    if array.ndim != 2 or array.shape[1] != n_features:
        mend = flattened(array.shape, n_features)
        raise InputError(f"samples have shape {list(array.shape)}; {taker} takes [n, {n_features}]{mend}")
    if array.dtype.kind not in NUMBERS:
        raise InputError(f"samples are {kind(array)}; {taker} takes numbers, {dtype}, and only numbers have a scale")
    if scale is not None:
        return _scaled(array, scale, dtype)
    scaled = dtype == "uint8" and array.dtype.kind == "f" and trained not in ("", "1") and _in_0_1(array)
    converted, lost = converted_to(array, dtype)
    if scaled or lost is not None:
        raise InputError(f"samples are {array.dtype}; {taker} takes {dtype}: {_mend(array, dtype, trained, lost)}")
    return converted


def as_array(values: Any, what: str) -> NDArray[Any]:
    """What numpy makes of values; of Python's numbers, numbers.

    Args:
        values: an array, a tensor, a table, or lists of equal length.
        what: what they are, for messages.

    Raises:
        InputError: rows differ in length, or values are masked.
    """
    if np.ma.is_masked(values):
        raise InputError(f"{what} have masked values; remove them or fill them in")
    try:
        array = np.asarray(values)
        if array.dtype == object and array.ndim:  # of Python's numbers, say: what numpy makes of them anew
            anew = np.array(array.tolist())
            array = anew if anew.shape == array.shape and anew.dtype.kind in NUMBERS else array
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # the last by a tensor with a gradient
        raise InputError(f"{what} are no array ({error}); give rows of equal length") from error
    return array


def converted_to(array: NDArray[Any], dtype: str) -> tuple[NDArray[Any], tuple[int, ...] | None]:
    """The array in another type, itself where it has that; and where a value is first lost, or None."""
    with np.errstate(invalid="ignore", over="ignore"):
        converted = array.astype(dtype, copy=False)
        if np.can_cast(array.dtype, dtype, "safe"):
            return converted, None
        lost = (converted.astype(array.dtype) != array) & ~(np.isnan(array) & np.isnan(converted))
    return converted, tuple(map(int, np.argwhere(lost)[0])) if lost.any() else None


def flattened(shape: Sequence[int], n_features: int) -> str:
    """`: flatten them, as by ...` for samples of that shape whose last axes are n_features together, or nothing."""
    fits = any(math.prod(shape[-axes:]) == n_features for axes in range(1, len(shape) + 1))
    return f": flatten them, as by .reshape(-1, {n_features})" if fits else ""


def kind(array: NDArray[Any]) -> str:
    """What an array holds, for messages."""
    return _KINDS.get(array.dtype.kind, str(array.dtype))


def _scaled(array: NDArray[Any], scale: float, dtype: str) -> NDArray[Any]:
    scale = positive_number(scale, "scale")
    product = array.astype(np.float64) * scale
    if dtype != "uint8":
        with np.errstate(over="ignore"):
            scaled = product.astype(dtype)
        _check_finite(array, scaled, scale)
        return scaled
    whole = np.rint(product)
    outside = ~((whole >= 0) & (whole <= 255))  # of what is not a number, too
    if outside.any():
        sample, feature = np.argwhere(outside)[0]
        raise InputError(
            f"feature {feature} of sample {sample} is {array[sample, feature]}, and with the scale {scale:g} it is"
            f" {product[sample, feature]:g}; a uint8 is 0..255"
        )
    return whole.astype(np.uint8)


def _check_finite(array: NDArray[Any], scaled: NDArray[Any], scale: float) -> None:
    """Refuse a scale that makes a number infinite."""
    lost = np.isinf(scaled) & np.isfinite(array)
    if lost.any():
        sample, feature = np.argwhere(lost)[0]
        raise InputError(
            f"feature {feature} of sample {sample} is {array[sample, feature]}, and with the scale {scale:g} it is"
            f" beyond {scaled.dtype}; give the scale that training used"
        )


def _in_0_1(array: NDArray[Any]) -> bool:
    return bool(array.size and array.min() >= 0 and array.max() <= 1)


def _mend(array: NDArray[Any], dtype: str, trained: str, lost: tuple[int, ...] | None) -> str:
    """How such samples become what is taken, without a cast that would lose them unseen."""
    if dtype != "uint8" and lost is not None:
        sample, feature = lost
        return (
            f"feature {feature} of sample {sample}, {array[lost]}, is no value of {dtype}, so round them as for its"
            f" training, with .astype('{dtype}')"
        )
    if trained == "1" and lost is not None:
        sample, feature = lost
        return (
            f"feature {feature} of sample {sample} is {array[lost]}, and the features are bits, 0 or 1; make bits of"
            " others first, such as (x > 0.5).astype('uint8')"
        )
    option = "(--scale, scale=)"
    if array.dtype.kind == "f" and _in_0_1(array):
        if trained:
            return (
                f"it was trained on 0..{trained}, and these are 0..1, so give scale {trained} {option} to bring them"
                " there"
            )
        return f"these are 0..1, so give the scale that training used, such as 255 for images of bytes {option}"
    if array.dtype.kind == "f" and np.isnan(array).any():
        return "some features are NaN, which no whole number stands for; fill them in, or leave these samples out"
    known = f", it was trained on 0..{trained}" if trained else ""
    return f"these are {array.min():g}..{array.max():g}, which no cast keeps{known}; prepare them as for its training"
