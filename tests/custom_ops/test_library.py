"""Every form of a file that the library runs, against the reference."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import ModelProto, helper

from lgn_edge import onnx_session
from lgn_edge.network import LogicDense, Network
from lgn_edge.onnx_model import Form, from_model, to_model, write
from lgn_edge.onnx_model.form import INPUTS, resolved
from lgn_edge.onnx_model.runtime import Run, session_run
from tests.onnx_model.forms import FUSED_FORMS, assert_same, joined_images, suited, suits, trees
from tests.strategies import (
    convolutional_network,
    image_networks,
    networks,
    random_image_network,
    random_network,
    random_samples,
)


def edges_nearby() -> Network:
    """Differences of features on either side of another, in vectors."""
    random = random_network(12, features=300, bits=1500, widths=(90, 60), classes=3, input_dtype="uint8", edges=True)
    feature = np.clip(random.encoder.feature, 3, 296)
    distance = np.random.default_rng(0).choice([-3, -1, 2, 3], len(feature))
    minus = np.where(random.encoder.is_edge & (feature % 7 > 0), feature + distance, -1)
    return replace(random, encoder=replace(random.encoder, feature=feature, minus=minus))


BATCHES = (0, 1, 63, 64, 65, 511, 512, 513, 1000)
CUSTOM_FORMS = {f"custom-{chosen or 'own'}": Form("custom", chosen) for chosen in ("", *INPUTS)}
FORMS = CUSTOM_FORMS | FUSED_FORMS
NETWORKS = {
    "one gate": random_network(0, features=1, bits=1, widths=(1,), classes=1),
    "one class": random_network(1, features=9, bits=30, widths=(33, 31), classes=1, input_dtype="uint8"),
    "47 classes": random_network(2, features=9, bits=80, widths=(90, 94), classes=47),
    "wide samples": random_network(3, features=100, bits=300, widths=(400, 411), classes=3),
    "many thresholds a feature": random_network(4, features=20, bits=3000, widths=(300, 40), classes=4),
    **{
        f"edges of {features} features": random_network(
            11 + features, features=features, bits=bits, widths=(90, 60), classes=3, input_dtype="uint8", edges=True
        )
        for features, bits in ((5, 30), (9, 40), (70, 300))  # one by one; some far apart
    },
    "edges in wide pieces": edges_nearby(),
    "bits of edges": random_network(
        14, features=9, bits=40, widths=(50, 30), classes=0, input_dtype="uint8", edges=True
    ),
    "constants": random_network(5, features=8, bits=8, widths=(6, 6), classes=2, tables=(0, 15)),
    "bits": random_network(9, features=9, bits=80, widths=(90, 94), classes=0),
    "a bit": random_network(10, widths=(9, 1), classes=0, input_dtype="uint8"),
    "wires": random_network(
        6, features=8, bits=8, widths=(6, 6), classes=2, input_dtype="uint8", tables=(3, 5, 10, 12)
    ),
    "deep chain": random_network(7, features=4, bits=5, widths=(3,) * 60, classes=3),
    "16-bit slots": random_network(8, features=300, bits=9000, widths=(12000, 12000), classes=5, input_dtype="uint8"),
}

IMAGES = {
    **{f"images {seed}": random_image_network(seed) for seed in (3, 8, 14)},
    "scores of images": random_image_network(26, classes=1),
    "bits of images": random_image_network(7, classes=0),
    "joined images": joined_images(1),
    "edges of images": convolutional_network(1, edges=True),
}


def run_of(model: ModelProto, threads: int = 1) -> Run:
    """Nodes as they stand."""
    return session_run(onnx_session(model.SerializeToString(), threads=threads, fuse=False))


@pytest.mark.parametrize(("network", "form"), suited(NETWORKS, FORMS))
def test_equals_the_reference(network: Network, form: Form) -> None:
    run = run_of(to_model(network, form))
    for n in BATCHES:
        assert_same(network, run, random_samples(network, n, seed=n), form)


@pytest.mark.parametrize("chosen", ["", "packed"])
@pytest.mark.parametrize("ops", ["custom", "fused"])
@pytest.mark.parametrize("network", IMAGES.values(), ids=IMAGES)
def test_images_equal_the_reference(network: Network, ops: str, chosen: str) -> None:
    form = Form(ops, chosen)
    run = run_of(to_model(network, form))
    for n in BATCHES:
        assert_same(network, run, random_samples(network, n, seed=n), form)


def test_a_fused_file_of_images_is_read_as_dense_layers() -> None:
    for network in IMAGES.values():
        found, samples = from_model(to_model(network, Form("fused"))), random_samples(network, 70)
        assert found.evaluate(samples) == network.evaluate(samples)
        assert not found.reads
        assert all(isinstance(layer, LogicDense) for layer in found.layers)


def test_every_gate_in_every_node_of_a_tree() -> None:
    for network in trees():
        samples = np.random.default_rng(0).integers(0, 2, (600, network.encoder.n_features)).astype(np.uint8)
        assert_same(network, run_of(to_model(network)), samples)


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("ops", ["custom", "fused"])
def test_threads(ops: str, threads: int) -> None:
    for network in (NETWORKS["wide samples"], IMAGES["joined images"]):
        run = run_of(to_model(network, Form(ops)), threads)
        for n in (1, 513, 5000):
            assert_same(network, run, random_samples(network, n, seed=n))


@pytest.mark.parametrize("ops", ["custom", "fused"])
def test_sessions_and_calls_at_once(ops: str) -> None:
    """Two sessions of each network, each called by two threads: nobody writes into another's memory."""
    chosen = [*(NETWORKS[name] for name in ("47 classes", "wide samples", "wires")), IMAGES["joined images"]]
    runs = [(network, run_of(to_model(network, Form(ops)), 2)) for network in chosen for _ in range(2)]
    with ThreadPoolExecutor(len(runs) * 2) as pool:
        calls = [
            pool.submit(assert_same, network, run, random_samples(network, 1500 + i, seed=i))
            for i in range(4)
            for network, run in runs
        ]
        for call in calls:
            call.result()


@settings(max_examples=60)
@given(network=networks(), form=st.sampled_from(list(FORMS.values())), n=st.integers(0, 700), fuse=st.booleans())
def test_any_network(network: Network, form: Form, n: int, fuse: bool) -> None:
    assume(suits(form, network))
    session = onnx_session(to_model(network, form).SerializeToString(), threads=1, fuse=fuse)
    assert_same(network, session_run(session), random_samples(network, n, seed=n), form)


@settings(max_examples=40)
@given(network=image_networks(), n=st.integers(0, 700), threads=st.integers(1, 2), fuse=st.booleans())
def test_any_network_of_images(network: Network, n: int, threads: int, fuse: bool) -> None:
    session = onnx_session(to_model(network).SerializeToString(), threads=threads, fuse=fuse)
    assert_same(network, session_run(session), random_samples(network, n, seed=n))


@pytest.mark.parametrize("outputs", [("scores",), ("logits",), ("class",), ("logits", "class")])
@pytest.mark.parametrize("ops", ["custom", "fused"])
def test_outputs(ops: str, outputs: tuple[str, ...]) -> None:
    network, form = NETWORKS["47 classes"], Form(ops, outputs=outputs)
    assert_same(network, run_of(to_model(network, form)), random_samples(network, 700), form)


@pytest.mark.parametrize("absent", [("scores",), ("logits",), ("class",), ("scores", "logits")])
def test_outputs_that_a_node_does_not_have(absent: tuple[str, ...]) -> None:
    network = NETWORKS["47 classes"]
    outputs = tuple(name for name in ("scores", "logits", "class") if name not in absent)
    form = Form("fused", outputs=outputs)
    model = to_model(network, form)
    names = ["" if name in absent else name for name in model.graph.node[0].output]
    model.graph.node[0].output[:] = names
    assert_same(network, run_of(model), random_samples(network, 700), form)


@pytest.mark.parametrize(("network", "form"), suited(NETWORKS, FUSED_FORMS))
def test_fused_files_are_read_back(network: Network, form: Form) -> None:
    inside, chosen = resolved(network, form)
    kept = network if chosen.input in ("bool", "packed") else inside
    assert from_model(to_model(network, form)) == kept


def test_constants_beside_the_file(tmp_path: Path) -> None:
    network = NETWORKS["16-bit slots"]
    for ops in ("custom", "fused"):
        write(network, tmp_path / f"{ops}.onnx", Form(ops), threshold_bytes=0)
        assert (tmp_path / f"{ops}.onnx.data").exists()
        for fuse in (False, True):
            run = session_run(onnx_session(tmp_path / f"{ops}.onnx", threads=1, fuse=fuse))
            assert_same(network, run, random_samples(network, 600))


@pytest.mark.parametrize("op", ["LogicLayer", "LogicConv2d", "OrPool2d"])
def test_the_kernel_is_what_runs(op: str) -> None:
    """Function bodies that compute something else change plain ONNX Runtime's answer, and not that of the library."""
    import onnxruntime

    network = NETWORKS["wide samples"] if op == "LogicLayer" else IMAGES["joined images"]
    model = to_model(network)
    (body,) = [function for function in model.functions if function.name == op]
    (last,) = [node for node in body.node if "result" in node.output]
    last.output[0] = "opposite"
    body.node.append(helper.make_node("BitwiseNot", ["opposite"], ["result"]))
    samples = random_samples(network, 100)
    plain = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (scores,) = plain.run(["scores"], {"samples": samples})
    assert (scores != network.evaluate(samples).scores).any(), "plain ONNX Runtime runs the bodies"
    assert_same(network, run_of(model), samples)


def test_unoptimised_graphs_run_the_kernel_too() -> None:
    network = NETWORKS["47 classes"]
    session = onnx_session(to_model(network).SerializeToString(), threads=1, optimize=False, fuse=False)
    assert_same(network, session_run(session), random_samples(network, 100))


def test_features_that_are_known_when_it_runs() -> None:
    """A model whose samples have any number of features prepares its comparisons when it sees them."""
    network = NETWORKS["wide samples"]
    for ops in ("custom", "fused"):
        model = to_model(network, Form(ops))
        model.graph.input[0].type.tensor_type.shape.dim[1].Clear()
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "F"
        session = onnx_session(model.SerializeToString(), threads=1)
        samples = random_samples(network, 130)
        wider = np.concatenate([samples, samples], axis=1)  # the further features are watched by nobody
        for seen in (samples, wider, samples):
            (scores,) = session.run(["scores"], {"samples": seen})
            assert (scores == network.evaluate(samples).scores).all()
