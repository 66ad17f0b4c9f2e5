"""Models are exported from what users make of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import lgn_edge
from lgn_edge.errors import InputError
from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, Threshold, discretise
from lgn_edge.nn.parametrization import PARAMETRIZATIONS
from lgn_edge.training import load_checkpoint, save_checkpoint
from tests.nn.networks import TRACE_IS_OLD, chain, gradients, network, samples


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("parametrization", PARAMETRIZATIONS)
def test_models_in_another_type_export_what_they_compute(
    dtype: torch.dtype, parametrization: str, tmp_path: Path
) -> None:
    model = network(parametrization=parametrization).to(dtype)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randint(-2, 3, weight.shape))  # ties and zeros
    gradients(model.train(), samples())
    expected = model.eval().scores(samples())
    written = lgn_edge.export(model, tmp_path / "model.onnx")
    assert np.array_equal(written.evaluate(samples().numpy()).scores, expected.numpy())
    assert torch.equal(model.float().scores(samples()), expected)
    if dtype != torch.float64:
        save_checkpoint(model.to(dtype), tmp_path / "checkpoint")
        assert discretise(load_checkpoint(tmp_path / "checkpoint")).layers == written.layers


def test_a_type_that_cannot_hold_a_threshold_is_named() -> None:
    model = LogicGateNetwork(Threshold(1, [0], [1e6]), [LogicDense(1, 2)], GroupSum(2, 1)).half()
    with pytest.raises(InputError, match="a threshold is not finite in float16"):
        discretise(model)


def averaged(model: nn.Module) -> nn.Module:
    average = torch.optim.swa_utils.AveragedModel(model)
    average.update_parameters(model)
    return average


def sequential(model: LogicGateNetwork) -> nn.Module:
    return nn.Sequential(nn.Flatten(), model.encoder, nn.Sequential(*model.layers, nn.Identity()), model.head)


@pytest.mark.filterwarnings(TRACE_IS_OLD)  # torch.compile itself imports what it warns of
@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel, averaged, sequential])
def test_wrapped_models_export(wrap: Callable[[nn.Module], nn.Module], tmp_path: Path) -> None:
    model = chain().eval()
    written = lgn_edge.export(wrap(model), tmp_path / "model.onnx")
    assert written.layers == discretise(model).layers
    assert np.array_equal(written.evaluate(samples().numpy()).scores, model.scores(samples()).numpy())


def test_a_sequential_without_an_encoder_takes_bits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = nn.Sequential(LogicDense(8, 12, seed=1), LogicDense(12, 6, seed=2), GroupSum(6, 2)).eval()
    bits = torch.rand(40, 8) > 0.5
    written = lgn_edge.export(model, tmp_path / "model.onnx")
    assert np.array_equal(written.evaluate(bits.to(torch.uint8).numpy()).scores, model(bits).int().numpy())
    assert "the exported model takes bits, uint8 0 or 1 [N, 8]: the Sequential has no Threshold" in caplog.text
    caplog.clear()
    lgn_edge.export(sequential(chain()), tmp_path / "model.onnx")
    assert not caplog.text


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.ModuleDict({"net": network()}), "a ModuleDict is no LogicGateNetwork .* give the network in it, its .net"),
        (nn.Sequential(nn.Linear(3, 4), LogicDense(4, 4), GroupSum(4, 2)), "with a Linear .*layers_as_nodes"),
        (nn.Sequential(LogicDense(4, 4), nn.ReLU(), GroupSum(4, 2)), "with a ReLU"),
        (nn.Sequential(LogicDense(4, 4)), "with a LogicDense"),
        (nn.Sequential(), "a Sequential without a layer"),
        (nn.Linear(2, 2), "a Linear is no LogicGateNetwork .*no layer of ours in it, and torch.onnx.export exports it"),
        (
            nn.ModuleDict({"gates": LogicDense(4, 4)}),
            "its gates is a layer of ours, and .*layers_as_nodes",
        ),
        (LogicDense(4, 4), "its own is a layer of ours, and .*layers_as_nodes"),
    ],
)
def test_what_is_no_network_is_refused(model: nn.Module, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        lgn_edge.export(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
