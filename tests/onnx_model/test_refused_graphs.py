"""A model is data: whatever is wrong with it becomes one sentence that says what, where and how to mend it."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from lgn_edge.errors import InputError, UnsupportedError
from lgn_edge.network import Network
from lgn_edge.onnx_model import from_model, to_model
from tests.onnx_model.changes import Change, attribute, initializer, node, set_array, set_props, swap, without

# nodes: 0 Threshold, 1 layer0, 2 layer1, 3 Shape, 4 GroupSum, 5 ArgMax
CHANGES: dict[str, tuple[Change, str]] = {
    "no domain": (lambda m: m.opset_import.pop(), "does not import the domain ai.lgn.*and is no circuit"),
    "no standard domain": (lambda m: m.opset_import.pop(0), "import the standard ONNX domain once"),
    "no imports": (lambda m: m.ClearField("opset_import"), "not an ONNX model"),
    "no graph": (lambda m: m.ClearField("graph"), "not an ONNX model"),
    "unknown op": (lambda m: node(m, "LogicLayer").__setattr__("op_type", "LogicMagic"),
                   "node 'layer0' .LogicMagic. is no op that ai.lgn 1 has; known are Bits, GroupSum, LogicCircuit, "),
    "unknown standard op": (lambda m: node(m, "Shape").__setattr__("op_type", "Size"), "'count' .Size. is of domain"),
    "unknown domain": (lambda m: node(m, "Shape").__setattr__("domain", "x.y"), "of domain 'x.y'"),
    "no encoder": (without("Threshold"), "must be one Threshold"),
    "no head": (without("GroupSum"), "one head .GroupSum, Bits., in this order"),
    "no layer": (lambda m: (without("LogicLayer")(m), without("LogicLayer")(m)), "at least one layer"),
    "a layer left out": (without("LogicLayer"), r"node 'layer1' .* reads 'layer0'; it may read \['threshold'\]"),
    "layers swapped": (swap(1, 2), r"node 'layer1' .* reads 'layer0'; it may read \['threshold'\]"),
    "two encoders": (lambda m: m.graph.node[1].__setattr__("op_type", "Threshold"), "must be one Threshold"),
    "ArgMax first": (swap(3, 5), "must be before and after the head"),
    "no Shape": (without("Shape"), "has 0 Shape nodes"),
    "no ArgMax": (without("ArgMax"), "has 0 ArgMax nodes"),
    "other Shape": (attribute("Shape", "end", i=2), "node 'count' .Shape. must compute"),
    "other ArgMax": (attribute("ArgMax", "axis", i=0), "node 'argmax' .ArgMax. must compute"),
    "last maximum": (lambda m: node(m, "ArgMax").attribute.append(helper.make_attribute("select_last_index", 1)),
                     "must compute"),
    "argmax of logits": (lambda m: node(m, "ArgMax").input.__setitem__(0, "logits"), "must compute"),
    "wiring not constant": (lambda m: node(m, "LogicLayer").input.__setitem__(1, "samples"),
                            "node 'layer0' .LogicLayer.: its input 'samples' must be a constant initializer"),
    "index too large": (set_array("layer1.a", [13] + [0] * 11, np.int32), r"node 'layer1' .*a\[0\] is 13"),
    "index negative": (set_array("layer1.b", [0] * 11 + [-1], np.int32), r"node 'layer1' .*b\[11\] is -1"),
    "feature too large": (set_array("threshold.feature", [7] * 11, np.int32), r"node 'threshold' .*is 7"),
    "table too large": (set_array("layer1.table", [16] * 12, np.uint8), r"node 'layer1' .*table\[0\] is 16"),
    "threshold NaN": (set_array("threshold.threshold", [np.nan] * 11, np.float32), "not finite"),
    "int64 wiring": (set_array("layer1.a", [0] * 12, np.int64), "'layer1.a' is INT64; it must be int32"),
    "unknown type": (lambda m: initializer(m, "layer1.a").__setattr__("data_type", 99), "is 99; it must be int32"),
    "matrix": (set_array("layer1.a", [[0] * 12], np.int32), r"has shape \[1, 12\]; it must have one dimension"),
    "scalar": (set_array("layer1.a", 0, np.int32), "must have one dimension"),
    "short": (set_array("layer1.a", [0] * 11, np.int32), "11 a, 12 b"),
    "zero gates": (lambda m: [set_array(f"layer1.{n}", [], t)(m)
                              for n, t in (("a", np.int32), ("b", np.int32), ("table", np.uint8))],
                   "node 'layer1' .*zero gates"),
    "negative dimension": (lambda m: initializer(m, "layer1.a").dims.__setitem__(0, -1), "must have one dimension"),
    "huge dimension": (lambda m: initializer(m, "layer1.a").dims.__setitem__(0, 2**62), "holds 12 values"),
    "bytes missing": (lambda m: initializer(m, "layer1.a").__setattr__("raw_data", b"123"), "ends inside a value"),
    "not bytes": (lambda m: initializer(m, "layer1.table").CopyFrom(
        TensorProto(name="layer1.table", data_type=TensorProto.UINT8, dims=[12], int32_data=[300] * 12)),
        "not uint8"),
    "segment": (lambda m: initializer(m, "layer1.a").segment.__setattr__("begin", 0), "segment"),
    "sparse": (lambda m: m.graph.sparse_initializer.add(), "sparse"),
    "classes do not divide": (attribute("GroupSum", "classes", i=5), "node 'group_sum' .*do not divide"),
    "no classes": (attribute("GroupSum", "classes", i=0), "node 'group_sum' .*0 classes"),
    "tau zero": (attribute("GroupSum", "tau", f=0.0), "tau must be positive"),
    "beta NaN": (attribute("GroupSum", "beta", f=float("nan")), "both finite"),
    "attribute missing": (lambda m: node(m, "GroupSum").attribute.pop(), "it has the attributes"),
    "attribute of another type": (attribute("GroupSum", "tau", type=2), "the attribute tau must be .* FLOAT"),
    "attribute too many": (lambda m: node(m, "LogicLayer").attribute.append(helper.make_attribute("x", 1)),
                           r"it has the attributes \['x'\]; the op has \[\]"),
    "overload": (lambda m: node(m, "LogicLayer").__setattr__("overload", "x"), "overload"),
    "input missing": (lambda m: node(m, "LogicLayer").input.pop(), "it has 3 inputs and 1 outputs"),
    "no inputs": (lambda m: node(m, "LogicLayer").ClearField("input"), r"reads ''; it may read \['threshold'\]"),
    "no outputs": (lambda m: node(m, "LogicLayer").ClearField("output"), "it has no output"),
    "duplicate initializer": (lambda m: m.graph.initializer.append(m.graph.initializer[0]),
                              "2 values of the model are named 'threshold.feature'"),
    "duplicate output": (lambda m: node(m, "Shape").output.__setitem__(0, "layer0"), "named 'layer0'"),
    "value without name": (lambda m: node(m, "Shape").output.__setitem__(0, ""), "has no name"),
    "other outputs": (lambda m: m.graph.output[0].__setattr__("name", "counts"), "the outputs of the model are"),
    "no graph outputs": (lambda m: m.graph.ClearField("output"), "the outputs of the model are"),
    "outputs in another order": (lambda m: m.graph.output.reverse(), "in this order"),
    "outputs of another type": (lambda m: m.graph.output[0].type.tensor_type.__setattr__("elem_type", 7), "int32"),
    "head outputs swapped": (lambda m: node(m, "GroupSum").output.reverse(), "its outputs are"),
    "two inputs": (lambda m: m.graph.input.append(helper.make_tensor_value_info("y", 1, [1])), "it must have one"),
    "samples of another type": (lambda m: m.graph.input[0].type.tensor_type.__setattr__("elem_type", 11),
                                "element type 11; use float32 or uint8"),
    "samples without shape": (lambda m: m.graph.input[0].type.tensor_type.ClearField("shape"), "must have the shape"),
    "fixed batch": (lambda m: m.graph.input[0].type.tensor_type.shape.dim[0].__setattr__("dim_value", 4), "fixed"),
    "no features": (lambda m: m.graph.input[0].type.tensor_type.shape.dim[1].__setattr__("dim_value", 0), "shape"),
    "function missing": (lambda m: m.functions.pop(), "0 function bodies for GroupSum"),
    "function twice": (lambda m: m.functions.append(m.functions[0]), "2 function bodies for Threshold"),
    "class names not JSON": (set_props("ai.lgn.class_names", "{"), "ai.lgn.class_names is not JSON"),
    "class names not a list": (set_props("ai.lgn.class_names", "{}"), "JSON list of strings"),
    "class names not text": (set_props("ai.lgn.class_names", "[1]"), "JSON list of strings"),
    "too few class names": (set_props("ai.lgn.class_names", '["a"]'), "1 class names for 3 outputs"),
    "provenance not JSON": (set_props("ai.lgn.provenance", "]"), "ai.lgn.provenance is not JSON"),
    "provenance too deep": (set_props("ai.lgn.provenance", "[" * 100_000), "ai.lgn.provenance is not JSON"),
    "provenance not an object": (set_props("ai.lgn.provenance", "[]"), "JSON object of strings"),
    "provenance not text": (set_props("ai.lgn.provenance", '{"a": 1}'), "JSON object of strings"),
    "metadata twice": (lambda m: m.metadata_props.append(m.metadata_props[0]), "a key twice"),
    "external without file": (lambda m: initializer(m, "layer1.a").__setattr__("data_location", 1), "from its file"),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES)
def test_model_is_refused(network: Network, case: str) -> None:
    change, message = CHANGES[case]
    model = to_model(network)
    change(model)
    with pytest.raises(InputError, match=message) as caught:
        from_model(model)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", [0, 2, 1000])
def test_other_domain_version(network: Network, version: int) -> None:
    model = to_model(network)
    model.opset_import[1].version = version
    with pytest.raises(UnsupportedError, match=f"uses version {version} of the domain ai.lgn"):
        from_model(model)


def test_other_format_version(network: Network) -> None:
    model = to_model(network)
    model.metadata_props[0].value = "2"
    with pytest.raises(UnsupportedError, match="format version '2'"):
        from_model(model)
