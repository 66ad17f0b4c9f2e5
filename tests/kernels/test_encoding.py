from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.kernels.encoding import INFINITY_KEY, comparisons, float_keys
from lgn_edge.network import Threshold

SPECIAL = np.array(
    [0.0, -0.0, 1e-45, -1e-45, 1.1754944e-38, -1.1754944e-38, 1.0, -1.0, 3.4028235e38, -3.4028235e38], np.float32
)
SAMPLES = np.concatenate([SPECIAL, np.array([np.inf, -np.inf, np.nan, -np.nan], np.float32)])


def above(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """What the kernels do: the key of a sample from its raw bit pattern."""
    bits = x.view(np.int32)
    key = bits ^ (bits >> 31 & 0x7FFFFFFF)
    return (key > float_keys(t)) & (key <= INFINITY_KEY)


def test_keys_compare_like_floats_on_special_values() -> None:
    x, t = (a.ravel() for a in np.meshgrid(SAMPLES, SPECIAL))
    assert (above(x.copy(), t.copy()) == (x > t)).all()


@given(st.integers(0, 2**32 - 1), st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_keys_compare_like_floats(pattern: int, t: float) -> None:
    x = np.array([pattern], np.uint32).view(np.float32)
    level = np.array([t], np.float32)
    assert above(x, level)[0] == (x > level)[0]


def test_levels_of_differences_are_exact_for_every_value() -> None:
    threshold = np.array([-1e9, -256, -255.5, -255, -254.9, -1.0, -0.5, 0.0, 127.25, 254.0, 254.9, 255.0, 1e9])
    n = len(threshold)
    encoder = Threshold(2, np.zeros(n), threshold.astype(np.float32), "uint8", np.ones(n))
    level = comparisons(encoder, np.arange(n, dtype=np.int32)).level
    for value in range(-255, 256):
        assert ((value > level) == (value > threshold)).all()


def test_uint8_levels_are_exact_for_every_value() -> None:
    threshold = np.array([-1e9, -1.0, -0.5, 0.0, 0.5, 1.0, 127.25, 254.0, 254.9, 255.0, 255.5, 1e9], np.float32)
    encoder = Threshold(1, np.zeros(len(threshold), np.int32), threshold, "uint8")
    level = comparisons(encoder, np.arange(len(threshold), dtype=np.int32)).level
    for value in range(256):
        assert ((value > level) == (np.float32(value) > threshold)).all()
