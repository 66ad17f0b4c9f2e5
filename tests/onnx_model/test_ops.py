"""Every op's function body computes what the network computes, bit for bit, in every plain runtime."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgn_edge.network import GroupSum, LogicDense, Network, Threshold
from lgn_edge.onnx_model import to_model
from lgn_edge.onnx_model.runtime import Run, onnxruntime_run, reference_run
from tests.strategies import networks, random_network, random_samples

BATCHES = (0, 1, 2, 63, 64, 65, 127, 128, 129, 200)
RUNTIMES = {
    "reference": reference_run,
    "optimised": onnxruntime_run,
    "unoptimised": lambda model: onnxruntime_run(model, optimize=False),
}
NETWORKS = {
    "float32": random_network(1),
    "uint8": random_network(2, input_dtype="uint8"),
    "one gate": random_network(3, features=1, bits=1, widths=(1,), classes=1),
    "constants": random_network(4, tables=(0, 15)),
    "one class": random_network(5, widths=(9, 37), classes=1),
    "a class a gate": random_network(6, widths=(37,), classes=37),
    "groups above 127": random_network(7, widths=(600, 387), classes=3),
    "groups of 127": random_network(8, widths=(254,), classes=2),
    "all ones": random_network(9, widths=(1500,), classes=1, tables=(15,)),
}


def assert_same(network: Network, run: Run, samples: np.ndarray) -> None:
    want, got = network.evaluate(samples), run(samples)
    assert got["scores"].dtype == np.int32
    assert got["logits"].dtype == np.float32
    assert got["class"].dtype == np.int64
    np.testing.assert_array_equal(got["scores"], want.scores, strict=True)
    assert got["logits"].tobytes() == network.head.logits(want.scores).tobytes()
    assert got["logits"].shape == want.scores.shape
    np.testing.assert_array_equal(got["class"], want.classes.astype(np.int64), strict=True)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_batch_size(name: str, runtime: str) -> None:
    network = NETWORKS[name]
    run = RUNTIMES[runtime](to_model(network))
    for n in BATCHES:
        assert_same(network, run, random_samples(network, n, seed=n))


@settings(max_examples=25)
@given(networks(), st.integers(0, 150), st.integers(0, 2**31))
def test_any_network(network: Network, n: int, seed: int) -> None:
    model = to_model(network)
    samples = random_samples(network, n, seed)
    for open_model in RUNTIMES.values():
        assert_same(network, open_model(model), samples)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_gate_on_every_input(runtime: str) -> None:
    a, b = np.meshgrid([0, 1], [0, 1], indexing="ij")
    wires = np.zeros(16, np.int32)
    network = Network(
        Threshold.bits(2),
        (LogicDense(2, wires, wires + 1, np.arange(16, dtype=np.uint8)),),
        GroupSum(16, 16),
    )
    samples = np.stack([a.ravel(), b.ravel()], axis=1).astype(np.uint8)
    scores = RUNTIMES[runtime](to_model(network))(samples)["scores"]
    rows = np.array([table >> shift & 1 for shift in (3, 2, 1, 0) for table in range(16)]).reshape(4, 16)
    np.testing.assert_array_equal(scores, rows)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_comparison_is_exact_float32(runtime: str) -> None:
    limit = np.array([0.1, 0.0, -0.0, 1e-45, 16777216.0, 3.4e38], np.float32)
    near = np.concatenate([limit, np.nextafter(limit, np.float32(np.inf)), np.nextafter(limit, np.float32(-np.inf))])
    values = np.concatenate([near, np.array([np.nan, np.inf, -np.inf, 1e-45, -1e-45], np.float32)])
    encoder = Threshold(1, np.zeros(6, np.int32), limit)
    wires = np.arange(6, dtype=np.int32)
    network = Network(encoder, (LogicDense(6, wires, wires, np.full(6, 3, np.uint8)),), GroupSum(6, 6))
    assert_same(network, RUNTIMES[runtime](to_model(network)), values[:, None])


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_first_maximum_wins(runtime: str) -> None:
    wires = np.zeros(3, np.int32)
    layer = LogicDense(1, wires, wires, np.array([0, 15, 15], np.uint8))
    network = Network(Threshold.bits(1), (layer,), GroupSum(3, 3))
    assert RUNTIMES[runtime](to_model(network))(np.zeros((3, 1), np.uint8))["class"].tolist() == [1, 1, 1]
