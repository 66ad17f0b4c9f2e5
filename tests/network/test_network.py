from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.errors import InputError
from lgn_edge.network import (
    Bits,
    Circuit,
    GroupSum,
    LogicConv2d,
    LogicDense,
    Network,
    OrPool2d,
    Threshold,
    flatten,
    pack,
    unpack,
)
from lgn_edge.network import truth_table as tt
from lgn_edge.onnx_model import Form, from_model, to_model
from tests.strategies import circuits, networks, random_network, random_samples

PYTHON_GATES = {
    0: lambda a, b: 0,
    1: lambda a, b: a and b,
    2: lambda a, b: a and not b,
    3: lambda a, b: a,
    4: lambda a, b: not a and b,
    5: lambda a, b: b,
    6: lambda a, b: a != b,
    7: lambda a, b: a or b,
    8: lambda a, b: not (a or b),
    9: lambda a, b: a == b,
    10: lambda a, b: not b,
    11: lambda a, b: a or not b,
    12: lambda a, b: not a,
    13: lambda a, b: not a or b,
    14: lambda a, b: not (a and b),
    15: lambda a, b: 1,
}


def slow_scores(network: Network, sample: np.ndarray) -> list[int]:
    """One sample, one gate at a time, in plain Python: independent of every array in the package."""
    encoder = network.encoder
    minus = [-1] * encoder.n_outputs if encoder.minus is None else encoder.minus
    less = [0 if m < 0 else int(sample[m]) for m in minus]
    watched = [np.float32(sample[f]) - m for f, m in zip(encoder.feature, less, strict=True)]
    bits = [bool(x > t) for x, t in zip(watched, encoder.threshold, strict=True)]
    for layer in network.layers:
        bits = [
            bool(PYTHON_GATES[int(t)](bits[a], bits[b])) for t, a, b in zip(layer.table, layer.a, layer.b, strict=True)
        ]
    group = len(bits) // network.head.n_outputs
    return [sum(bits[c * group : (c + 1) * group]) for c in range(network.head.n_outputs)]


@pytest.mark.parametrize("table", range(16))
def test_gate_means_its_row_of_the_table(table: int) -> None:
    for a, b in itertools.product((0, 1), repeat=2):
        word = tt.evaluate_gates(np.array([table], np.uint8), np.array([[a]], np.uint64), np.array([[b]], np.uint64))
        assert int(word[0, 0]) & 1 == int(PYTHON_GATES[table](a, b)), (tt.NAMES[table], a, b)


@pytest.mark.parametrize("table", range(16))
def test_gate_algebra(table: int) -> None:
    def f(t: int, a: int, b: int) -> int:
        return t >> (3 - 2 * a - b) & 1

    for a, b in itertools.product((0, 1), repeat=2):
        assert f(tt.SWAP_INPUTS[table], a, b) == f(table, b, a)
        assert f(tt.COMPLEMENT_A[table], a, b) == f(table, 1 - a, b)
        assert f(tt.COMPLEMENT_B[table], a, b) == f(table, a, 1 - b)
        assert f(tt.COMPLEMENT_OUTPUT[table], a, b) == 1 - f(table, a, b)
        assert f(tt.SAME_INPUT[table], a, b) == f(table, a, a)
        for value in (0, 1):
            assert f(tt.FIX_A[value][table], a, b) == f(table, value, b)
            assert f(tt.FIX_B[value][table], a, b) == f(table, a, value)
    assert tt.DEPENDS_ON_A[table] == any(f(table, 0, b) != f(table, 1, b) for b in (0, 1))
    assert tt.DEPENDS_ON_B[table] == any(f(table, a, 0) != f(table, a, 1) for a in (0, 1))


@given(st.integers(0, 200), st.integers(0, 9), st.sampled_from(["u1", "u2", "u4", "u8"]), st.integers(0, 1000))
def test_packing_round_trips(samples: int, signals: int, dtype: str, seed: int) -> None:
    bits = np.random.default_rng(seed).random((samples, signals)) < 0.5
    words = pack(bits, dtype)
    width = words.dtype.itemsize * 8
    assert words.shape == (signals, -(-samples // width))
    assert (unpack(words, samples) == bits).all()
    for s in range(0, samples, 7):
        for i in range(signals):
            assert int(words[i, s // width]) >> (s % width) & 1 == bits[s, i]
    if samples % width and signals:
        assert (words[:, -1] >> words.dtype.type(samples % width) == 0).all(), "bits behind the last sample are 0"


@given(networks(), st.integers(0, 70), st.integers(0, 100))
def test_evaluate_is_the_definition(network: Network, n: int, seed: int) -> None:
    x = random_samples(network, n, seed)
    prediction = network.evaluate(x)
    assert prediction.scores.dtype == np.int32
    assert (prediction.decision is None) == (network.head.n_outputs == 1 or isinstance(network.head, Bits))
    assert prediction.scores.shape == (n, network.head.n_outputs)
    for s in range(n):
        scores = slow_scores(network, x[s])
        assert prediction.scores[s].tolist() == scores
        if prediction.decision is not None:
            assert prediction.classes.dtype == np.uint16
            assert prediction.classes[s] == scores.index(max(scores))


@given(networks(), st.integers(0, 130))
def test_flatten_agrees_with_the_layers(network: Network, n: int) -> None:
    x = random_samples(network, n)
    *_, last = network.activations(x)
    got = flatten(network).evaluate(network.encoder.evaluate(x))
    assert (unpack(got, n) == unpack(last, n)).all()


@given(circuits())
def test_levels(circuit: Circuit) -> None:
    level = [0] * circuit.n_inputs
    for a, b in zip(circuit.a, circuit.b, strict=True):
        level.append(1 + max(level[a], level[b]))
    assert circuit.levels().tolist() == level


@given(circuits())
def test_circuit_evaluate(circuit: Circuit) -> None:
    bits = np.random.default_rng(1).random((37, circuit.n_inputs)) < 0.5
    got = unpack(circuit.evaluate(pack(bits, np.uint32)), 37)
    for s in range(0, 37, 9):
        values = [bool(v) for v in bits[s]]
        for t, a, b in zip(circuit.table, circuit.a, circuit.b, strict=True):
            values.append(bool(PYTHON_GATES[int(t)](values[a], values[b])))
        want = [values[o] != i for o, i in zip(circuit.outputs, circuit.inverted, strict=True)]
        assert got[s].tolist() == want


def test_batches_larger_than_a_chunk_equal_their_parts() -> None:
    network = random_network(3)
    x = random_samples(network, 9001)
    whole = network.evaluate(x)
    parts = [network.evaluate(x[i : i + 1000]).scores for i in range(0, 9001, 1000)]
    assert (whole.scores == np.concatenate(parts)).all()


def test_equality_is_by_value() -> None:
    assert random_network(1) == random_network(1)
    assert random_network(1) != random_network(2)


def test_what_no_bit_subtracts_is_left_out() -> None:
    plain = random_network(3, input_dtype="uint8")
    none = replace(plain, encoder=replace(plain.encoder, minus=np.full(plain.encoder.n_outputs, -1)))
    assert none == plain
    assert none.fingerprint() == plain.fingerprint()
    minus = np.full(plain.encoder.n_outputs, -1)
    minus[2] = 0
    assert replace(plain, encoder=replace(plain.encoder, minus=minus)).fingerprint() != plain.fingerprint()


def test_nan_is_not_above_a_threshold() -> None:
    encoder = Threshold(1, np.array([0]), np.array([-1.0], np.float32))
    assert encoder.evaluate(np.array([[np.nan], [0.0]], np.float32)).tolist() == [[0b10]]


def dense(**changes: object) -> LogicDense:
    fields: dict[str, object] = {"n_inputs": 2, "a": [0, 1], "b": [1, 0], "table": [1, 6]}
    return LogicDense(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dense(a=[0, 2]), r"a\[1\] is 2, outside the 2 inputs"),
        (lambda: dense(b=[-1, 0]), r"b\[0\] is -1"),
        (lambda: dense(table=[1, 16]), r"table\[1\] is 16; a 2-input gate is 0..15"),
        (lambda: dense(table=[1]), "one each a gate"),
        (lambda: dense(a=[], b=[], table=[]), "zero gates"),
        (lambda: dense(a=[0.5, 1.0]), "0.5, which is not a value of int32"),
        (lambda: dense(a=[2**40, 0]), "which is not a value of int32"),
        (lambda: GroupSum(10, 3), "do not divide the 10 outputs"),
        (lambda: GroupSum(10, 0), "0 classes"),
        (lambda: GroupSum(10, 5, tau=0.0), "tau must be positive"),
        (lambda: Threshold(2, [0], [np.inf]), "not finite"),
        (lambda: Threshold(2, [2], [0.0]), "outside the 2 inputs"),
        (lambda: Threshold(2, [1], [0.0], "int8"), "input_dtype"),
        (lambda: Threshold(2, [1, 0], [0.0, 1.0], "uint8", [-1, 2]), r"minus\[1\] is 2, outside the 2 inputs"),
        (lambda: Threshold(2, [1, 0], [0.0, 1.0], "uint8", [-1, -2]), r"minus\[1\] is -2, outside the 2 inputs"),
        (lambda: Threshold(2, [1], [0.0], "uint8", [0, 1]), "1 features, 2 of minus; one each a bit"),
        (lambda: Threshold(2, [1], [0.0], "float32", [0]), "differences are of uint8 features"),
        (lambda: Network(Threshold.bits(3), (dense(),), GroupSum(2, 1)), "layer 0 reads 2 signals but gets 3"),
        (lambda: Network(Threshold.bits(2), (), GroupSum(2, 1)), "no logic layer"),
        (lambda: Network(Threshold.bits(2), (dense(),), GroupSum(4, 1)), "the head reads 4 signals but gets 2"),
        (lambda: Threshold(2.0, [1], [0.0]), "encoder: n_features is 2.0; it must be a whole number"),
        (lambda: Bits("2"), "bits: n_inputs is '2'; it must be a whole number"),
        (lambda: Circuit(1, [1], [0], [1], [1], [False]), r"b\[0\] is 1; gate 0 may read 0..0"),
        (lambda: random_network(0).evaluate(np.zeros((2, 3), np.float32)), r"the model takes \[n, 7\]"),
        (lambda: random_network(0).evaluate(np.full((2, 7), 0.1)), r"float64; the model takes float32"),
    ],
)
def test_bad_input_is_named(make: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()  # type: ignore[operator]


def test_whole_numbers_of_numpy_are_plain_ones_in_every_record() -> None:
    """JSON takes no others: of an encoder in a file, of a manifest."""
    n = np.int64
    encoder = Threshold(n(12), np.arange(12), np.full(12, 0.5), "uint8")
    convolution = LogicConv2d(n(1), n(3), n(4), n(2), np.zeros((1, 2, 3)), [[6]], stride=n(1))
    layers = (convolution, OrPool2d(n(1), n(2), n(3), (n(1), n(1))), LogicDense(n(6), [0, 1], [1, 2], [1, 7]))
    reads = ((n(0),), (n(1),), (n(2),))
    network = Network(encoder, layers, GroupSum(n(2), n(2)), reads=reads)
    records = [encoder, *layers, network.head, convolution.window, Bits(n(2)), Circuit(n(1), [], [], [], [0], [False])]
    numbers = [number for record in records for number in vars(record).values() if isinstance(number, int | n)]
    numbers += [number for sources in network.reads for number in sources]
    assert len(numbers) == 15
    assert {type(number) for number in numbers} == {int}
    assert from_model(to_model(network, Form("standard", "packed"))).encoder == encoder


def test_a_network_is_printed_in_about_ten_lines():
    few = random_network(1, features=7, bits=24, widths=(40, 30), classes=3)
    assert repr(few).splitlines()[0] == f"Network {few.name}, 70 gates"
    assert "  layer 1   LogicDense, 40 -> 30" in repr(few).splitlines()
    many = random_network(1, widths=(12,) * 40, classes=3)
    many = replace(many, name="<b>", class_names=["a long name" * 9] * 3)
    lines = repr(many).splitlines()
    assert len(lines) == 10
    assert "  ... 35 more layers" in lines
    assert max(map(len, lines)) < 100
    assert many._repr_html_().startswith("<pre>Network &lt;b&gt;, 480 gates\n")
