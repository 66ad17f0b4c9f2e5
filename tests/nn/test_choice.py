from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.errors import InputError
from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, Threshold, discretise
from lgn_edge.nn.choice import Choice, mixture
from lgn_edge.nn.kernels import cpu


def made(n_inputs: int, gates: int, candidates: int, lanes: int = 1, seed: int = 0) -> Choice:
    return Choice(n_inputs, gates, candidates, lanes=lanes, generator=torch.Generator().manual_seed(seed))


@given(st.integers(2, 40), st.integers(1, 60), st.data(), st.integers(0, 2**31))
def test_candidates_differ_and_are_used_evenly(n_inputs: int, gates: int, data: st.DataObject, seed: int) -> None:
    k = data.draw(st.integers(2, n_inputs))
    candidates = made(n_inputs, gates, k, seed=seed).candidates
    assert candidates.shape == (2, gates, k)
    assert all(len(set(row)) == k for row in candidates.flatten(0, 1).tolist())
    uses = torch.bincount(candidates.flatten().long(), minlength=n_inputs)
    assert int(uses.max()) <= -(-2 * gates // (n_inputs // k))


@pytest.mark.parametrize("off", [False, True])
def test_the_largest_logit_is_read(off: bool) -> None:
    choice = made(9, 5, 4)
    with torch.no_grad():
        choice.logits.copy_(torch.tensor([1.0, 3.0, 3.0, 2.0]).expand(2, 5, 4))  # the first of equals
    if off:
        with cpu.switched_off():
            a, b = choice.wires()
    else:
        a, b = choice.wires()
    assert torch.equal(a, choice.candidates[0, :, 1])
    assert torch.equal(b, choice.candidates[1, :, 1])
    x = torch.rand(9, 7)
    assert torch.equal(mixture(x, choice.candidates[0], choice.share()[0]), x[a.long()])


def test_the_choice_has_the_softmaxs_gradient() -> None:
    choice = made(9, 5, 4)
    choice.temperature = 0.5
    x = torch.rand(9, 7, dtype=torch.float64)
    weight = torch.rand(5, 7, dtype=torch.float64)

    def soft(logits: torch.Tensor) -> torch.Tensor:
        return mixture(x, choice.candidates[0], (logits / 0.5).softmax(1))

    logits = choice.logits.detach()[0].double().requires_grad_()
    assert torch.autograd.gradcheck(soft, (logits,))
    (soft(logits) * weight).sum().backward()
    (mixture(x.float(), choice.candidates[0], choice.share()[0]) * weight).sum().backward()
    torch.testing.assert_close(choice.logits.grad[0], logits.grad.float())


@given(st.sampled_from([1, 2, 8]), st.integers(0, 2**31))
def test_aligned_choices_stay_aligned(lanes: int, seed: int) -> None:
    choice = made(6 * lanes, 4 * lanes, 3, lanes, seed)
    choice.redraw(0.4, torch.Generator().manual_seed(seed))
    a, b = (wires.reshape(4, lanes) for wires in choice.wires())
    lane = torch.arange(lanes)
    assert torch.equal(a % lanes, lane.expand(4, lanes))  # bit i of a word
    assert (a // lanes == a[:, :1] // lanes).all()
    assert ((b - lane) % lanes == b[:, :1] % lanes).all()  # bit i + r of another
    assert (b // lanes == b[:, :1] // lanes).all()


def test_redraw_replaces_the_least_likely() -> None:
    choice = made(1000, 50, 10)
    before, chosen = choice.candidates.clone(), choice.wires()
    order = choice.logits.detach().argsort(2)
    choice.redraw(0.35, torch.Generator().manual_seed(1))  # three of ten
    kept = order[..., 3:]
    assert torch.equal(choice.candidates.gather(2, kept), before.gather(2, kept))
    assert (choice.candidates.gather(2, order[..., :3]) != before.gather(2, order[..., :3])).float().mean() > 0.9
    assert all(torch.equal(*wires) for wires in zip(choice.wires(), chosen, strict=True))


def test_learns_which_inputs_matter() -> None:
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(512, 40, generator=generator) > 0.5).to(torch.uint8)
    labels = (x[:, 3] ^ x[:, 31]).long()
    layers = [LogicDense(40, 200, estimator="hard", init="gaussian", wiring="learned", candidates=40, seed=1)]
    model = LogicGateNetwork(Threshold.bits(40), layers, GroupSum(200, 2, 5.0)).train()
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    for _ in range(150):
        loss = torch.nn.functional.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = (model.eval().predict(x) == labels).float().mean()
    assert float(right) == 1.0
    layer = discretise(model).layers[0]
    reads_both = {frozenset(pair) for pair in zip(layer.a.tolist(), layer.b.tolist(), strict=True)}
    assert frozenset({3, 31}) in reads_both


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((1, 5, 2, 1), "learned wiring needs 2 to 1 of 1 inputs, and at least 2 inputs"),
        ((9, 5, 10, 1), "10 candidates for an input; learned wiring needs 2 to 9"),
        ((9, 8, 2, 4), "inputs in words of 4 but has 9; choose a multiple such as 12"),
        ((8, 9, 2, 4), "gates in words of 4 but has 9; choose a multiple such as 12"),
    ],
)
def test_refuses(sizes: tuple[int, int, int, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        made(*sizes)
