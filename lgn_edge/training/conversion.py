"""What callers have as samples, as the arrays that training takes: without loss, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lgn_edge.errors import InputError
from lgn_edge.network.samples import NUMBERS, as_array, converted_to, kind


def as_samples(values: Any, dtype: str, what: str) -> NDArray[Any]:
    """Samples [n, features] of a type: contiguous, in this machine's byte order, and finite.

    Args:
        values: an array of any layout and numeric type, or what numpy makes one of.
        dtype: "uint8" or "float32".
        what: whose samples they are, for messages.

    Raises:
        InputError: they are no such array, or a value is not finite or does not survive the conversion.
    """
    given = as_array(values, f"{what} samples")
    if given.dtype.kind not in NUMBERS:
        raise InputError(
            f"{what} samples are {kind(given)}; features are numbers, so give each category one of its own"
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
    converted, lost = converted_to(given, dtype)
    if lost is not None:
        sample, feature = lost
        raise InputError(
            f"{what} samples are {given.dtype}, and feature {feature} of sample {sample}, {given[sample, feature]},"
            f" is no value of {dtype}; {_mend(given, dtype)}"
        )
    return np.require(converted, np.dtype(dtype), ["C", "W"])


def _mend(given: NDArray[Any], dtype: str) -> str:
    if dtype != "uint8":
        return f"round them with .astype('{dtype}')"
    if given.min() < 0 or given.max() > 1:
        return "give input_dtype float32"
    return "multiply them by the greatest value that a feature can have, such as 255, and round them"
