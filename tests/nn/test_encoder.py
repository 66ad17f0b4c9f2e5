from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from lgn_edge import network
from lgn_edge.errors import InputError
from lgn_edge.network import unpack
from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, Threshold, discretise
from lgn_edge.nn.edges import EdgeRecipe
from lgn_edge.nn.encoder import EncoderRecipe
from lgn_edge.nn.kernels import cpu
from tests.strategies import networks, random_samples


@given(networks(), st.integers(0, 70))
def test_bits_are_the_reference_encoders(given_network: network.Network, n: int) -> None:
    reference = given_network.encoder
    parts = (reference.n_features, reference.feature, reference.threshold, reference.input_dtype, reference.minus)
    module = Threshold(*parts)
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
    with pytest.raises(InputError, match=r"samples are float32 \[2, 4\]; the model takes uint8 \[..., 4\]"):
        Threshold.bits(4)(torch.zeros(2, 4))


def test_learned_thresholds_have_the_gradient_of_a_sigmoid() -> None:
    encoder = Threshold(2, [0, 1, 0], [0.5, -1.0, 2.0]).train()
    scale = torch.tensor([2.0, 4.0, 1.0])
    encoder.learn(scale, 0.25)
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    x[3, 0], x[4, 1] = float("nan"), float("inf")
    bits = encoder(x)
    assert torch.equal(bits, encoder.encode(x).float())
    weight = torch.linspace(-1, 1, bits.numel()).reshape(bits.shape)
    (bits * weight).sum().backward()
    offset = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    limits = encoder.threshold.double() + scale * offset
    soft = ((x.nan_to_num(posinf=torch.inf)[:, [0, 1, 0]] - limits) / (0.25 * scale)).sigmoid()
    (soft * weight * ~x[:, [0, 1, 0]].isnan()).sum().backward()  # what is not a number has no slope
    assert encoder.offset is not None
    torch.testing.assert_close(encoder.offset.grad.double(), offset.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kernels", ["compiled", "torch"])
def test_thresholds_move_to_where_the_classes_part(kernels: str) -> None:
    x = torch.linspace(0, 1, 200)[:, None]
    labels = (x[:, 0] > 0.73).long()
    encoder = Threshold(1, [0], [0.5])
    encoder.learn(torch.ones(1), 0.1)
    # The first gate is "not a", the second "a": class 1 where the bit is set.
    layer = LogicDense(1, 2, estimator="hard", seed=0)
    layer.weight.data = torch.tensor([[3.0, 3, -3, -3], [-3, -3, 3, 3]])
    model = LogicGateNetwork(encoder, [layer], GroupSum(2, 2, 0.5)).train()
    optimizer = torch.optim.Adam([encoder.offset], lr=0.02)
    with ExitStack() as stack:
        if kernels == "torch":
            stack.enter_context(cpu.switched_off())
        assert model.kernels("cpu") == kernels
        for _ in range(60):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x), labels).backward()
            optimizer.step()
    assert encoder.limits().item() == pytest.approx(0.73, abs=0.03)
    found = discretise(model.eval())
    assert found.encoder.threshold.tolist() == encoder.limits().tolist()
    assert np.array_equal(found.evaluate(x.numpy()).classes, model.predict(x).numpy())


def test_refuses_scales_and_widths() -> None:
    encoder = Threshold(1, [0, 0], [0.5, 0.75])
    with pytest.raises(InputError, match="scales of thresholds must be 2 positive finite numbers"):
        encoder.learn(torch.zeros(2), 0.1)
    with pytest.raises(InputError, match="width is 0"):
        encoder.learn(torch.ones(2), 0.0)


def test_edges_are_differences_of_the_neighbours_of_a_pixel() -> None:
    x = np.random.default_rng(0).integers(0, 256, (50, 2 * 4 * 3)).astype(np.uint8)
    encoder = EncoderRecipe(levels=2, edges=EdgeRecipe(levels=3, plane=1)).fit(x, image=(4, 3))
    assert encoder.minus is not None
    pixels, edges = encoder.minus < 0, encoder.minus >= 0
    plain = EncoderRecipe(levels=2).fit(x)
    assert torch.equal(encoder.encode(torch.from_numpy(x))[:, pixels], plain.encode(torch.from_numpy(x)))
    pairs = set(zip(encoder.feature[edges].tolist(), encoder.minus[edges].tolist(), strict=True))
    right = {(12 + 3 * y + 2, 12 + 3 * y) for y in range(4)}
    below = {(12 + 3 * (y + 1) + c, 12 + 3 * (y - 1) + c) for y in (1, 2) for c in range(3)}
    assert pairs == right | below
    bits = encoder(torch.from_numpy(x))
    assert ((bits.sum(0) > 0) & (bits.sum(0) < len(x))).all()
    model = LogicGateNetwork(encoder, [LogicDense(encoder.out_features, 4)], GroupSum(4, 2))
    reference = discretise(model).encoder
    assert (unpack(reference.evaluate(x), len(x)) == bits.numpy()).all()


@given(st.integers(0, 2**31), st.integers(1, 3), st.tuples(st.integers(1, 6), st.integers(1, 6)), st.integers(1, 3))
def test_edges_of_planes_are_channels(seed: int, planes: int, image: tuple[int, int], levels: int) -> None:
    assume(max(image) > 1)
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (20, planes * image[0] * image[1])).astype(np.uint8)
    plane = int(rng.integers(planes))
    recipe = EncoderRecipe(levels=2, planes=True, edges=EdgeRecipe(levels=levels, plane=plane))
    encoder = recipe.fit(x, image=image)
    assert recipe.shape(encoder, image) == (2 * planes + 4 * levels, *image)
    bits = encoder.encode(torch.from_numpy(x)).reshape(20, -1, *image).numpy()
    plain = replace(recipe, edges=EdgeRecipe()).fit(x, image=image).encode(torch.from_numpy(x)).numpy()
    np.testing.assert_array_equal(bits[:, : 2 * planes], plain.reshape(20, -1, *image))
    limits = encoder.threshold.reshape(-1, image[0] * image[1])[2 * planes :].numpy()
    assert (limits == limits[:, :1]).all()
    assert (limits >= 0).all()
    pixels = np.pad(x.reshape(20, planes, *image)[:, plane].astype(int), ((0, 0), (1, 1), (1, 1)), mode="edge")
    across, down = pixels[:, 1:-1, 2:] - pixels[:, 1:-1, :-2], pixels[:, 2:, 1:-1] - pixels[:, :-2, 1:-1]
    rises = np.stack([across, -across, down, -down], 1).repeat(levels, 1)
    np.testing.assert_array_equal(bits[:, 2 * planes :], rises > limits[:, :1, None])


def test_edges_that_there_are_not() -> None:
    x = np.random.default_rng(0).integers(0, 256, (9, 12)).astype(np.uint8)
    recipe = EncoderRecipe(edges=EdgeRecipe(levels=1))
    with pytest.raises(InputError, match="the data set says of no image"):
        recipe.fit(x)
    with pytest.raises(InputError, match="an image of 2 x 2 pixels has no edges"):
        recipe.fit(x, image=(2, 2))
    with pytest.raises(InputError, match="plane is 1; the image has 1, counted from 0"):
        replace(recipe, edges=EdgeRecipe(levels=1, plane=1)).fit(x, image=(4, 3))
    with pytest.raises(InputError, match="differences are of uint8 features, and these are float32"):
        recipe.fit(x.astype(np.float32), image=(4, 3))


def test_thresholds_of_edges_are_learned_in_ranges_of_their_differences() -> None:
    x = np.random.default_rng(0).integers(0, 256, (50, 12)).astype(np.uint8)
    x[:, 0] = 7  # an edge may have a feature that never varies
    encoder = EncoderRecipe(threshold_rate=0.1, edges=EdgeRecipe(levels=2)).fit(x, image=(3, 4))
    ranges = np.ptp(x.astype(np.float32), axis=0)
    minus = encoder.minus.numpy()
    want = ranges[encoder.feature] + np.where(minus < 0, 0, ranges[minus])
    assert encoder.scale.tolist() == want.tolist()
    fixed = encoder.fixed()
    assert fixed.offset is None
    assert torch.equal(fixed.minus, encoder.minus)
