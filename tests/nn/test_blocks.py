"""The compiled kernels against the torch code that defines them: values and gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, LookupDense, Threshold
from lgn_edge.nn.blocks import Blocks
from lgn_edge.nn.choice import mixture
from lgn_edge.nn.gates import collapse, gates_definition, gates_of
from lgn_edge.nn.kernels import cpu
from lgn_edge.nn.lookup import interpolated
from lgn_edge.nn.parametrization import PARAMETRIZATIONS
from lgn_edge.nn.wiring import Connections

pytestmark = pytest.mark.skipif(cpu.missing() is not None, reason=f"no compiled kernels: {cpu.missing()}")

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 2, 15, 16, 17, 33, 128, 150]))


def close(got: list[Tensor], expected: list[Tensor]) -> None:
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one, other.to(torch.float32), rtol=1e-5, atol=2e-5)


def gradients(function: Callable[..., Tensor], *leaves: Tensor) -> list[Tensor]:
    """The value and the gradients of a weighted sum of it."""
    leaves = tuple(leaf.clone().requires_grad_() for leaf in leaves)
    y = function(*leaves)
    weight = torch.linspace(-1, 1, y.numel()).reshape(y.shape).to(y)
    (y * weight).sum().backward()
    return [y.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]


def draw(signals: int, gates: int, seed: int) -> tuple[torch.Generator, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randint(signals, (2, gates), generator=generator, dtype=torch.int32)
    return generator, a, b


@given(sizes, st.integers(0, 2**31))
def test_real_gates(size: tuple[int, int, int], seed: int) -> None:
    signals, count, batch = size
    generator, a, b = draw(signals, count, seed)
    x = torch.rand(batch, signals, generator=generator)
    corners = torch.rand(count, 4, generator=generator)

    def fast(x: Tensor, corners: Tensor) -> Tensor:
        padded = torch.nn.functional.pad(x, (0, 0, 0, -batch % 16)).reshape(-1, 16, signals).transpose(1, 2)
        return Blocks(batch, padded).gates(Connections(signals, torch.stack([a, b])), collapse(corners)).tensor()

    def definition(x: Tensor, corners: Tensor) -> Tensor:
        return gates_definition(x.t(), a, b, collapse(corners)).t()

    close(gradients(fast, x, corners), gradients(definition, x.double(), corners.double()))


@given(sizes, st.integers(0, 2**31), st.sampled_from([2, 3, 16, 19, 40]))
def test_bit_gates_and_choices(size: tuple[int, int, int], seed: int, k: int) -> None:
    signals, count, batch = size
    generator, *_ = draw(signals, count, seed)
    bits = torch.rand(batch, signals, generator=generator) > 0.5
    corners = (torch.rand(count, 4, generator=generator) > 0.5).float()
    candidates = torch.randint(signals, (2, count, k), generator=generator, dtype=torch.int32)
    best = torch.randint(k, (2, count, 1), generator=generator)
    share = torch.zeros(2, count, k).scatter_(2, best, 1.0)
    wires = Connections(signals, candidates.gather(2, best).squeeze(2))

    def fast(corners: Tensor, share: Tensor) -> Tensor:
        return Blocks.pack(bits).bit_gates(wires, collapse(corners), share, candidates).tensor()

    def definition(corners: Tensor, share: Tensor) -> Tensor:
        rows = bits.t().to(corners)
        first, second = (mixture(rows, *side) for side in zip(candidates, share, strict=True))
        return gates_of(first, second, collapse(corners)).t()

    close(gradients(fast, corners, share), gradients(definition, corners.double(), share.double()))


@given(sizes, st.sampled_from([3, 4, 5, 6]), st.booleans(), st.integers(0, 2**31))
def test_gates_of_more_inputs(size: tuple[int, int, int], k: int, bits: bool, seed: int) -> None:
    signals, count, batch = size
    generator = torch.Generator().manual_seed(seed)
    wires = torch.randint(signals, (k, count), generator=generator, dtype=torch.int32)
    x = torch.rand(batch, signals, generator=generator)
    corners = torch.rand(count, 2**k, generator=generator)
    if bits:
        x, corners = (x > 0.5).float(), (corners > 0.5).float()

    def fast(x: Tensor, corners: Tensor) -> Tensor:
        padded = torch.nn.functional.pad(x, (0, 0, 0, -batch % 16)).reshape(-1, 16, signals).transpose(1, 2)
        return Blocks(batch, padded).lookup_gates(Connections(signals, wires), corners).tensor()

    def definition(x: Tensor, corners: Tensor) -> Tensor:
        return interpolated(x.t(), wires, corners).t()

    got, expected = gradients(fast, x, corners), gradients(definition, x.double(), corners.double())
    close(got, expected)
    assert not bits or torch.equal(got[0], expected[0].float())


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([0, 1, 16, 31]), st.integers(0, 2**31))
def test_packing_and_sums(groups: int, size: int, batch: int, seed: int) -> None:
    x = torch.rand(batch, groups * size, generator=torch.Generator().manual_seed(seed)) > 0.5
    packed = Blocks.pack(x)
    assert torch.equal(packed.tensor(), x.float())
    expected = x.reshape(batch, groups, size).float().sum(2)
    assert torch.equal(packed.group_sums(groups), expected)
    assert torch.equal(packed.real().group_sums(groups), expected)


@pytest.mark.parametrize("parametrization", PARAMETRIZATIONS)
@pytest.mark.parametrize("estimator", ["soft", "hard"])
@pytest.mark.parametrize("wiring", ["random", "learned", "learned-aligned"])
def test_networks_have_torchs_gradients(parametrization: str, estimator: str, wiring: str) -> None:
    options = {"parametrization": parametrization, "estimator": estimator, "wiring": wiring, "candidates": 5}
    layers = [LogicDense(24, 48, seed=1, lanes=4, init="gaussian", **options) for _ in range(1)]
    layers.append(LogicDense(48, 36, seed=2, lanes=4, init="gaussian", **options))
    model = LogicGateNetwork(Threshold.bits(24), layers, GroupSum(36, 3, 2.0, 0.5)).train()
    x = (torch.rand(50, 24, generator=torch.Generator().manual_seed(3)) > 0.5).to(torch.uint8)

    def run() -> list[Tensor]:
        model.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), torch.arange(50) % 3)
        loss.backward()
        return [loss.detach(), *(parameter.grad for parameter in model.parameters())]

    fast = run()
    with cpu.switched_off():
        close(fast, run())


@pytest.mark.parametrize("estimator", ["soft", "hard"])
def test_networks_of_gates_of_more_inputs_have_torchs_gradients(estimator: str) -> None:
    layers = [
        LookupDense(24, 40, arity=4, estimator=estimator, init="gaussian", seed=1),
        LogicDense(40, 30, estimator=estimator, init="gaussian", seed=2),
        LookupDense(30, 36, arity=6, estimator=estimator, init="gaussian", seed=3),
    ]
    model = LogicGateNetwork(Threshold.bits(24), layers, GroupSum(36, 3, 2.0, 0.5)).train()
    x = (torch.rand(50, 24, generator=torch.Generator().manual_seed(3)) > 0.5).to(torch.uint8)

    def run(kernels: str) -> list[Tensor]:
        assert model.kernels("cpu") == kernels
        model.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), torch.arange(50) % 3)
        loss.backward()
        return [loss.detach(), *(parameter.grad for parameter in model.parameters())]

    fast = run("compiled")
    with cpu.switched_off():
        close(fast, run("torch"))


def test_other_types_are_computed_by_torch() -> None:
    layers = [LogicDense(6, 9, seed=1, init="gaussian")]
    model = LogicGateNetwork(Threshold.bits(6), layers, GroupSum(9, 3)).train()
    x = torch.tensor([[0, 1, 1, 0, 1, 0], [1, 1, 0, 0, 0, 1]], dtype=torch.uint8)
    single = model(x)
    double = model.double()(x)
    torch.testing.assert_close(double.float(), single)


def test_the_same_batch_gives_the_same_bits() -> None:
    layer = LogicDense(500, 800, seed=1)
    x = torch.rand(100, 500, generator=torch.Generator().manual_seed(3)) > 0.5

    def run() -> Tensor:
        layer.weight.grad = None
        layer(layer_input).tensor().square().sum().backward()
        return layer.weight.grad

    layer_input = Blocks.pack(x)
    assert torch.equal(run(), run())
