"""Layers of k-input gates: what they compute, what they become, and that they learn."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from lgn_edge.errors import InputError
from lgn_edge.network import Network, flatten
from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, LookupDense, Threshold, discretise
from lgn_edge.nn.wiring import several
from lgn_edge.passes import simplify

ARITIES = (3, 4, 5, 6)


def model(arity: int, estimator: str = "hard") -> LogicGateNetwork:
    first = LookupDense(9, 14, arity=arity, estimator=estimator, init="gaussian", seed=1)
    second = LookupDense(14, 6, arity=3, parametrization="light-sine", init="gaussian", seed=2)
    layers = [first, LogicDense(6, 12, init="gaussian", seed=4), LogicDense(12, 6, seed=5)]
    layers.insert(1, second)
    return LogicGateNetwork(Threshold.bits(9), layers, GroupSum(6, 3)).eval()


def every_input(n: int) -> np.ndarray:
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(np.uint8)


@pytest.mark.parametrize("arity", ARITIES)
def test_soft_gates_interpolate_between_their_corners(arity: int) -> None:
    layer = LookupDense(7, 5, arity=arity, init="gaussian", seed=3).train().double()
    x = torch.rand(11, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    corners, expected = layer.corners(), torch.zeros(11, 5, dtype=torch.float64)
    for number, bits in enumerate(product((0, 1), repeat=arity)):
        term = corners[:, number].expand(11, 5)
        for bit, wire in zip(bits, layer.wires.long(), strict=True):
            term = term * (x[:, wire] if bit else 1 - x[:, wire])
        expected = expected + term
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("arity", ARITIES)
def test_the_discrete_network_is_the_model(arity: int) -> None:
    given, samples = model(arity), every_input(9)
    found = discretise(given)
    assert np.array_equal(found.evaluate(samples).scores, given.scores(torch.from_numpy(samples)).numpy())
    simplified, _ = simplify(flatten(found))
    assert 0 < len(simplified.table) < sum(len(layer.table) for layer in found.layers)


@pytest.mark.parametrize("arity", [4, 6])
def test_every_truth_table_survives(arity: int) -> None:
    layer = LookupDense(8, 30, arity=arity, init="gaussian", seed=7).eval()
    bits = torch.from_numpy(every_input(8)).float()
    number = sum(bits[:, wire] * 2 ** (arity - 1 - i) for i, wire in enumerate(layer.wires.long()))
    expected = layer.hard_corners().t().gather(0, number.long())
    assert torch.equal(layer(bits), expected)
    network = Network(
        discretise(LogicGateNetwork(Threshold.bits(8), [layer], GroupSum(30, 30))).encoder,
        layer.discrete_layers(),
        discretise(LogicGateNetwork(Threshold.bits(8), [layer], GroupSum(30, 30))).head,
    )
    assert np.array_equal(network.evaluate(every_input(8)).scores, expected.int().numpy())


@pytest.mark.parametrize("estimator", ["soft", "hard", "gumbel"])
def test_learns_parity_of_four_in_one_layer(estimator: str) -> None:
    x = torch.from_numpy(every_input(4))
    labels = (x.sum(1) % 2).long()
    layer = LookupDense(4, 20, arity=4, estimator=estimator, init="gaussian", seed=0)
    given = LogicGateNetwork(Threshold.bits(4), [layer], GroupSum(20, 2)).train()
    optimizer = torch.optim.Adam(given.parameters(), lr=0.1)
    torch.manual_seed(0)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(given(x), labels).backward()
        optimizer.step()
    assert torch.equal(given.eval().predict(x), labels)
    assert np.array_equal(discretise(given).evaluate(x.numpy()).classes, labels.numpy())


def test_blocks_of_gates_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = LookupDense(9, 40, arity=3, init="gaussian", seed=3).train()
    x = torch.rand(8, 9, generator=torch.Generator().manual_seed(0), requires_grad=True)

    def run() -> list[torch.Tensor]:
        x.grad, layer.weight.grad = None, None
        y = layer(x)
        y.square().sum().backward()
        return [y.detach(), x.grad, layer.weight.grad]

    whole = run()
    monkeypatch.setattr("lgn_edge.nn.lookup._BLOCK", 8 * 8 * 7)  # seven gates at a time
    for one, other in zip(whole, run(), strict=True):
        torch.testing.assert_close(one, other)


def test_wires_differ_within_a_gate_and_use_inputs_evenly() -> None:
    wires = several(10, 100, 6, torch.Generator().manual_seed(0))
    assert all(len(set(gate)) == 6 for gate in wires.t().tolist())
    assert torch.bincount(wires.flatten()).min() > 40
    with pytest.raises(InputError, match="gates of 4 inputs need at least 4 inputs, and there are 3"):
        LookupDense(3, 5, arity=4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arity": 7}, "arity is 7; it must be 3 to 6"),
        ({"parametrization": "raw"}, "parametrization is 'raw'; legal are light, light-sine"),
        ({"parametrization": "light-sine", "estimator": "gumbel"}, "light-sine has no gumbel estimator"),
    ],
)
def test_refuses(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LookupDense(8, 5, **{"arity": 3, **change})
    with pytest.raises(InputError, match=r"signals have shape \[2, 7\]"):
        LookupDense(8, 5, arity=3)(torch.zeros(2, 7))
