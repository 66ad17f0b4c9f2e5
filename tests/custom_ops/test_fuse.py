"""Chains of nodes that a session runs as one."""

from __future__ import annotations

import pytest
from onnx import ModelProto, TensorProto, helper

from lgn_edge import onnx_session
from lgn_edge.network import Bits, GroupSum, LogicDense, Network, Threshold
from lgn_edge.onnx_library.fuse import fuse
from lgn_edge.onnx_model import Form, to_model
from lgn_edge.onnx_model.runtime import session_run
from tests.custom_ops.test_library import IMAGES, NETWORKS
from tests.onnx_model.forms import FORMS, FUSED_FORMS, assert_same, suited
from tests.strategies import random_samples

WIDE = NETWORKS["wide samples"]


def kinds(model: ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("network", NETWORKS.values(), ids=lambda network: network.name)
def test_a_custom_file_runs_as_one_node(network: Network) -> None:
    model = to_model(network)
    run = session_run(onnx_session(model.SerializeToString(), threads=1))
    for n in (0, 1, 65, 513):
        assert_same(network, run, random_samples(network, n, seed=n))
    assert fuse(model) == 1
    whole = "LogicCircuit" if isinstance(network.head, Bits) else "LogicNetwork"
    whole += "Difference" if network.encoder.minus is not None else ""
    assert kinds(model) == ["Shape", whole, *(["ArgMax"] if network.head.decides else [])]


@pytest.mark.parametrize(("network", "form"), suited({"one class": NETWORKS["one class"]}, FORMS | FUSED_FORMS))
def test_every_form_gives_the_same_through_a_session(network: Network, form: Form) -> None:
    run = session_run(onnx_session(to_model(network, form).SerializeToString(), threads=1))
    assert_same(network, run, random_samples(network, 100), form)


def test_two_heads_of_one_model() -> None:
    """Two chains that read the same samples are fused each by itself."""
    model = to_model(WIDE)
    for node in list(model.graph.node):
        twin = model.graph.node.add()
        twin.CopyFrom(node)
        constants = {tensor.name for tensor in model.graph.initializer} | {"samples"}
        twin.input[:] = [name if name in constants else f"{name}.2" for name in node.input]
        twin.output[:] = [f"{name}.2" for name in node.output]
        twin.name += ".2"
    scores = helper.make_tensor_value_info("scores.2", TensorProto.INT32, ["N", WIDE.head.classes])
    model.graph.output.append(scores)
    samples = random_samples(WIDE, 70)
    first, second = onnx_session(model.SerializeToString(), threads=1).run(["scores", "scores.2"], {"samples": samples})
    assert (first == WIDE.evaluate(samples).scores).all()
    assert (second == first).all()
    assert fuse(model) == 2


def test_what_is_read_by_others_stays() -> None:
    model = to_model(WIDE)
    model.graph.output.append(helper.make_tensor_value_info("layer0", TensorProto.INT64, None))
    assert fuse(model) == 0
    samples = random_samples(WIDE, 70)
    session = onnx_session(model.SerializeToString(), threads=1)
    scores, words = session.run(["scores", "layer0"], {"samples": samples})
    assert (scores == WIDE.evaluate(samples).scores).all()
    assert words.shape == (WIDE.layers[0].n_outputs, 2)


@pytest.mark.parametrize("network", IMAGES.values(), ids=IMAGES)
def test_images_stay(network: Network) -> None:
    model = to_model(network)
    nodes = kinds(model)
    assert fuse(model) == 0
    assert kinds(model) == nodes


def test_layers_that_do_not_read_the_one_before_stay() -> None:
    layers = (LogicDense(2, [0, 1], [1, 0], [1, 7]), LogicDense(2, [0, 1], [1, 0], [6, 9]))
    network = Network(Threshold.bits(2), layers, GroupSum(2, 2), reads=((0,), (0,)))
    model = to_model(network)
    assert fuse(model) == 0
    assert_same(network, session_run(onnx_session(model.SerializeToString())), random_samples(network, 9))


def test_another_number_of_samples_stays() -> None:
    model = to_model(WIDE)
    (shape,) = [node for node in model.graph.node if node.op_type == "Shape"]
    shape.attribute[0].i, shape.attribute[1].i = 1, 2
    assert fuse(model) == 0
