from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.errors import InputError
from lgn_edge.network import first_maximum
from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, Threshold, discretise, soft_evaluation
from lgn_edge.nn.estimator import ESTIMATORS
from lgn_edge.nn.initialisation import INITIALISATIONS
from lgn_edge.nn.module import EXTRA
from lgn_edge.nn.parametrization import PARAMETRIZATIONS
from tests.strategies import random_network, random_samples

KINDS = [
    (parametrization, estimator)
    for parametrization in PARAMETRIZATIONS
    for estimator in ESTIMATORS
    if parametrization != "light-sine" or "gumbel" not in estimator
]


def layer(parametrization: str, weight: list[list[float]], estimator: str = "soft", **options: float) -> LogicDense:
    made = LogicDense(2, len(weight), parametrization=parametrization, estimator=estimator, seed=0, **options)
    with torch.no_grad():
        made.weight.copy_(torch.tensor(weight))
    return made


@st.composite
def models(draw: st.DrawFn) -> LogicGateNetwork:
    seed = draw(st.integers(0, 2**31))
    parametrization, estimator = draw(st.sampled_from(KINDS))
    wiring = draw(st.sampled_from(["random", "unique", "aligned"]))
    lanes = draw(st.sampled_from([1, 2, 8])) if wiring == "aligned" else 1
    classes = draw(st.integers(1, 4))
    unit = math.lcm(lanes, classes)
    bits = lanes * draw(st.integers(8, 12))
    widths = [lanes * draw(st.integers(5, 28)) for _ in range(draw(st.integers(0, 2)))]
    widths = [max(8, width) for width in widths if wiring != "aligned"] or widths
    widths.append(unit * draw(st.integers(1, max(1, 24 // unit))))
    reference = random_network(seed, bits=bits, input_dtype=draw(st.sampled_from(["float32", "uint8"]))).encoder
    layers, width = [], bits
    for i, gates in enumerate(widths):
        options = {"init": draw(st.sampled_from(INITIALISATIONS)), "wiring": wiring, "lanes": lanes, "seed": seed + i}
        layers.append(LogicDense(width, gates, parametrization=parametrization, estimator=estimator, **options))
        width = gates
        if draw(st.booleans()):  # weights far from the first ones, ties and zeros among them
            with torch.no_grad():
                generator = torch.Generator().manual_seed(seed)
                layers[-1].weight.copy_(torch.randint(-2, 3, layers[-1].weight.shape, generator=generator))
    encoder = Threshold(reference.n_features, reference.feature, reference.threshold, reference.input_dtype)
    head = GroupSum(width, classes, draw(st.floats(0.125, 30, width=32)), draw(st.floats(-5, 5, width=32)))
    return LogicGateNetwork(encoder, layers, head, name="case", class_names=[f"c{i}" for i in range(classes)])


@given(models(), st.sampled_from([0, 1, 63, 64, 65]))
def test_evaluation_mode_is_the_discrete_network(model: LogicGateNetwork, n: int) -> None:
    network = discretise(model)
    samples = random_samples(network, n)
    x = torch.from_numpy(samples)
    expected = network.evaluate(samples)
    model.eval()
    scores = model.scores(x)
    assert scores.dtype == torch.int32
    np.testing.assert_array_equal(scores.numpy(), expected.scores)
    if model.head.classes > 1:
        np.testing.assert_array_equal(model.predict(x).numpy(), first_maximum(expected.scores))
    with torch.no_grad():
        np.testing.assert_array_equal(model(x).numpy(), network.head.logits(expected.scores))
        signals = model.encoder(x)
        for one in model.logic:
            signals = one(signals)
            assert ((signals == 0) | (signals == 1)).all()
    assert network.name == "case"
    assert network.class_names == model.class_names


@given(models())
def test_hard_training_computes_the_discrete_network(model: LogicGateNetwork) -> None:
    x = torch.from_numpy(random_samples(discretise(model), 20))
    for one in model.logic:
        one.estimator = "hard"
    assert torch.equal(model.train()(x), model.eval()(x))


def test_ties() -> None:
    assert layer("light", [[0.0, -0.0, 1e-30, -1.0]]).tables().tolist() == [0b0010]
    assert layer("light-sine", [[0.0, 4.0, 1.0, -4.0]]).tables().tolist() == [0b0011]
    raw = [0.0] * 16
    raw[6] = raw[9] = 2.0
    assert layer("raw", [[0.0] * 16, raw]).tables().tolist() == [0, 6]


def test_soft_gates_are_the_papers() -> None:
    a, b = 0.3, 0.8
    x = torch.tensor([[a, b]])
    w = torch.randn(1, 16, generator=torch.Generator().manual_seed(0))
    made = layer("raw", w.tolist())
    made.a.zero_()
    made.b.fill_(1)
    real = [0, a * b, a - a * b, a, b - a * b, b, a + b - 2 * a * b, a + b - a * b]
    real += [1 - value for value in reversed(real)]  # Petersen et al. 2022, table 1
    expected = float(w.softmax(1)[0] @ torch.tensor(real))
    assert float(made(x).detach()) == pytest.approx(expected, abs=1e-6)

    w = [0.5, -1.0, 2.0, 0.1]
    made = layer("light", [w], temperature=0.5)
    made.a.zero_()
    made.b.fill_(1)
    p = [1 / (1 + math.exp(-value / 0.5)) for value in w]
    expected = p[0] * (1 - a) * (1 - b) + p[1] * (1 - a) * b + p[2] * a * (1 - b) + p[3] * a * b
    assert float(made(x).detach()) == pytest.approx(expected, abs=1e-6)


def test_walsh_gates_are_sigmoids_of_walsh_sums() -> None:
    w = [0.4, -1.0, 2.0, 0.3]
    made = layer("walsh", [w])
    made.a.zero_()
    made.b.fill_(1)
    for a, b in ((0, 0), (0, 1), (1, 0), (1, 1)):
        s = w[0] + w[1] * (1 - 2 * a) + w[2] * (1 - 2 * b) + w[3] * (1 - 2 * a) * (1 - 2 * b)
        got = float(made(torch.tensor([[float(a), float(b)]])).detach())
        assert got == pytest.approx(1 / (1 + math.exp(s)), abs=1e-6)


@pytest.mark.parametrize("parametrization", PARAMETRIZATIONS)
def test_straight_through_has_the_soft_corners_gradient(parametrization: str) -> None:
    weight = torch.randn(5, PARAMETRIZATIONS[parametrization].numbers, generator=torch.Generator().manual_seed(1))
    gradients = []
    for estimator in ("soft", "hard"):
        made = layer(parametrization, weight.tolist(), estimator)
        (made.corners() * torch.arange(20.0).reshape(5, 4)).sum().backward()
        gradients.append(made.weight.grad)
    assert torch.equal(*gradients)


@pytest.mark.parametrize("parametrization", ["light", "raw", "walsh"])
def test_gumbel_samples_the_soft_gate(parametrization: str) -> None:
    generator = torch.Generator().manual_seed(3)
    numbers = PARAMETRIZATIONS[parametrization].numbers
    weight = torch.randn(1, numbers, generator=generator).repeat(20000, 1)
    made = layer(parametrization, weight.tolist(), "gumbel")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        drawn = made.corners()
    assert ((drawn == 0) | (drawn == 1)).all()
    torch.testing.assert_close(drawn.mean(0), made.soft_corners()[0], atol=0.02, rtol=0)


@pytest.mark.parametrize(("estimator", "hard"), [("gumbel", True), ("soft-gumbel", False)])
@pytest.mark.parametrize("temperature", [0.25, 1.0, 2.0])
def test_gumbel_of_raw_gates_is_torchs_gumbel_softmax(estimator: str, hard: bool, temperature: float) -> None:
    weight = torch.randn(300, 16, generator=torch.Generator().manual_seed(5))
    tables = torch.tensor([[i >> 3 & 1, i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(16)], dtype=torch.float32)
    made = layer("raw", weight.tolist(), estimator, temperature=temperature)
    other = weight.clone().requires_grad_()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        drawn = made.corners()
        torch.manual_seed(6)
        expected = torch.nn.functional.gumbel_softmax(other, temperature, hard) @ tables
    torch.testing.assert_close(drawn, expected)
    slope = torch.randn(300, 4, generator=torch.Generator().manual_seed(7))
    for corners in (drawn, expected):
        (corners * slope).sum().backward()
    torch.testing.assert_close(made.weight.grad, other.grad)


@pytest.mark.parametrize("parametrization", PARAMETRIZATIONS)
def test_residual_starts_as_pass_a(parametrization: str) -> None:
    made = LogicDense(40, 60, parametrization=parametrization, seed=5)
    assert (made.tables() == 3).all()


def test_soft_evaluation_ends_with_its_block() -> None:
    made = layer("light", [[0.5, -1.0, 2.0, 0.1]]).eval()
    x = torch.tensor([[0.0, 1.0]])
    hard = made(x)
    with soft_evaluation(made):
        assert 0 < float(made(x).detach()) < 1
    assert torch.equal(made(x), hard)


def test_wiring_and_head_are_in_the_state() -> None:
    state = LogicDense(5, 4, seed=1).state_dict()
    assert set(state) == {"weight", "a", "b", EXTRA}
    other = LogicDense(5, 4, seed=2)
    other.load_state_dict(state)
    assert torch.equal(other.a, state["a"])
    assert set(GroupSum(4, 2).state_dict()) == {"tau", "beta"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parametrization": "lite"}, "'lite' .*; legal are light, light-sine, raw, walsh"),
        ({"estimator": "st"}, "'st'"),
        ({"init": "zero"}, "'zero'"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"parametrization": "light-sine", "temperature": 0.5}, "leave it at 1"),
        ({"parametrization": "light-sine", "estimator": "gumbel"}, "no gumbel estimator"),
        ({"parametrization": "light-sine", "estimator": "soft-gumbel"}, "no gumbel estimator"),
        ({"wiring": "learn"}, "'learn' .*; legal are random, unique, aligned, learned"),
    ],
)
def test_refuses_options(options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LogicDense(4, 4, **options)


def test_refuses_shapes_and_weights() -> None:
    with pytest.raises(InputError, match=r"signals have shape \[3, 5\]; it reads \[..., 4\]"):
        LogicDense(4, 4)(torch.zeros(3, 5))
    with pytest.raises(InputError, match="3 classes do not divide"):
        GroupSum(10, 3)
    broken = LogicDense(4, 4)
    with torch.no_grad():
        broken.weight[0, 0] = math.nan
    with pytest.raises(InputError, match="layer 0 has a weight that is not finite"):
        discretise(LogicGateNetwork(Threshold.bits(4), [broken], GroupSum(4, 2)))
    with pytest.raises(InputError, match="layer 1 reads 5 signals but gets 4"):
        LogicGateNetwork(Threshold.bits(4), [LogicDense(4, 4), LogicDense(5, 4)], GroupSum(4, 2))
