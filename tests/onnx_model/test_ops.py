"""Every op's function body computes what the network computes, bit for bit, in every plain runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from lgn_edge.errors import InputError
from lgn_edge.network import GroupSum, LogicDense, Network, Threshold
from lgn_edge.onnx_model import Form, from_model, to_model
from lgn_edge.onnx_model.form import OPS, heads_outputs
from lgn_edge.onnx_model.runtime import onnxruntime_run, onnxruntime_session, reference_run
from tests.onnx_model.forms import BATCHES, FORMS, PLAIN_OPS, RUNTIMES, assert_same, joined_images, suited, suits, trees
from tests.strategies import image_networks, networks, random_network, random_samples

NETWORKS = {
    "float32": random_network(1),
    "uint8": random_network(2, input_dtype="uint8"),
    "edges": random_network(13, features=9, bits=40, widths=(50, 30), input_dtype="uint8", edges=True),
    "one gate": random_network(3, features=1, bits=1, widths=(1,), classes=1),
    "constants": random_network(4, tables=(0, 15)),
    "one class": random_network(5, widths=(9, 37), classes=1),
    "a class a gate": random_network(6, widths=(37,), classes=37),
    "groups above 127": random_network(7, widths=(600, 387), classes=3),
    "groups of 127": random_network(8, widths=(254,), classes=2),
    "a bit": random_network(10, widths=(9, 1), classes=0),
    "bits": random_network(11, widths=(20, 37), classes=0, input_dtype="uint8"),
    "constant bits": random_network(12, widths=(13,), classes=0, tables=(0, 15)),
    "all ones": random_network(9, widths=(1500,), classes=1, tables=(15,)),
}

IMAGE_FORMS = [Form(ops, "packed" if ops != "qonnx" else "bool") for ops in PLAIN_OPS]
IMAGE_FORMS += [Form(ops) for ops in PLAIN_OPS]


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(("network", "form"), suited(NETWORKS, FORMS))
def test_every_batch_size(network: Network, form: Form, runtime: str) -> None:
    run = RUNTIMES[runtime](to_model(network, form))
    for n in BATCHES:
        assert_same(network, run, random_samples(network, n, seed=n), form)


@settings(max_examples=25)
@given(networks(), st.sampled_from(list(FORMS.values())), st.integers(0, 150), st.integers(0, 2**31))
def test_any_network(network: Network, form: Form, n: int, seed: int) -> None:
    assume(suits(form, network))
    model = to_model(network, form)
    samples = random_samples(network, n, seed)
    for open_model in RUNTIMES.values():
        assert_same(network, open_model(model), samples, form)


@settings(max_examples=30)
@given(image_networks(), st.sampled_from(IMAGE_FORMS), st.sampled_from(BATCHES))
def test_any_network_of_images(network: Network, form: Form, n: int) -> None:
    model = to_model(network, form)
    samples = random_samples(network, n)
    for open_model in RUNTIMES.values():
        assert_same(network, open_model(model), samples, form)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("ops", PLAIN_OPS)
def test_images_that_are_joined(ops: str, runtime: str) -> None:
    for seed in range(3):
        network, form = joined_images(seed), Form(ops)
        assert_same(network, RUNTIMES[runtime](to_model(network, form)), random_samples(network, 65), form)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_gate_in_every_node_of_a_tree(runtime: str) -> None:
    for network in trees():
        samples = np.random.default_rng(0).integers(0, 2, (200, network.encoder.n_features)).astype(np.uint8)
        assert_same(network, RUNTIMES[runtime](to_model(network)), samples)


@pytest.mark.parametrize("ops", PLAIN_OPS)
def test_deep_chain(ops: str) -> None:
    network = random_network(11, widths=(3,) * 150, classes=3, tables=(1, 2, 6, 7, 8, 9, 14))
    form = Form(ops)
    samples = random_samples(network, 65)
    for open_model in (onnxruntime_run, reference_run):
        assert_same(network, open_model(to_model(network, form)), samples, form)


@pytest.mark.parametrize("ops", PLAIN_OPS)
@pytest.mark.parametrize(
    "outputs", [("scores",), ("logits",), ("class",), ("scores", "class"), ("logits", "class"), ("class", "scores")]
)
def test_outputs_that_are_asked_for(ops: str, outputs: tuple[str, ...]) -> None:
    network, form = NETWORKS["float32"], Form(ops, outputs=outputs)
    model = to_model(network, form)
    assert [value.name for value in model.graph.output] == list(form.outputs)
    assert_same(network, onnxruntime_run(model), random_samples(network, 70), form)
    if ops != "standard":
        assert from_model(model) == network


@pytest.mark.parametrize("ops", OPS)
@pytest.mark.parametrize(("classes", "missing"), [(3, "output_bits"), (1, "class"), (0, "scores")])
def test_a_head_has_its_own_outputs(ops: str, classes: int, missing: str) -> None:
    network = random_network(2, widths=(13, 12), classes=classes)
    assert tuple(value.name for value in to_model(network, Form(ops)).graph.output) == heads_outputs(network.head)
    with pytest.raises(
        InputError, match=f"no output '{missing}'; its head gives {', '.join(heads_outputs(network.head))}"
    ):
        to_model(network, Form(ops, outputs=(missing,)))


@pytest.mark.parametrize("ops", OPS)
def test_a_score_with_a_class_is_read(ops: str) -> None:
    """Files of one class were written with a class, always 0."""
    network = random_network(2, widths=(13, 12), classes=1)
    model = to_model(network, Form(ops))
    if ops != "fused":
        model.graph.node.append(helper.make_node("ArgMax", ["scores"], ["class"], "argmax", axis=1, keepdims=0))
    if ops in ("standard", "qonnx"):
        model.graph.node[-1].name = "class"
    model.graph.output.append(helper.make_tensor_value_info("class", TensorProto.INT64, ["N"]))
    samples = random_samples(network, 70)
    assert from_model(model).evaluate(samples) == network.evaluate(samples)
    if ops != "fused":
        assert onnxruntime_session(model)(samples) == network.evaluate(samples)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ops": "magic"}, "no 'magic' ops; choose one of custom, standard, fused, qonnx"),
        ({"input": "int8"}, "no input 'int8'"),
        ({"outputs": ("scores", "label")}, "choose some of scores, logits, class, output_bits"),
    ],
)
def test_forms_that_do_not_exist(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Form(**options)


@pytest.mark.parametrize("ops", PLAIN_OPS)
def test_a_model_without_scores_does_not_predict(ops: str) -> None:
    network = NETWORKS["uint8"]
    predict = onnxruntime_session(to_model(network, Form(ops, outputs=("class",))))
    with pytest.raises(InputError, match="gives class, but no scores"):
        predict(random_samples(network, 3))


def test_classes_follow_from_scores() -> None:
    network = NETWORKS["uint8"]
    samples = random_samples(network, 70)
    assert onnxruntime_session(to_model(network, Form(outputs=("scores",))))(samples) == network.evaluate(samples)


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


@pytest.mark.parametrize("ops", PLAIN_OPS)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_comparison_is_exact_float32(runtime: str, ops: str) -> None:
    limit = np.array([0.1, 0.0, -0.0, 1e-45, 16777216.0, 3.4e38], np.float32)
    near = np.concatenate([limit, np.nextafter(limit, np.float32(np.inf)), np.nextafter(limit, np.float32(-np.inf))])
    values = np.concatenate([near, np.array([np.nan, np.inf, -np.inf, 1e-45, -1e-45], np.float32)])
    encoder = Threshold(1, np.zeros(6, np.int32), limit)
    wires = np.arange(6, dtype=np.int32)
    network = Network(encoder, (LogicDense(6, wires, wires, np.full(6, 3, np.uint8)),), GroupSum(6, 6))
    assert_same(network, RUNTIMES[runtime](to_model(network, Form(ops))), values[:, None])


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_first_maximum_wins(runtime: str) -> None:
    wires = np.zeros(3, np.int32)
    layer = LogicDense(1, wires, wires, np.array([0, 15, 15], np.uint8))
    network = Network(Threshold.bits(1), (layer,), GroupSum(3, 3))
    assert RUNTIMES[runtime](to_model(network))(np.zeros((3, 1), np.uint8))["class"].tolist() == [1, 1, 1]
