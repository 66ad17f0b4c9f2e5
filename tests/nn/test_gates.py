"""The fast gate function against its definition, and the definition against the truth tables."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.nn.gates import collapse, gates, gates_definition


def case(signals: int, count: int, batch: int, seed: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randint(signals, (2, count), generator=generator, dtype=torch.int32)
    x = torch.rand(signals, batch, generator=generator, dtype=torch.float64)
    return x, a, b, torch.rand(count, 4, generator=generator, dtype=torch.float64)


def test_all_gates_on_all_bits() -> None:
    corners = torch.tensor([[i >> 3 & 1, i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(16)], dtype=torch.float32)
    x = torch.tensor([[0.0, 0, 1, 1], [0, 1, 0, 1]])
    a, b = torch.zeros(16, dtype=torch.int32), torch.ones(16, dtype=torch.int32)
    for function in (gates, gates_definition):
        assert torch.equal(function(x, a, b, collapse(corners)), corners)


@pytest.mark.parametrize(("signals", "count", "batch"), [(1, 1, 1), (3, 7, 5), (4, 2, 3)])
def test_gradients_are_right(signals: int, count: int, batch: int) -> None:
    x, a, b, c = case(signals, count, batch, seed=1)
    assert torch.autograd.gradcheck(lambda x, c: gates(x, a, b, c), (x.requires_grad_(), c.requires_grad_()))


@given(st.integers(1, 9), st.integers(1, 300), st.sampled_from([1, 2, 65, 1500]), st.integers(0, 2**31))
def test_fast_is_the_definition(signals: int, count: int, batch: int, seed: int) -> None:
    x, a, b, c = case(signals, count, batch, seed)
    results = []
    for function in (gates, gates_definition):
        leaves = x.clone().requires_grad_(), c.clone().requires_grad_()
        y = function(leaves[0], a, b, leaves[1])
        (y * y).sum().backward()
        results.append((y.detach(), leaves[0].grad, leaves[1].grad))
    for fast, definition in zip(*results, strict=True):
        torch.testing.assert_close(fast, definition)


def test_only_what_is_asked_for_gets_a_gradient() -> None:
    x, a, b, c = case(3, 4, 5, seed=2)
    gates(x, a, b, c.requires_grad_()).sum().backward()
    assert x.grad is None
    assert c.grad is not None
