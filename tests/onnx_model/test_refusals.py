"""A model file is data: whatever is wrong with it becomes one sentence that says what, where and how to mend it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from lgn_edge.errors import InputError, LgnError, UnsupportedError
from lgn_edge.network import GroupSum, LogicConv2d, LogicDense, Network, OrPool2d, Threshold
from lgn_edge.onnx_model import from_model, read, to_model, write
from lgn_edge.onnx_model.runtime import onnxruntime_session, reference_session
from tests.strategies import random_network

Change = Callable[[ModelProto], object]


def node(model: ModelProto, op: str) -> NodeProto:
    return next(n for n in model.graph.node if n.op_type == op)


def initializer(model: ModelProto, name: str) -> TensorProto:
    return next(t for t in model.graph.initializer if t.name == name)


def set_array(name: str, values: object, dtype: type) -> Change:
    return lambda m: initializer(m, name).CopyFrom(numpy_helper.from_array(np.array(values, dtype), name))


def set_props(key: str, value: str) -> Change:
    return lambda m: next(e for e in m.metadata_props if e.key == key).__setattr__("value", value)


def attribute(op: str, name: str, **fields: object) -> Change:
    def change(model: ModelProto) -> None:
        found = next(a for a in node(model, op).attribute if a.name == name)
        for key, value in fields.items():
            if isinstance(value, list):
                getattr(found, key)[:] = value
            else:
                setattr(found, key, value)

    return change


def swap(i: int, j: int) -> Change:
    def change(model: ModelProto) -> None:
        nodes = [NodeProto.FromString(n.SerializeToString()) for n in model.graph.node]
        nodes[i], nodes[j] = nodes[j], nodes[i]
        del model.graph.node[:]
        model.graph.node.extend(nodes)

    return change


def without(op: str) -> Change:
    return lambda m: m.graph.node.remove(node(m, op))


def another_join(place: int) -> Change:
    join = helper.make_node("Concat", ["layer1", "layer0"], ["x"], "more", axis=0)
    return lambda m: m.graph.node.insert(place, join)


# nodes: 0 Threshold, 1 layer0, 2 layer1, 3 Shape, 4 GroupSum, 5 ArgMax
CHANGES: dict[str, tuple[Change, str]] = {
    "no domain": (lambda m: m.opset_import.pop(), "does not import the domain ai.lgn.*and is no circuit"),
    "no standard domain": (lambda m: m.opset_import.pop(0), "import the standard ONNX domain once"),
    "no imports": (lambda m: m.ClearField("opset_import"), "not an ONNX model"),
    "no graph": (lambda m: m.ClearField("graph"), "not an ONNX model"),
    "unknown op": (lambda m: node(m, "LogicLayer").__setattr__("op_type", "LogicMagic"),
                   "node 'layer0' is a 'LogicMagic'.*known are Bits, GroupSum, LogicCircuit, LogicConv2d, LogicLayer"),
    "unknown standard op": (lambda m: node(m, "Shape").__setattr__("op_type", "Size"), "node 'count' is a 'Size'"),
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

# 18 bits, layer0 conv to [2, 4, 4], layer1 pool to [2, 2, 2], layer2 dense of layer1 and the bits
IMAGES = Network(
    Threshold.bits(18),
    (
        LogicConv2d(2, 3, 3, 2, np.zeros((2, 4, 3), int), np.full((2, 3), 7), padding=1),
        OrPool2d(2, 4, 4, 2),
        LogicDense(26, np.arange(12), np.arange(14, 26), np.full(12, 6)),
    ),
    GroupSum(12, 3),
    reads=((0,), (1,), (2, 0)),
)
# nodes: 0 Threshold, 1 layer0, 2 layer1, 3 Concat, 4 layer2, 5 Shape, 6 GroupSum, 7 ArgMax
IMAGE_CHANGES: dict[str, tuple[Change, str]] = {
    "another channel": (attribute("LogicConv2d", "channels", i=3), "node 'layer0' .*3 x 3 x 3 signals; it reads 18"),
    "no channels": (attribute("OrPool2d", "channels", i=0), "node 'layer1' .*0 x 4 x 4 signals; it reads 32"),
    "negative sides": (lambda m: [attribute("OrPool2d", name, i=-4)(m) for name in ("height", "width")],
                       "node 'layer1' .*2 channels of -4 x -4"),
    "stride 0": (attribute("LogicConv2d", "stride", ints=[0, 1]), "node 'layer0' .*stride is 0 x 1"),
    "negative padding": (attribute("OrPool2d", "padding", ints=[0, -1]), "node 'layer1' .*padding is 0 x -1"),
    "a window too large": (attribute("LogicConv2d", "size", ints=[6, 2]), "node 'layer0' .*6 x 2 does not fit"),
    "too much padding": (attribute("OrPool2d", "padding", ints=[2**62, 2**62]), "node 'layer1' .*more than"),
    "one number": (attribute("OrPool2d", "size", ints=[2]), "attribute size has 1 numbers; give rows and columns"),
    "no numbers": (attribute("LogicConv2d", "stride", ints=[]), "attribute stride has 0 numbers"),
    "numbers of another type": (attribute("LogicConv2d", "size", type=2), "attribute size must be .* INTS"),
    "attribute missing": (lambda m: node(m, "OrPool2d").attribute.pop(), "node 'layer1' .*it has the attributes"),
    "attribute too many": (lambda m: node(m, "OrPool2d").attribute.append(helper.make_attribute("x", 1)), "'x'"),
    "leaf in another channel": (set_array("layer0.leaf", np.full((2, 4, 3), 2), np.int32),
                                "node 'layer0' .*channel of leaf 0 of kernel 0 is 2"),
    "leaf negative": (set_array("layer0.leaf", np.full((2, 4, 3), -1), np.int32), "node 'layer0' .*is -1"),
    "three leaves": (set_array("layer0.leaf", np.zeros((2, 3, 3)), np.int32), "node 'layer0' .*a power of two"),
    "leaf of two numbers": (set_array("layer0.leaf", np.zeros((2, 4, 2)), np.int32), "node 'layer0' .*leaf has shape"),
    "leaf of rank 2": (set_array("layer0.leaf", np.zeros((8, 3)), np.int32), "node 'layer0' .*must have 3 dimensions"),
    "no kernels": (set_array("layer0.leaf", np.zeros((0, 4, 3)), np.int32), "node 'layer0' .*leaf has shape"),
    "int64 leaves": (set_array("layer0.leaf", np.zeros((2, 4, 3)), np.int64), "is INT64; it must be int32"),
    "leaves not constant": (lambda m: node(m, "LogicConv2d").input.__setitem__(1, "threshold"), "must be a constant"),
    "fewer tables": (set_array("layer0.table", np.zeros((2, 2)), np.uint8), r"node 'layer0' .*have \[2, 3\]"),
    "tables of rank 1": (set_array("layer0.table", np.zeros(6), np.uint8), "node 'layer0' .*must have 2 dimensions"),
    "table too large": (set_array("layer0.table", np.full((2, 3), 16), np.uint8), r"'layer0' .*table\[0, 0\] is 16"),
    "input missing": (lambda m: node(m, "LogicConv2d").input.pop(), "it has 2 inputs and 1 outputs; the op has 3"),
    "input too many": (lambda m: node(m, "OrPool2d").input.append("threshold"), "it has 2 inputs"),
    "other signals": (lambda m: node(m, "OrPool2d").input.__setitem__(0, "threshold"), "4 x 4 signals; it reads 18"),
    "no body": (lambda m: m.functions.pop(2), "0 function bodies for LogicConv2d|0 function bodies for OrPool2d"),
    "an unknown image op": (lambda m: node(m, "OrPool2d").__setattr__("op_type", "AndPool2d"), "ai.lgn 1 does not"),
    "reads a later layer": (lambda m: node(m, "LogicConv2d").input.__setitem__(0, "layer2"),
                            r"'layer0' .*reads 'layer2'; it may read \['threshold'\]"),
    "reads itself": (lambda m: node(m, "LogicConv2d").input.__setitem__(0, "layer0"), "'layer0' .*reads 'layer0'"),
    "reads samples": (lambda m: node(m, "LogicConv2d").input.__setitem__(0, "samples"), "'layer0' .*reads 'samples'"),
    "joins a later layer": (lambda m: node(m, "Concat").input.append("layer2"), "'layer2.words' .*reads 'layer2'"),
    "joins twice the same": (lambda m: node(m, "Concat").input.append("layer1"), "'layer2.words' .*none twice"),
    "joins one": (lambda m: node(m, "Concat").input.pop(), "'layer2.words' .*two values or more"),
    "joins none": (lambda m: node(m, "Concat").ClearField("input"), "'layer2.words' .*two values or more"),
    "joins a constant": (lambda m: node(m, "Concat").input.append("layer0.leaf"), "'layer2.words' .*'layer0.leaf'"),
    "another axis": (attribute("Concat", "axis", i=1), "'layer2.words' .*axis is 1; signals are axis 0"),
    "no axis": (lambda m: node(m, "Concat").attribute.pop(), "'layer2.words' .*it has the attributes"),
    "join without output": (lambda m: node(m, "Concat").ClearField("output"), "'layer2.words' .*0 outputs"),
    "join of another domain": (lambda m: node(m, "Concat").__setattr__("domain", "x"), "of domain 'x'"),
    "join of ours": (lambda m: node(m, "Concat").__setattr__("domain", "ai.lgn"), "which ai.lgn 1 does not have"),
    "join not read": (lambda m: node(m, "LogicLayer").input.__setitem__(0, "layer1"),
                      r"'layer2' .*reads 'layer1'; it may read \['layer2.words'\]"),
    "join before another layer": (swap(2, 3), "'layer2.words' .*reads 'layer1'|'layer1' .*reads 'layer0'"),
    "join before a join": (another_join(3), "node 'more' .*a layer must stand behind it; there is 'layer2.words'"),
    "join before the head": (another_join(6), "node 'more' .*a layer must stand behind it; there is 'group_sum'"),
    "join behind the head": (another_join(7), "one head"),
    "join before the encoder": (swap(0, 3), "they must be one Threshold"),
    "head of an earlier layer": (lambda m: node(m, "GroupSum").input.__setitem__(0, "layer1"),
                                 r"'group_sum' .*reads 'layer1'; it may read \['layer2'\]"),
    "head of a join": (lambda m: node(m, "GroupSum").input.__setitem__(0, "layer2.words"), "'group_sum' .*reads"),
}  # fmt: skip


@pytest.fixture
def network() -> Network:
    return random_network(1, features=7, bits=11, widths=(13, 12), classes=3)


@pytest.mark.parametrize("case", CHANGES)
def test_model_is_refused(network: Network, case: str) -> None:
    change, message = CHANGES[case]
    model = to_model(network)
    change(model)
    with pytest.raises(InputError, match=message) as caught:
        from_model(model)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", IMAGE_CHANGES)
def test_model_of_images_is_refused(case: str) -> None:
    change, message = IMAGE_CHANGES[case]
    model = to_model(IMAGES)
    assert from_model(model) == IMAGES
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


def test_files_that_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read(tmp_path / "none.onnx")
    with pytest.raises(InputError, match="is not a file"):
        read(tmp_path)
    for name, content, message in [
        ("empty", b"", "is empty"),
        ("text", b"hello, this is not a model\n" * 9, "not an ONNX"),
        ("noise", np.random.default_rng(0).bytes(5000), "not an ONNX"),
        ("zeros", bytes(5000), "not an ONNX"),
    ]:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputError, match=message) as caught:
            read(path)
        assert str(path) in str(caught.value)


def test_special_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is not a file"):
        read(tmp_path / "pipe")


@pytest.mark.parametrize("session", [onnxruntime_session, reference_session])
def test_sessions_refuse_missing_files(tmp_path: Path, session: Callable[[Path], object]) -> None:
    with pytest.raises(InputError, match="is not a file"):
        session(tmp_path / "none.onnx")


def test_session_refuses_what_onnxruntime_refuses(network: Network) -> None:
    model = to_model(network)
    del model.functions[:]
    with pytest.raises(InputError, match=r"ONNX Runtime refuses the model: .*Threshold"):
        onnxruntime_session(model)


def test_truncated_anywhere(tmp_path: Path, network: Network) -> None:
    path = tmp_path / "m.onnx"
    write(network, path)
    for end in reversed(range(path.stat().st_size)):
        os.truncate(path, end)
        with pytest.raises(InputError):
            read(path)


def test_flipped_bytes(tmp_path: Path, network: Network) -> None:
    path = tmp_path / "m.onnx"
    write(network, path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(2000):
        broken = np.frombuffer(whole, np.uint8).copy()
        places = rng.integers(0, len(broken), rng.integers(1, 4))
        broken[places] ^= rng.integers(1, 256, len(places)).astype(np.uint8)
        path.write_bytes(broken.tobytes())
        try:
            assert isinstance(read(path), Network)
        except LgnError:
            refused += 1
    assert refused


# External data


@pytest.fixture
def external(tmp_path: Path, network: Network) -> Path:
    path = tmp_path / "folder" / "m.onnx"
    path.parent.mkdir()
    write(network, path, threshold_bytes=0)
    return path


def entry(path: Path, key: str, value: str | None) -> None:
    """Set, or remove, one external data entry of every tensor."""
    model = ModelProto.FromString(path.read_bytes())
    for tensor in model.graph.initializer:
        kept = [e for e in tensor.external_data if e.key != key]
        del tensor.external_data[:]
        tensor.external_data.extend(kept)
        if value is not None:
            tensor.external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())


def test_data_missing(external: Path) -> None:
    (external.parent / "m.onnx.data").unlink()
    with pytest.raises(InputError, match=r"m\.onnx\.data is missing"):
        read(external)


def test_data_truncated(external: Path) -> None:
    data = external.parent / "m.onnx.data"
    data.write_bytes(data.read_bytes()[:-1])
    with pytest.raises(InputError, match="is not the data"):
        read(external)
    entry(external, "checksum", None)
    with pytest.raises(InputError, match="which has only"):
        read(external)


def test_data_changed(external: Path) -> None:
    data = external.parent / "m.onnx.data"
    data.write_bytes(b"\1" + data.read_bytes()[1:])
    with pytest.raises(InputError, match="is not the data"):
        read(external)


def test_data_without_checksum_is_read(external: Path, network: Network) -> None:
    entry(external, "checksum", None)
    assert read(external) == network


@pytest.mark.parametrize(
    "location",
    [
        "../secret",
        "../../etc/passwd",
        "/etc/passwd",
        "sub/data",
        "..",
        ".",
        "",
        "..\\secret",
        "C:secret",
        "a\0b",
        "./m",
    ],
)
def test_data_elsewhere(external: Path, location: str) -> None:
    (external.parent.parent / "secret").write_bytes(bytes(100_000))
    entry(external, "location", location)
    with pytest.raises(InputError, match="external data must be a file beside the model"):
        read(external)


def test_data_behind_a_link(external: Path) -> None:
    data = external.parent / "m.onnx.data"
    outside = external.parent.parent / "outside"
    data.rename(outside)
    data.symlink_to(outside)
    with pytest.raises(InputError, match="symbolic link"):
        read(external)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("offset", "-4", "needs a number of bytes"),
        ("offset", "four", "needs a number of bytes"),
        ("offset", "9" * 18, "which has only"),
        ("offset", "9" * 5000, "needs a number of bytes"),
        ("length", "1", "its length says 1"),
        ("checksum", "0", "is not the data"),
        ("extra", "0", "legal are"),
        ("location", None, "beside the model"),
    ],
)
def test_data_badly_described(external: Path, key: str, value: str | None, message: str) -> None:
    entry(external, key, value)
    with pytest.raises(InputError, match=message):
        read(external)


def test_data_with_a_huge_shape(external: Path) -> None:
    model = ModelProto.FromString(external.read_bytes())
    initializer(model, "layer0.a").dims[0] = 2**60
    external.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="its length says"):
        read(external)


def test_data_of_different_checksums(external: Path) -> None:
    model = ModelProto.FromString(external.read_bytes())
    model.graph.initializer[0].external_data[3].value = "0"
    external.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="different checksums"):
        read(external)


def test_flipped_bytes_of_a_model_with_external_data(external: Path) -> None:
    whole, rng = external.read_bytes(), np.random.default_rng(1)
    for _ in range(1000):
        broken = bytearray(whole)
        broken[rng.integers(0, len(broken) // 4)] ^= int(rng.integers(1, 256))  # the functions are behind the graph
        external.write_bytes(broken)
        with suppress(LgnError):
            assert isinstance(read(external), Network)
