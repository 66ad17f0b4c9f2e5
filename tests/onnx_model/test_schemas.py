"""The schemas: documented, complete inference, registered once and only when asked."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, TensorProto, checker, defs, helper, shape_inference

from lgn_edge.onnx_model import Form, to_model
from lgn_edge.onnx_model.schemas import OPS, register
from tests.onnx_model.changes import IMAGES, attribute, node, set_array
from tests.strategies import random_network


def infer(model: ModelProto) -> dict[str, tuple[int, list[int | str]]]:
    register()
    inferred = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    return {
        value.name: (
            value.type.tensor_type.elem_type,
            [dim.dim_value or dim.dim_param for dim in value.type.tensor_type.shape.dim],
        )
        for value in [*inferred.graph.value_info, *inferred.graph.output]
    }


def without_functions(samples: int | str) -> ModelProto:
    model = to_model(random_network(1, widths=(13, 12), classes=3))
    del model.functions[:], model.graph.value_info[:]
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("samples", TensorProto.FLOAT, [samples, 7]))
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    return model


def test_each_op_is_documented() -> None:
    register()
    for op in OPS:
        schema = defs.get_schema(op.name, 1, "ai.lgn")
        assert schema.doc
        assert all(parameter.description for parameter in [*schema.inputs, *schema.outputs])
        assert all(attribute.description for attribute in schema.attributes.values())
        assert schema.has_type_and_shape_inference_function


@pytest.mark.parametrize("form", ["packed", "bool", "uint8", "float32"])
def test_every_input_has_shapes(form: str) -> None:
    network = random_network(1, widths=(13, 12), input_dtype="uint8")
    model = to_model(network, Form(input=form))
    del model.functions[:], model.graph.value_info[:]
    found = infer(model)
    assert [found[name][1][0] for name in ("layer0", "layer1")] == [13, 12]
    assert found["scores"][0] == TensorProto.INT32
    assert found["class"][1] == ["N"]


def test_register_twice_does_nothing() -> None:
    register()
    register()


def test_nothing_is_registered_by_import() -> None:
    code = (
        "import lgn_edge.onnx_model.runtime, lgn_edge.onnx_model.schemas, onnx, sys;"
        "assert not onnx.defs.has('LogicLayer', 1, 'ai.lgn');"
        "assert not {'onnxruntime', 'torch', 'tvm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_checker_knows_the_domain() -> None:
    register()
    model = to_model(random_network(1))
    checker.check_model(model, full_check=True)
    checker.check_model(model, full_check=True, check_custom_domain=True)
    checker.check_model(to_model(random_network(1), Form("fused")), full_check=True, check_custom_domain=True)
    checker.check_model(to_model(IMAGES), full_check=True, check_custom_domain=True)


def test_shapes_follow_from_the_schemas_alone() -> None:
    found = infer(without_functions("N"))
    words = "ceil(N / 64)"
    assert found["threshold"] == (TensorProto.INT64, [11, words])
    assert found["layer0"] == (TensorProto.INT64, [13, words])
    assert found["layer1"] == (TensorProto.INT64, [12, words])
    assert found["scores"] == (TensorProto.INT32, ["N", 3])
    assert found["logits"] == (TensorProto.FLOAT, ["N", 3])
    assert found["class"] == (TensorProto.INT64, ["N"])


@pytest.mark.parametrize(("samples", "words"), [(1, 1), (64, 1), (65, 2)])
def test_words_follow_from_known_samples(samples: int, words: int) -> None:
    found = infer(without_functions(samples))
    assert found["layer1"] == (TensorProto.INT64, [12, words])
    assert found["scores"] == (TensorProto.INT32, [samples, 3])


def one_node(chosen: str, batch: int | str) -> ModelProto:
    model = to_model(random_network(1, widths=(13, 12), classes=3), Form("fused", chosen))
    dim = model.graph.input[0].type.tensor_type.shape.dim[chosen == "packed"]
    setattr(dim, "dim_value" if isinstance(batch, int) else "dim_param", batch)
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    return model


@pytest.mark.parametrize(
    ("chosen", "batch", "samples"),
    [("", "N", "N"), ("", 65, 65), ("packed", "W", "64 * W"), ("packed", 2, 128)],
)
def test_shapes_of_one_node(chosen: str, batch: int | str, samples: int | str) -> None:
    found = infer(one_node(chosen, batch))
    assert found["scores"] == (TensorProto.INT32, [samples, 3])
    assert found["logits"] == (TensorProto.FLOAT, [samples, 3])
    assert found["class"] == (TensorProto.INT64, [samples])


def test_outputs_of_one_node_may_be_absent() -> None:
    for outputs in (["scores"], ["", "logits"], ["", "", "class"]):
        model = one_node("", "N")
        model.graph.node[0].output[:] = outputs
        kept = [output for output in model.graph.output if output.name in outputs]
        del model.graph.output[:]
        model.graph.output.extend(kept)
        assert infer(model)[outputs[-1]][1] == (["N"] if "class" in outputs else ["N", 3])


# attributes in the order of their names: beta, bits, classes, tau
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda node: node.attribute.pop(1), "the attribute bits, an INT, is missing"),
        (lambda node: node.attribute.pop(2), "the attribute classes, an INT, is missing"),
        (lambda node: node.attribute[2].__setattr__("type", 1), "the attribute classes, an INT, is missing"),
        (lambda node: node.attribute[1].__setattr__("i", 10), "lengths 11 and 10 must be equal"),
        (lambda node: node.attribute[2].__setattr__("i", 5), "5 classes do not divide 12 signals"),
        (lambda node: node.attribute[2].__setattr__("i", 0), "0 classes do not divide 12 signals"),
        (lambda node: node.input.pop(), "5 inputs behind threshold; give a, b and table of each layer"),
        (lambda node: node.input.__setitem__(3, "layer1.a"), "lengths 12 and 13 must be equal"),
        (lambda node: node.output.append("more"), "output size 4"),
    ],
)
def test_inference_refuses_one_node(change: Callable[[NodeProto], object], message: str) -> None:
    model = one_node("", "N")
    (node,) = model.graph.node
    assert [attribute.name for attribute in node.attribute] == ["beta", "bits", "classes", "tau"]
    change(node)
    del model.graph.output[1:]
    with pytest.raises(onnx.shape_inference.InferenceError, match=message):
        infer(model)


@pytest.mark.parametrize(
    ("count", "message"), [([-1], "-1 samples"), ([1, 2], "must be equal"), ([65], "must be equal")]
)
def test_inference_refuses_a_number_of_samples(count: list[int], message: str) -> None:
    model = without_functions(64)
    (shape,) = [node for node in model.graph.node if node.op_type == "Shape"]
    model.graph.node.remove(shape)
    model.graph.initializer.append(helper.make_tensor("n", TensorProto.INT64, [len(count)], count))
    with pytest.raises(onnx.shape_inference.InferenceError, match=message):
        infer(model)


def test_shapes_follow_from_the_bodies_too() -> None:
    found = infer(to_model(random_network(1, widths=(13, 12))))
    assert found["layer0"][1][0] == 13


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda graph: graph.initializer[2].ClearField("dims"), "rank"),
        (lambda graph: graph.initializer[2].dims.__setitem__(0, 9), "must be equal"),
        (lambda graph: graph.node[4].attribute[1].__setattr__("i", 5), "do not divide"),
    ],
)
def test_inference_refuses(change: object, message: str) -> None:
    model = without_functions("N")
    assert model.graph.node[4].op_type == "GroupSum"
    assert model.graph.node[4].attribute[1].name == "classes"
    change(model.graph)  # type: ignore[operator]
    with pytest.raises(onnx.shape_inference.InferenceError, match=message):
        infer(model)


def images_without_functions() -> ModelProto:
    model = to_model(IMAGES)
    del model.functions[:], model.graph.value_info[:]
    return model


def test_shapes_of_images() -> None:
    found = infer(images_without_functions())
    words = "ceil(N / 64)"
    for name, signals in {"layer0": 32, "layer1": 8, "layer2.words": 26, "layer2": 12}.items():
        assert found[name] == (TensorProto.INT64, [signals, words])
    assert found["scores"] == (TensorProto.INT32, ["N", 3])


def test_shapes_of_images_of_unknown_kernels() -> None:
    """Kernels that are an input of the graph, for which nothing is known."""
    model = images_without_functions()
    for name in ("layer0.leaf", "layer0.table"):
        (tensor,) = [tensor for tensor in model.graph.initializer if tensor.name == name]
        model.graph.input.append(helper.make_tensor_value_info(name, tensor.data_type, None))
        model.graph.initializer.remove(tensor)
    del model.graph.node[2:]
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("layer0", TensorProto.INT64, None))
    del model.graph.output[1:]
    assert infer(model)["layer0"][1][1] == "ceil(N / 64)"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (attribute("LogicConv2d", "channels", i=3), "lengths 18 and 27 must be equal"),
        (attribute("LogicConv2d", "channels", i=0), "0 channels of 3 x 3"),
        (attribute("LogicConv2d", "size", ints=[1]), "attribute size, 2 INTS, is missing"),
        (lambda m: node(m, "OrPool2d").attribute.pop(), "is missing|Required attribute"),
        (attribute("OrPool2d", "size", ints=[5, 1]), "does not fit into the image"),
        (attribute("OrPool2d", "stride", ints=[0, 1]), "stride is 0 x 1"),
        (set_array("layer0.leaf", [[[0, 0]] * 4] * 2, np.int32), "lengths 2 and 3 must be equal"),
        (set_array("layer0.leaf", [[[0, 0, 0]] * 3] * 2, np.int32), "3 leaves are no power of two"),
        (set_array("layer0.leaf", [[[0, 0, 0]] * 2] * 2, np.int32), "lengths 3 and 1 must be equal"),
        (set_array("layer0.leaf", [[[0, 0, 0]] * 4], np.int32), "lengths 1 and 2 must be equal"),
        (set_array("layer0.table", [0] * 6, np.uint8), "rank"),
    ],
)
def test_inference_refuses_images(change: Callable[[ModelProto], object], message: str) -> None:
    model = images_without_functions()
    change(model)
    with pytest.raises(onnx.shape_inference.InferenceError, match=message):
        infer(model)


def test_inference_refuses_another_type() -> None:
    model = without_functions("N")
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    with pytest.raises(onnx.shape_inference.InferenceError, match=r"double|type"):
        infer(model)
