"""Samples and signals of any shape and type that torch users give."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from lgn_edge.errors import InputError
from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, LookupDense, Threshold, soft_evaluation
from lgn_edge.nn.kernels import cpu
from lgn_edge.nn.parametrization import PARAMETRIZATIONS
from tests.nn.networks import ESTIMATORS, chain, equal, gradients, network, samples


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("axes", [(), (0,), (5,), (2, 3), (2, 0, 3), (2, 1, 4)])
def test_any_leading_axes(axes: tuple[int, ...], estimator: str) -> None:
    x = torch.rand(*axes, 6)
    flat = x.reshape(-1, 6)
    model = chain(estimator).train()
    assert torch.equal(model(x), model(flat).reshape(*axes, 3))
    assert torch.equal(model.eval().predict(x), model.predict(flat).reshape(axes))
    value = model.encoder(x)
    for module in (*model.layers, model.head):
        expected = module(value.reshape(-1, value.shape[-1]))
        value = module(value)
        assert torch.equal(value, expected.reshape(*axes, -1) if value.numel() else value)
        assert value.shape == (*axes, expected.shape[-1])


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_bools_and_whole_numbers_are_bits(dtype: torch.dtype, estimator: str) -> None:
    bits = torch.rand(20, 24) > 0.5
    given = bits if dtype == torch.bool else bits.to(dtype) * 255  # set is what is not 0
    model = network(estimator).train()
    for module in (model.layers[0], LookupDense(24, 6, arity=3, estimator=estimator, seed=1), GroupSum(24, 3)):
        assert torch.equal(module(given), module(bits.float()))
    expected = model.logits(bits.float())
    assert torch.equal(model.logits(given), expected)
    with cpu.switched_off():
        torch.testing.assert_close(model.logits(given), expected)


def test_samples_of_a_type_that_loses_nothing() -> None:
    model = network().eval()
    x = samples().to(torch.bfloat16)
    assert torch.equal(model(x), model(x.float()))
    bits = torch.rand(9, 4) > 0.5
    assert torch.equal(Threshold.bits(4)(bits), bits.float())
    with pytest.raises(InputError, match=r"samples are float64 \[37, 6\]; the model takes float32"):
        model(samples().double())


def test_signals_of_another_width_are_refused() -> None:
    model = network()
    with pytest.raises(InputError, match=r"signals have shape \[2, 23\]; it reads \[..., 24\]"):
        model.logits(torch.zeros(2, 23))
    with pytest.raises(InputError, match=r"it reads \[..., 24\]: flatten them, as by .reshape\(-1, 24\)$"):
        model.logits(torch.zeros(2, 1, 4, 6))
    with pytest.raises(InputError, match=r"signals have shape \[\]; it reads \[..., 30\]"):
        model.head(torch.tensor(1.0))


@pytest.mark.parametrize("parametrization", PARAMETRIZATIONS)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_autocast_leaves_gates_as_they_are(parametrization: str, estimator: str) -> None:
    model = network(estimator, parametrization=parametrization).train()
    expected = gradients(model, samples())
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        y = model(samples())
    y.square().sum().backward()
    assert equal([y.detach(), *(parameter.grad for parameter in model.parameters())], expected)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 6), np.float32), r"samples are a ndarray; a module takes tensors, such as torch.from_numpy\(x\)"),
        ([[0.0] * 6], r"samples are a list; a module takes tensors, such as torch.tensor\(x\)"),
        (torch.zeros(2, 6).double(), r"samples are float64 \[2, 6\].*: convert them with .to\(torch.float32\)"),
        (torch.zeros(2, 6, dtype=torch.int64), r"samples are int64 \[2, 6\].*: convert them with .to\(torch.float32\)"),
        (torch.zeros(2, 5), r"samples are float32 \[2, 5\]; the model takes float32 \[..., 6\]$"),
        (torch.zeros(2, 5).double(), r"samples are float64 \[2, 5\]; the model takes float32 \[..., 6\]$"),
        (torch.zeros(4, 1, 2, 3), r".* float32 \[..., 6\]: flatten them, as by .reshape\(-1, 6\)$"),
        (torch.zeros(2, 3).int(), r".* float32 \[..., 6\]: flatten them, as by .reshape\(-1, 6\)$"),
        (torch.tensor(0.5), r"samples are float32 \[\]; the model takes float32"),
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_samples_that_are_none_are_refused(x: object, message: str, training: bool) -> None:
    model = network().train(training)
    for taker in (model, model.scores, model.predict, model.encoder, model.encoder.encode):
        with pytest.raises(InputError, match=f"encoder: {message}"):
            taker(x)


def test_samples_of_another_scale_are_refused_with_the_way_there() -> None:
    model = LogicGateNetwork(Threshold(2, [0, 1], [7, 9], "uint8"), [LogicDense(2, 2)], GroupSum(2, 2))
    with pytest.raises(InputError, match=r"of 0..1 with \(x \* 255\).round\(\).to\(torch.uint8\), with the greatest"):
        model(torch.rand(3, 2))
    model.provenance["scale"] = "16"
    for taker in (model, model.predict):
        with pytest.raises(InputError, match=r"\(x \* 16\).round\(\).to\(torch.uint8\), as it was trained on 0..16"):
            taker(torch.rand(3, 2))
    with pytest.raises(InputError, match=r"are int64 .*: convert them with .to\(torch.uint8\), if they are 0..255"):
        model(torch.zeros(3, 2, dtype=torch.int64))


def test_bits_are_not_advised_another_scale() -> None:
    model = LogicGateNetwork(Threshold.bits(2), [LogicDense(2, 2)], GroupSum(2, 2))
    for taker in (model, model.predict, model.encoder):
        with pytest.raises(InputError, match=r"convert those that are bits, 0 or 1, with \.to\(torch\.uint8\)"):
            taker(torch.rand(3, 2))


LAYERS = [LogicDense(24, 6, seed=1), LookupDense(24, 6, arity=3, seed=1)]


@pytest.mark.parametrize("layer", [*LAYERS, GroupSum(24, 3)], ids=lambda layer: type(layer).__name__)
def test_signals_that_are_no_tensors_are_refused(layer: nn.Module) -> None:
    for x, name in ((np.zeros((2, 24), np.float32), "ndarray"), ([[0.0] * 24], "list")):
        with pytest.raises(InputError, match=rf"signals are a {name}; a module takes tensors, such as torch\."):
            layer(x)


@pytest.mark.parametrize("value", [0.5, 2.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_what_is_no_bit_is_refused_in_evaluation_mode(layer: nn.Module, dtype: torch.dtype, value: float) -> None:
    bits = (torch.rand(4, 24) > 0.5).to(dtype)
    strange = bits.clone()
    strange[2, 5] = value
    model = network()
    for taker in (layer, nn.Sequential(layer, GroupSum(6, 2)), model.logits, model.bit_scores):
        with pytest.raises(InputError, match=r"in evaluation mode, .* reads bits, 0 or 1; put a Threshold before it"):
            layer.eval() and model.eval() and taker(strange)
        assert taker(bits).shape[0] == 4
    layer.train()(strange)  # while training, gates interpolate, and nothing is looked at
    with soft_evaluation(layer):
        layer.eval()(strange)
