from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge import network
from lgn_edge.errors import InputError
from lgn_edge.network import unpack
from lgn_edge.nn import Threshold
from tests.strategies import networks, random_samples


@given(networks(), st.integers(0, 70))
def test_bits_are_the_reference_encoders(given_network: network.Network, n: int) -> None:
    reference = given_network.encoder
    module = Threshold(reference.n_features, reference.feature, reference.threshold, reference.input_dtype)
    samples = random_samples(given_network, n)  # on thresholds, NaN and infinite ones included
    bits = module(torch.from_numpy(samples))
    assert bits.dtype == torch.float32
    np.testing.assert_array_equal(bits.numpy(), unpack(reference.evaluate(samples), n).astype(np.float32))


def test_thermometer_levels() -> None:
    x = np.array([[0, 5], [10, 5], [20, 5], [40, 5]], np.float32)
    uniform = Threshold.thermometer(x, 3, spacing="uniform")
    assert uniform.threshold.tolist() == [10, 20, 30]
    assert uniform.feature.tolist() == [0, 0, 0]  # the second feature never varies
    quantiles = Threshold.thermometer(x, 1, spacing="distributive")
    assert quantiles.threshold.tolist() == [15]


def test_thermometer_of_uint8_has_whole_different_thresholds() -> None:
    x = np.array([[0], [1], [3]], np.uint8)
    encoder = Threshold.thermometer(x, 9, spacing="uniform")
    assert encoder.input_dtype == "uint8"
    assert encoder.threshold.tolist() == [0, 1, 2]


@given(st.integers(0, 2**31), st.integers(1, 6), st.sampled_from(["uniform", "distributive"]), st.booleans())
def test_every_fitted_bit_varies_and_differs(seed: int, levels: int, spacing: str, whole: bool) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 7, (30, 4)).astype(np.uint8) if whole else rng.normal(size=(30, 4)).astype(np.float32)
    encoder = Threshold.thermometer(x, levels, spacing=spacing)
    bits = encoder(torch.from_numpy(x))
    assert ((bits.sum(0) > 0) & (bits.sum(0) < len(x))).all()
    pairs = list(zip(encoder.feature.tolist(), encoder.threshold.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)


def test_thermometer_fills_up_to_a_multiple() -> None:
    x = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    encoder = Threshold.thermometer(x, 1, multiple=4)
    assert encoder.feature.tolist() == [0, 1, 2, 3, 4, 0, 1, 2]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((3, 2)), "float64"),
        (np.zeros((3, 2), np.float32), "all samples are the same"),
        (np.full((3, 2), np.nan, np.float32), "not finite"),
        (np.zeros((0, 2), np.uint8), r"uint8 \[0, 2\]"),
    ],
)
def test_refuses_to_fit(samples: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Threshold.thermometer(samples, 3)


def test_refuses_samples_of_another_type() -> None:
    with pytest.raises(InputError, match=r"samples are float32 \[2, 4\]; the model takes uint8 \[n, 4\]"):
        Threshold.bits(4)(torch.zeros(2, 4))
