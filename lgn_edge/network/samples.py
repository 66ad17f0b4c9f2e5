"""Samples on their way into a network: held against its input type, and brought to the scale that it was trained on."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lgn_edge.errors import InputError

SCALE: Final = "scale"  # in a network's provenance: the greatest feature of its training samples, if they were uint8


def check_samples(
    samples: ArrayLike, n_features: int, dtype: str, taker: str, *, trained: str = "", scale: float | None = None
) -> NDArray[Any]:
    """`samples` as an array [n, n_features] of `dtype`.

    Args:
        samples: of that type, or one that converts to it without loss; of any numbers with a scale.
        n_features: of a sample.
        dtype: "float32" or "uint8".
        taker: who wants them, for the message.
        trained: the scale that training used (see `SCALE`), for the message.
        scale: multiply the samples by this first, and round them where the type is uint8.

    Raises:
        InputError: another shape, or a type that does not convert without loss; a scale that is not positive, or that
            leads out of the type.
    """
    array = np.asarray(samples)
    if array.ndim != 2 or array.shape[1] != n_features:
        raise InputError(f"samples have shape {list(array.shape)}; {taker} takes [n, {n_features}]")
    if scale is not None:
        return _scaled(array, scale, dtype)
    if not np.can_cast(array.dtype, dtype, "safe"):
        raise InputError(f"samples are {array.dtype}; {taker} takes {dtype}: {_mend(array, dtype, trained)}")
    return array.astype(dtype, copy=False)


def _scaled(array: NDArray[Any], scale: float, dtype: str) -> NDArray[Any]:
    if not 0 < scale < float("inf"):
        raise InputError(f"scale is {scale}; it must be positive and finite")
    if array.dtype.kind not in "biuf":
        raise InputError(f"samples are {array.dtype}; only numbers have a scale")
    product = array.astype(np.float64) * scale
    if dtype != "uint8":
        return product.astype(dtype)
    whole = np.rint(product)
    outside = ~((whole >= 0) & (whole <= 255))  # of what is not a number, too
    if outside.any():
        sample, feature = np.argwhere(outside)[0]
        raise InputError(
            f"feature {feature} of sample {sample} is {array[sample, feature]}, and with the scale {scale:g} it is"
            f" {product[sample, feature]:g}; a uint8 is 0..255"
        )
    return whole.astype(np.uint8)


def _mend(array: NDArray[Any], dtype: str, trained: str) -> str:
    """How such samples become what is taken, without a cast that would lose them."""
    if dtype != "uint8" or array.dtype.kind not in "iuf" or not array.size:
        return f"convert them with .astype('{dtype}')"
    low, high = array.min(), array.max()
    whole = bool((array == np.floor(array)).all())
    if array.dtype.kind == "f" and low >= 0 and high <= 1 and not (whole and trained == "1"):
        if trained:
            return f"it was trained on 0..{trained}, and these are 0..1, so give scale {trained} to bring them there"
        return "these are 0..1, so give the scale that training used, such as 255 for images of bytes"
    if whole and low >= 0 and high <= 255:
        return "convert them with .astype('uint8')"
    known = f", it was trained on 0..{trained}" if trained else ""
    return f"these are {low:g}..{high:g}, which no cast keeps{known}; prepare them as for its training"
