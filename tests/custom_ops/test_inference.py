"""Shapes that ONNX Runtime knows before a model runs, of files that tell none."""

from __future__ import annotations

from typing import Any

import pytest
from onnx import ModelProto, TensorProto, helper

from lgn_edge import onnx_session
from lgn_edge.network import Network
from lgn_edge.onnx_model import Form, to_model
from lgn_edge.onnx_model.form import PACKED
from lgn_edge.onnx_model.runtime import session_run
from tests.custom_ops import test_refusals as nodes
from tests.onnx_model.forms import assert_same, joined_images
from tests.strategies import random_network, random_samples

NETWORK = random_network(1, features=7, bits=11, widths=(13, 12, 9), classes=3)
IMAGES = joined_images(1)
IMAGE_INNER = {"layer0": 60, "layer1.words": 100, "layer1": 80, "layer2": 28, "layer3": 42, "layer4": 30}
INNER = {"threshold": 11, "layer0": 13, "layer1": 12, "layer2": 9}


def stripped(
    batch: int | str | None, chosen: str = "", inner: tuple[str, ...] = tuple(INNER), network: Network = NETWORK
) -> ModelProto:
    """A model without function bodies, in which only the input has a shape; the signals of `inner` are outputs too."""
    model = to_model(network, Form(input=chosen))
    del model.functions[:], model.graph.value_info[:]
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    for name in inner:
        if any(name in node.output for node in model.graph.node):
            model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.INT64, None))
    dim = model.graph.input[0].type.tensor_type.shape.dim[chosen == PACKED]
    dim.Clear()
    if isinstance(batch, int):
        dim.dim_value = batch
    elif batch:
        dim.dim_param = batch
    return model


def shapes(model: ModelProto, *, fuse: bool = False) -> dict[str, list[Any]]:
    session = onnx_session(model.SerializeToString(), threads=1, fuse=fuse)
    return {output.name: output.shape for output in session.get_outputs()}


@pytest.mark.parametrize(
    ("batch", "words"), [("N", "ceil(N / 64)"), ("a" * 61, None), (None, None), (0, 0), (1, 1), (64, 1), (65, 2)]
)
def test_shapes_follow_from_those_of_the_samples(batch: int | str | None, words: int | str | None) -> None:
    found = shapes(stripped(batch))
    named = found["threshold"][1]
    assert isinstance(named, int) == isinstance(words, int)
    assert named == words or (words is None and "ai.lgn." in named)
    assert {name: found[name] for name in INNER} == {name: [signals, named] for name, signals in INNER.items()}
    samples = found["scores"][0]
    assert found["scores"] == found["logits"] == [samples, 3]
    assert found["class"] == [samples]


@pytest.mark.parametrize("words", ["W", None, 2])
def test_shapes_follow_from_those_of_packed_bits(words: int | str | None) -> None:
    found = shapes(stripped(words, PACKED))
    named = words or found["layer0"][1]
    assert [found[f"layer{i}"] for i in range(3)] == [[13, named], [12, named], [9, named]]
    assert [found["scores"][1], found["logits"][1]] == [3, 3]


@pytest.mark.parametrize(("batch", "words"), [("N", "ceil(N / 64)"), (65, 2)])
def test_shapes_of_images(batch: int | str, words: int | str) -> None:
    found = shapes(stripped(batch, inner=tuple(IMAGE_INNER), network=IMAGES))
    assert {name: found[name] for name in IMAGE_INNER} == {name: [n, words] for name, n in IMAGE_INNER.items()}


@pytest.mark.parametrize("make", [nodes.convolution, nodes.pool])
def test_shapes_of_images_without_shapes(make: Any) -> None:
    ((signals, words),) = shapes(make(shape=None)).values()
    assert signals == 4
    assert "ai.lgn." in words


def test_names_of_unknown_sizes_differ() -> None:
    """ONNX Runtime takes dimensions of one name for equal, and may put one value where another was."""
    model = stripped(None)
    (head,) = [node for node in model.graph.node if node.op_type == "GroupSum"]
    twin = helper.make_node("GroupSum", head.input, ["scores.2", "logits.2"], domain=head.domain)
    twin.attribute.extend(head.attribute)
    model.graph.node.append(twin)
    model.graph.output.append(helper.make_tensor_value_info("scores.2", TensorProto.INT32, None))
    found = shapes(model)
    assert len({found["layer0"][1], found["scores"][0], found["scores.2"][0]}) == 3


@pytest.mark.parametrize("batch", ["N", None, 65])
def test_shapes_of_one_node(batch: int | str | None) -> None:
    found = shapes(stripped(batch, inner=()), fuse=True)
    assert found == {"scores": [batch, 3], "logits": [batch, 3], "class": [batch]}


@pytest.mark.parametrize("fuse", [False, True])
def test_the_same_bits_without_any_shape(fuse: bool) -> None:
    run = session_run(onnx_session(stripped("N", inner=()).SerializeToString(), threads=1, fuse=fuse))
    for n in (0, 1, 64, 513):
        assert_same(NETWORK, run, random_samples(NETWORK, n, seed=n))


@pytest.mark.parametrize("make", [nodes.threshold, nodes.layer])
def test_nothing_known(make: Any) -> None:
    ((signals, words),) = shapes(make(shape=None)).values()
    assert signals == 2
    assert "ai.lgn." in words


OUTPUTS = {"one": ["scores"], "none": [], "the first absent": ["", "logits"], "a third": ["scores", "logits", "more"]}


@pytest.mark.parametrize("outputs", OUTPUTS.values(), ids=OUTPUTS)
def test_a_group_sum_has_two_outputs(outputs: list[str]) -> None:
    """Inference writes both, and ONNX Runtime does not check where."""
    model = nodes.group_sum()
    model.graph.node[0].output[:] = outputs
    del model.graph.output[:]
    model.graph.output.append(model.graph.input[0])
    with pytest.raises(nodes.InputError, match="INVALID_GRAPH"):
        shapes(model)
