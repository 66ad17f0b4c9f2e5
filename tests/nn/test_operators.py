"""Kernels are what torch expects of operators, and refuse what they cannot compute."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from lgn_edge.errors import InputError
from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, LookupDense, Threshold
from lgn_edge.nn.kernels import cpu_operators
from tests.nn.networks import network, samples, with_kernels


def operator_calls() -> Iterator[tuple[Callable[..., object], tuple[object, ...]]]:
    generator = torch.Generator().manual_seed(1)
    wires = torch.randint(9, (3, 7), generator=generator, dtype=torch.int32)
    a, b, entries = wires[0], wires[1], wires.t().contiguous()
    x = torch.rand(2, 9, 16, generator=generator, requires_grad=True)
    soft = torch.rand(7, 4, generator=generator, requires_grad=True)
    corners = torch.rand(7, 8, generator=generator, requires_grad=True)
    bits = cpu_operators.pack(torch.rand(20, 9, generator=generator) > 0.5)
    hard = (torch.rand(7, 4, generator=generator) > 0.5).float().requires_grad_()
    candidates = torch.randint(9, (2, 7, 4), generator=generator, dtype=torch.int32)
    share = torch.rand(2, 7, 4, generator=generator, requires_grad=True)
    yield cpu_operators.pack, (torch.rand(20, 9) > 0.5,)
    yield cpu_operators.unpack, (x, bits)
    yield cpu_operators.gates, (x, a, b, soft)
    yield cpu_operators.lookup, (x, entries, corners)
    yield cpu_operators.bit_gates, (x, hard, None, bits, a, b, None)
    yield cpu_operators.bit_gates, (x, hard, share, bits, a, b, candidates)
    yield cpu_operators.count, (x, bits, 3)
    yield cpu_operators.argmax, (torch.rand(3, 5),)


@with_kernels
def test_operators_are_what_torch_expects_of_operators() -> None:
    for function, arguments in operator_calls():
        torch.library.opcheck(function, arguments)


@with_kernels
def test_kernels_refuse_memory_of_another_type() -> None:
    x, wires, coefficients = torch.rand(1, 4, 16), torch.zeros(2, dtype=torch.int32), torch.zeros(2, 4)
    with pytest.raises(Exception, match=r"the kernel reads contiguous torch\.float32"):
        cpu_operators.gates(x, wires, wires, coefficients.to(torch.bfloat16))
    with pytest.raises(Exception, match=r"the kernel reads contiguous torch\.int32"):
        cpu_operators.gates(x, wires.long(), wires, coefficients)


@with_kernels
def test_a_gradient_of_a_gradient_is_refused() -> None:
    model = network("soft").train()
    found = torch.autograd.grad(model(samples()).square().sum(), list(model.parameters()), create_graph=True)
    with pytest.raises(RuntimeError, match="no gradient of a gradient"):
        sum(one.square().sum() for one in found).backward()


@pytest.mark.parametrize("leaf", ["weight", "input"])
@with_kernels
def test_a_gradient_of_a_gradient_is_refused_on_every_way(leaf: str) -> None:
    layer, signals = LogicDense(60, 64), torch.rand(5, 60, requires_grad=True)
    wanted = layer.weight if leaf == "weight" else signals
    (found,) = torch.autograd.grad(layer(signals).square().sum(), wanted, create_graph=True)
    with pytest.raises(RuntimeError, match="no gradient of a gradient"):
        torch.autograd.grad(found.sum(), wanted, allow_unused=True)


@pytest.mark.parametrize("name", ["a", "wires"])
def test_wires_that_lead_nowhere_are_refused(name: str) -> None:
    layer = LogicDense(4, 3, seed=1) if name == "a" else LookupDense(4, 3, arity=3, seed=1)
    getattr(layer, name).view(-1)[0] = 1_000_000
    model = LogicGateNetwork(Threshold.bits(4), [layer], GroupSum(3, 1)).eval()
    with pytest.raises(InputError, match="wires lead to inputs 0 to 1000000 of 0 to 3"):
        model(torch.zeros(2, 4, dtype=torch.uint8))
