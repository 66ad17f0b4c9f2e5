"""Samples of another type or scale: brought over without loss, or refused with the way to mend them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from lgn_edge.errors import InputError
from lgn_edge.network import GroupSum, LogicDense, Network, Threshold
from lgn_edge.training.conversion import as_samples

LAYER = LogicDense(4, [0, 1], [2, 3], [6, 8])
BYTES = Network(
    Threshold(2, [0, 1, 0, 1], [7, 0, 11, 15], "uint8"), (LAYER,), GroupSum(2, 2), provenance={"scale": "16"}
)
WHOLE = np.arange(34, dtype=np.uint8).reshape(17, 2) % 17


@pytest.mark.parametrize("scale", [1, 2, 16, 17, 100, 255])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_scale_takes_back_what_was_divided(scale: int, dtype: type[np.floating[Any]]) -> None:
    x = np.arange(scale + 1, dtype=np.uint8).repeat(2).reshape(-1, 2)
    divided = x.astype(dtype) / dtype(scale)
    np.testing.assert_array_equal(BYTES.check(divided, scale=scale), x)
    assert BYTES.evaluate(divided, scale=scale) == BYTES.evaluate(x)


def test_a_scale_of_float_features() -> None:
    floats = replace(BYTES, encoder=replace(BYTES.encoder, input_dtype="float32"))
    checked = floats.check(WHOLE / 16, scale=16)
    assert checked.dtype == np.float32
    np.testing.assert_array_equal(checked, WHOLE)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (WHOLE / 16, r"takes uint8: it was trained on 0\.\.16, and these are 0\.\.1, so give scale 16"),
        (np.eye(2), r"so give scale 16"),
        (WHOLE * 300.5, r"which no cast keeps, it was trained on 0\.\.16; prepare them as for its training"),
        (WHOLE.astype(np.int64) - 5, r"these are -5\.\.11, which no cast keeps"),
        (np.full((2, 2), np.nan), "some features are NaN, which no whole number stands for"),
        ([["a", "b"]], "samples are texts; the model takes numbers"),
        (np.zeros((5, 3)), r"samples have shape \[5, 3\]; the model takes \[n, 2\]$"),
        (np.zeros((5, 1, 2)), r"the model takes \[n, 2\]: flatten them, as by \.reshape\(-1, 2\)$"),
        (np.zeros(2), r"the model takes \[n, 2\]: flatten them, as by \.reshape\(-1, 2\)$"),
        ([[1, 2], [3]], "samples are no array .*; give rows of equal length"),
        (np.ma.masked_equal(WHOLE, 3), "samples have masked values"),
    ],
)
def test_no_advice_to_lose_samples(samples: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        BYTES.evaluate(samples)


def test_bits_are_not_advised_another_scale() -> None:
    network = Network(Threshold.bits(3), (LogicDense(3, [0, 1], [1, 2], [1, 2]),), GroupSum(2, 2))
    for taker in (network.evaluate, network.encoder.evaluate):
        taker(np.eye(3))  # of any type
        with pytest.raises(InputError, match=r"feature 1 of sample 0 is 0\.25, and the features are bits"):
            taker(np.array([[0, 0.25, 1]]))


def test_without_a_known_scale() -> None:
    with pytest.raises(InputError, match="give the scale that training used, such as 255 for images of bytes"):
        replace(BYTES, provenance={}).evaluate(WHOLE / 16)
    with pytest.raises(InputError, match="give the scale that training used"):
        BYTES.encoder.evaluate(WHOLE / 16)  # which knows no training


@pytest.mark.parametrize(
    ("samples", "scale", "message"),
    [
        (WHOLE / 16, 400, r"feature . of sample .* with the scale 400 it is .*; a uint8 is 0\.\.255"),
        (WHOLE / -16, 16, r"a uint8 is 0\.\.255"),
        (np.full((2, 2), np.nan), 16, "feature 0 of sample 0 is nan"),
        (WHOLE, 0, "scale is 0.0; it must be positive and finite"),
        (WHOLE, "255", "scale is '255'; it must be a number"),
        (WHOLE, True, "scale is True; it must be a number"),
        (WHOLE, np.inf, "scale is inf"),
        (WHOLE.astype(str), 16, "only numbers have a scale"),
    ],
)
def test_refuses_scales(samples: np.ndarray, scale: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        BYTES.evaluate(samples, scale=scale)


WAYS = [
    WHOLE.tolist(),
    WHOLE.astype(np.int64),
    WHOLE.astype(np.float32),
    WHOLE.astype(">f8"),
    WHOLE.astype(object),
    np.asfortranarray(WHOLE),
    torch.from_numpy(WHOLE),
]


@pytest.mark.parametrize("given", WAYS, ids=lambda given: f"{type(given).__name__} {getattr(given, 'dtype', '')}")
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_network_takes_what_it_was_trained_on(given: Any, dtype: str) -> None:
    """The rule is one for training and for whoever runs the network."""
    network = replace(BYTES, encoder=replace(BYTES.encoder, input_dtype=dtype))
    trained = as_samples(given, dtype, "train")
    for checked in (network.check(given), network.encoder.check(given), trained):
        assert checked.dtype == dtype
        np.testing.assert_array_equal(checked, WHOLE)
    assert network.evaluate(given) == network.evaluate(WHOLE)


@pytest.mark.parametrize("value", [0.1, 2.0**24 + 1, 1e300])
def test_what_float32_does_not_have_is_refused_with_the_remedy(value: float) -> None:
    network = replace(BYTES, encoder=replace(BYTES.encoder, input_dtype="float32"))
    x = np.array([[0.5, 2.0], [np.nan, value]])
    message = rf"feature 1 of sample 1, {re.escape(str(value))}, is no value of float32, .*\.astype\('float32'\)"
    for check in (network.check, network.evaluate, network.encoder.evaluate):
        with pytest.raises(InputError, match=message):
            check(x)
    with pytest.raises(InputError, match=r"is no value of float32; .*\.astype\('float32'\)"):
        as_samples(np.nan_to_num(x), "float32", "train")
    with np.errstate(over="ignore"):
        assert len(network.evaluate(x.astype(np.float32)).scores) == 2
    assert len(network.evaluate(np.array([[0.5, np.nan]])).scores) == 1  # not a number is one in every type
