"""QONNX LookupTable nodes: written as the specification says, read back, and read from others where they are gates."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from onnx import ModelProto, NodeProto, checker, helper, numpy_helper

from lgn_edge.errors import InputError, UnsupportedError
from lgn_edge.network import LogicDense, Network, pack, unpack
from lgn_edge.network.truth_table import evaluate_gates
from lgn_edge.onnx_model import Form, from_model, read, read_circuit, to_model, write
from lgn_edge.onnx_model.bitwise import circuit
from lgn_edge.onnx_model.form import BOOL
from lgn_edge.onnx_model.qonnx import DOMAIN, entries, ids
from lgn_edge.onnx_model.runtime import onnxruntime_session
from tests.onnx_model.forms import joined_images
from tests.strategies import image_networks, networks, random_network, random_samples

QONNX = Form("qonnx")


def lookup_table(x: np.ndarray, indices: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The specification: slot k of a neuron has the weight 2**k in the address."""
    address = sum(x[..., indices[:, k]].astype(np.int64) << k for k in range(indices.shape[1]))
    return table[np.arange(len(table)), address]


def test_entries_have_the_other_endianness() -> None:
    table = np.arange(16, dtype=np.uint8)
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.uint8)
    indices = np.tile(np.array([[0, 1]]), (16, 1))
    want = unpack(evaluate_gates(table, *(np.tile(pack(x)[i], (16, 1)) for i in (0, 1))), 4)
    np.testing.assert_array_equal(lookup_table(x, indices, entries(table)), want)
    np.testing.assert_array_equal(ids(entries(table)), table)
    assert entries(np.array([1, 6, 7], np.uint8)).tolist() == [[0, 0, 0, 1], [0, 1, 1, 0], [0, 1, 1, 1]]


@given(networks() | image_networks(), st.sampled_from(["", "bool", "float32"]))
def test_a_file_holds_the_whole_network(network: Network, chosen: str) -> None:
    network = replace(network, provenance={"a": "b"})
    want = network
    assume(chosen != "float32" or network.encoder.minus is None)
    if chosen == "float32":
        want = replace(network, encoder=replace(network.encoder, input_dtype="float32"))
    assert from_model(to_model(network, Form("qonnx", chosen))) == want


@pytest.mark.parametrize("threshold_bytes", [0, 100_000_000])
def test_files(tmp_path: Path, threshold_bytes: int) -> None:
    network = random_network(1)
    write(network, tmp_path / "m.onnx", QONNX, threshold_bytes=threshold_bytes)
    assert read(tmp_path / "m.onnx") == network
    samples = random_samples(network, 70)
    assert onnxruntime_session(tmp_path / "m.onnx")(samples) == network.evaluate(samples)
    checker.check_model(tmp_path / "m.onnx", full_check=True)


def test_nodes_are_those_of_the_specification() -> None:
    model = to_model(random_network(1), QONNX)
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 15, "qonnx.custom_op.lnn": 3}
    nodes = [node for node in model.graph.node if node.domain]
    assert [node.op_type for node in nodes] == ["LookupTable"] * 2
    assert {a.name: a.i for a in nodes[0].attribute} == {"input_bits": 1, "out_bits": 1}
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    assert (shapes["layer0.indices"], shapes["layer0.table"]) == ((13, 2), (13, 4))


def lookup_table_conv(x: np.ndarray, indices: np.ndarray, table: np.ndarray, about: dict[str, Any]) -> np.ndarray:
    """The specification, place by place: rows, columns, then channels of a window count; trees go level by level."""
    top, left, bottom, right = about["pads"]
    rows, columns = about["kernel_shape"]
    down, across = about["strides"]
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    result = []
    for y in range(0, padded.shape[1] - rows + 1, down):
        result.append([])
        for i in range(0, padded.shape[2] - columns + 1, across):
            patch = padded[:, y : y + rows, i : i + columns].reshape(len(x), -1)
            level, first = patch[:, indices], 0
            for _ in range(about["tree_depth"]):
                here = table[:, first : first + level.shape[2]]
                address = level[..., 0] + 2 * level[..., 1]
                found = np.take_along_axis(here[None], address[..., None].astype(int), 3)[..., 0]
                first += level.shape[2]
                level = found.reshape(*found.shape[:2], -1, 2) if found.shape[2] > 1 else found
            result[-1].append(level[..., 0])
    return np.array(result).transpose(2, 0, 1, 3)


@pytest.mark.parametrize("seed", range(3))
def test_nodes_over_images_are_those_of_the_specification(seed: int) -> None:
    """Each layer's node, computed as it is specified, between images with the channels last."""
    network = joined_images(seed)
    model = to_model(network, QONNX)
    data = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    samples = random_samples(network, 9)
    written = [unpack(words, 9).astype(np.uint8) for words in network.activations(samples)]
    assert [function.name for function in model.functions] == ["LookupTable", "LookupTableConv"]
    for i, (layer, reads) in enumerate(zip(network.layers[:-1], network.sources, strict=False)):
        found = node(model, f"layer{i}.trees")
        assert (found.op_type, found.domain) == ("LookupTableConv", "qonnx.custom_op.lnn")
        about = {attribute.name: helper.get_attribute_value(attribute) for attribute in found.attribute}
        image = np.concatenate([written[source] for source in reads], axis=1)
        image = image.reshape(9, layer.channels, layer.height, layer.width).transpose(0, 2, 3, 1)
        got = lookup_table_conv(image, *(data[name] for name in found.input[1:]), about)
        np.testing.assert_array_equal(got.transpose(0, 3, 1, 2).reshape(9, -1), written[i + 1])


def test_a_chain_of_dense_layers_is_the_file_that_it_was() -> None:
    about = {entry.key: entry.value for entry in to_model(random_network(1), QONNX).metadata_props}
    assert about["ai.lgn.qonnx"] == "1"
    assert "ai.lgn.layers" not in about


def test_packed_words_are_not_its_kind() -> None:
    with pytest.raises(UnsupportedError, match="an element a bit, not packed words; choose bool, uint8 or float32"):
        to_model(random_network(1), Form("qonnx", "packed"))


def foreign(element: int = 2) -> ModelProto:
    """Two layers of another writer: int64 indices, a boolean table, one layer in two nodes."""
    rng = np.random.default_rng(0)
    tensors = {
        "i0": rng.integers(0, 5, (7, 2)),
        "t0": rng.integers(0, 2, (7, 4)).astype(np.bool_),
        "i1": rng.integers(0, 7, (3, 2)).astype(np.int32),
        "t1": rng.integers(0, 2, (3, 4)).astype(np.uint8),
        "i2": rng.integers(0, 7, (2, 2)),
        "t2": rng.integers(0, 2, (2, 4)).astype(np.uint8),
    }
    nodes = [
        helper.make_node("LookupTable", ["x", "i0", "t0"], ["h"], "first", domain="qonnx.custom_op.lnn"),
        helper.make_node("LookupTable", ["h", "i1", "t1"], ["a"], "second", domain="qonnx.custom_op.lnn", out_bits=1),
        helper.make_node("LookupTable", ["h", "i2", "t2"], ["b"], "third", domain="qonnx.custom_op.lnn", input_bits=1),
        helper.make_node("Concat", ["a", "b"], ["y"], "join", axis=-1),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", element, ["N", 5])],
        [helper.make_tensor_value_info("y", 2, ["N", 5])],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    imports = [helper.make_opsetid("", 18), helper.make_opsetid("qonnx.custom_op.lnn", 3)]
    return helper.make_model(graph, ir_version=10, opset_imports=imports)


@pytest.mark.parametrize("element", [2, 9])
def test_foreign_nodes_are_a_circuit(element: int) -> None:
    model = foreign(element)
    found = circuit(model)
    x = (np.arange(32)[:, None] >> np.arange(5) & 1).astype(np.uint8)
    t = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    h = lookup_table(x, t["i0"], t["t0"])
    want = np.concatenate([lookup_table(h, t["i1"], t["t1"]), lookup_table(h, t["i2"], t["t2"])], axis=1)
    np.testing.assert_array_equal(unpack(found.evaluate(pack(x)), 32), want)


def node(model: ModelProto, name: str) -> NodeProto:
    return next(n for n in model.graph.node if n.name == name)


def constant(name: str, values: np.ndarray) -> Callable[[ModelProto], object]:
    return lambda m: next(t for t in m.graph.initializer if t.name == name).CopyFrom(
        numpy_helper.from_array(values, name)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (constant("i0", np.zeros((7, 3), int)), r"node 'first' .LookupTable.: .*\[7, 3\] of 1 bits; only two inputs"),
        (lambda m: node(m, "third").attribute[0].__setattr__("i", 2), "of 2 bits; only two inputs of one bit"),
        (constant("i0", np.full((7, 2), 5)), "in the 5 signals"),
        (constant("t0", np.full((7, 4), 2, np.uint8)), "of single bits"),
        (constant("t0", np.zeros((7, 8), np.uint8)), r"constant \[7, 4\]"),
        (lambda m: node(m, "first").input.__setitem__(2, "x"), r"constant \[7, 4\]"),
        (lambda m: node(m, "first").input.pop(), "it has 2 inputs"),
        (lambda m: node(m, "second").__setattr__("op_type", "LookupTableConv"), "node 'second' .* only trees of gates"),
        (lambda m: node(m, "join").attribute[0].__setattr__("i", 0), "along the axes"),
        (lambda m: node(m, "second").__setattr__("domain", ""), "is made of LookupTable"),
    ],
)
def test_what_is_no_gate_is_refused(change: Callable[[ModelProto], object], message: str) -> None:
    model = foreign()
    change(model)
    with pytest.raises(InputError, match=message):
        circuit(model)


def foreign_images(**changed: Any) -> ModelProto:
    """A node of another writer, with uneven padding, over an image of bools; 4 x 5 places of 3 kernels."""
    rng = np.random.default_rng(3)
    about = {"tree_depth": 2, "kernel_shape": [2, 3], "strides": [1, 2], "pads": [1, 2, 0, 3], "channel_group_size": 2}
    data = {
        "indices": rng.integers(0, 12, (3, 2, 2)),
        "table": rng.integers(0, 2, (3, 3, 4)).astype(np.bool_),
        "x": ["N", 4, 6, 2],
    }
    data |= {name: changed.pop(name) for name in list(changed) if name in data}
    about = {name: value for name, value in (about | changed).items() if value is not None}
    graph = helper.make_graph(
        [helper.make_node("LookupTableConv", ["x", "indices", "table"], ["y"], "trees", domain=DOMAIN, **about)],
        "g",
        [helper.make_tensor_value_info("x", 9, data["x"])],
        [helper.make_tensor_value_info("y", 9, None)],
        [numpy_helper.from_array(data[name], name) for name in ("indices", "table")],
    )
    imports = [helper.make_opsetid("", 18), helper.make_opsetid(DOMAIN, 3)]
    return helper.make_model(graph, ir_version=10, opset_imports=imports)


def test_foreign_convolutions_are_a_circuit() -> None:
    model = foreign_images()
    found = circuit(model)
    x = np.random.default_rng(0).integers(0, 2, (70, 4, 6, 2)).astype(np.uint8)
    indices, table = (numpy_helper.to_array(tensor) for tensor in model.graph.initializer)
    about = {a.name: helper.get_attribute_value(a) for a in model.graph.node[0].attribute}
    want = lookup_table_conv(x, indices, table, about)
    assert want.shape == (70, 4, 5, 3)
    got = unpack(found.evaluate(pack(x.reshape(70, -1))), 70)
    np.testing.assert_array_equal(got.reshape(want.shape), want)
    assert circuit(foreign_images(strides=None, pads=None)).outputs.size == 3 * 4 * 3


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"tree_depth": 0}, "only trees of gates of two inputs"),
        ({"tree_depth": 3}, r"its leaves are \[3, 2, 2\] of 3 levels"),
        ({"tree_depth": 99}, "of 99 levels"),
        ({"indices": np.zeros((3, 2, 3), int)}, "only trees of gates of two inputs"),
        ({"indices": np.full((3, 2, 2), 12)}, "numbers in a window of 2 x 3 x 2 signals"),
        ({"indices": np.full((3, 2, 2), -1)}, "numbers in a window of 2 x 3 x 2 signals"),
        ({"table": np.zeros((3, 2, 4), np.uint8)}, r"must be a constant \[3, 3, 4\] of single bits"),
        ({"table": np.full((3, 3, 4), 2, np.uint8)}, r"must be a constant \[3, 3, 4\] of single bits"),
        ({"kernel_shape": None}, r"its window is \[\]"),
        ({"kernel_shape": [2, 2, 2]}, r"its window is \[2, 2, 2\]"),
        ({"kernel_shape": [0, 2]}, r"its window is \[0, 2\]"),
        ({"strides": [0, 1]}, r"the strides \[0, 1\]"),
        ({"pads": [0, 0, -1, 0]}, r"the pads \[0, 0, -1, 0\]"),
        ({"kernel_shape": [6, 2]}, "6 x 2 does not fit into its image of 5 x 11"),
        ({"pads": [1 << 40, 0, 0, 0]}, "its result has"),
        ({"x": ["N", 4, 12]}, "its image has 3 axes"),
        ({"x": ["N", 4, "M", 2]}, "it works along the axis 2"),
    ],
)
def test_convolutions_that_are_no_gates_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"node 'trees' .LookupTableConv.: .*{message}"):
        circuit(foreign_images(**changed))


def test_a_file_of_ours_without_its_sum_is_a_circuit(tmp_path: Path) -> None:
    network = random_network(1)
    model = to_model(network, Form("qonnx", BOOL))
    del model.graph.node[2:], model.graph.output[:]
    model.graph.output.add(name="layer1")
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    words = network.encoder.evaluate(random_samples(network, 70))
    got = read_circuit(tmp_path / "m.onnx").evaluate(words)
    want = network.layers[1].evaluate(network.layers[0].evaluate(words))
    np.testing.assert_array_equal(unpack(got, 70), unpack(want, 70))


@pytest.mark.parametrize("seed", range(3))
def test_a_file_of_images_without_its_sum_is_a_circuit(seed: int, tmp_path: Path) -> None:
    network = joined_images(seed)
    model = to_model(network, Form("qonnx", BOOL))
    last = [node.name for node in model.graph.node].index("layer4")
    del model.graph.node[last + 1 :], model.graph.output[:]
    model.graph.output.add(name="layer4")
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    *_, want = network.activations(samples := random_samples(network, 70))
    got = read_circuit(tmp_path / "m.onnx").evaluate(network.encoder.evaluate(samples))
    np.testing.assert_array_equal(unpack(got, 70), unpack(want, 70))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (constant("layer1.indices", np.full((12, 2), 13, np.int32)), InputError, "layer1: .* is 13"),
        (constant("layer1.indices", np.zeros((12, 3), np.int32)), InputError, "2 inputs and 4 entries"),
        (constant("layer1.indices", np.zeros(12, np.int32)), InputError, "must have 2 dimensions"),
        (constant("layer1.table", np.full((12, 4), 2, np.uint8)), InputError, "entries of one bit"),
        (lambda m: node(m, "scores").attribute[0].__setattr__("i", 1), InputError, "'scores' .ReduceSum., is not"),
        (lambda m: node(m, "layer0").attribute[0].__setattr__("i", 2), InputError, "'layer0' .LookupTable., is not"),
        (lambda m: next(e for e in m.metadata_props if e.key == "ai.lgn.qonnx").__setattr__("value", "3"),
         UnsupportedError, "version '3'"),
        (lambda m: next(e for e in m.metadata_props if e.key == "ai.lgn.head").__setattr__(
            "value", json.dumps({"classes": 5, "tau": 1, "beta": 0})), InputError, "do not divide"),
    ],
)  # fmt: skip
def test_a_file_that_disagrees_is_refused(
    change: Callable[[ModelProto], object], error: type[Exception], message: str
) -> None:
    model = to_model(random_network(1), QONNX)
    change(model)
    with pytest.raises(error, match=message):
        from_model(model)


def layers_text(change: Callable[[list[Any]], object]) -> Callable[[ModelProto], object]:
    def apply(model: ModelProto) -> None:
        (entry,) = [entry for entry in model.metadata_props if entry.key == "ai.lgn.layers"]
        layers = json.loads(entry.value)
        change(layers)
        entry.value = json.dumps(layers)

    return apply


NOT_TOLD = "must tell of layer {} its kind"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.metadata_props.pop(), "JSON object of classes|must be a JSON list of objects"),
        (lambda m: next(e for e in m.metadata_props if e.key == "ai.lgn.layers").__setattr__("value", "["), "not JSON"),
        (layers_text(lambda layers: layers.clear()), "must be a JSON list of objects, one a layer"),
        (layers_text(lambda layers: layers.__setitem__(0, 7)), NOT_TOLD.format(0)),
        (layers_text(lambda layers: layers[1].pop("reads")), NOT_TOLD.format(1)),
        (layers_text(lambda layers: layers[1].__setitem__("kind", "Threshold")), NOT_TOLD.format(1)),
        (layers_text(lambda layers: layers[1].__setitem__("kind", [])), NOT_TOLD.format(1)),
        (layers_text(lambda layers: layers[1].__setitem__("height", 4.0)), NOT_TOLD.format(1)),
        (layers_text(lambda layers: layers[1].__setitem__("size", 3)), NOT_TOLD.format(1)),
        (layers_text(lambda layers: layers[1].__setitem__("size", [3, True])), NOT_TOLD.format(1)),
        (layers_text(lambda layers: layers[4].__setitem__("size", [1, 1])), NOT_TOLD.format(4)),
        (layers_text(lambda layers: layers[1].__setitem__("reads", [2])), r"layer 1 reads \[2\]; it may read 0..1"),
        (layers_text(lambda layers: layers[1].__setitem__("reads", [-1])), r"layer 1 reads \[-1\]"),
        (layers_text(lambda layers: layers[1].__setitem__("reads", [])), r"layer 1 reads \[\]"),
        (layers_text(lambda layers: layers[1].__setitem__("reads", [0, 0])), "layer1: its image has 100 signals"),
        (layers_text(lambda layers: layers[1].__setitem__("reads", [0, 1])), "'layer1.joined' .Concat., is not"),
        (layers_text(lambda layers: layers[1].__setitem__("channels", 0)), "layer1: .*0 channels"),
        (layers_text(lambda layers: layers[1].__setitem__("size", [3, 0])), "layer1: .*size is 3 x 0"),
        (layers_text(lambda layers: layers[1].__setitem__("size", [3, 2])), "layer1: .*row of leaf .* outside 0..2"),
        (
            layers_text(lambda layers: layers[1].__setitem__("padding", [2, 1])),
            "'layer1.trees'|layer 2 reads|layer2: its",
        ),
        (
            layers_text(lambda layers: layers[2].__setitem__("size", [1, 2])),
            "layer2: its tables are not those of an OR",
        ),
        (layers_text(lambda layers: layers[2].__setitem__("kind", "LogicConv2d")), ""),
        (constant("layer2.table", np.zeros((7, 3, 4), np.uint8)), "layer2: its tables are not those of an OR pool"),
        (constant("layer2.indices", np.zeros((7, 2, 2), np.int32)), "layer2: its tables are not those of an OR pool"),
        (constant("layer1.indices", np.full((4, 2, 2), 45, np.int32)), "layer1: .*row of leaf 0 of kernel 0 is 3"),
        (constant("layer1.indices", np.full((4, 2, 2), -1, np.int32)), "layer1: .*row of leaf 0 of kernel 0 is -1"),
        (constant("layer1.indices", np.zeros((4, 2, 3), np.int32)), "2 inputs and 4 entries"),
        (constant("layer1.table", np.full((4, 3, 4), 2, np.uint8)), "4 entries of one bit"),
        (constant("layer1.table", np.zeros((4, 2, 4), np.uint8)), "layer1: .*table has shape"),
        (lambda m: node(m, "layer1.trees").attribute[0].ints.__setitem__(0, 2), "'layer1.trees' .*, is not what"),
        (
            lambda m: node(m, "layer2.image_shape").attribute[0].t.__setattr__("raw_data", bytes(32)),
            "'layer2.image_shape'",
        ),
    ],
)
def test_a_file_of_images_that_disagrees_is_refused(change: Callable[[ModelProto], object], message: str) -> None:
    network = joined_images(1)
    model = to_model(network, QONNX)
    assert from_model(model) == network
    change(model)
    if not message:  # the same function, told in another way
        samples = random_samples(network, 70)
        assert from_model(model).evaluate(samples) == network.evaluate(samples)
        return
    with pytest.raises(InputError, match=message) as caught:
        from_model(model)
    assert "\n" not in str(caught.value)


def test_a_small_file_of_a_large_pool_is_refused() -> None:
    """A window that the data do not fill is refused before it is made."""
    model = to_model(joined_images(1), QONNX)
    layers_text(lambda layers: layers[2].update(size=[10000, 10000], padding=[5000, 5000]))(model)
    with pytest.raises(InputError, match="layer2: its tables are not those of an OR pool"):
        from_model(model)


def test_other_layers_have_no_form() -> None:
    class Other:
        n_inputs = n_outputs = 12

    network = random_network(1)
    object.__setattr__(network, "layers", (*network.layers, Other()))
    with pytest.raises(UnsupportedError, match="a Other layer has no form in QONNX"):
        to_model(network, QONNX)
    assert isinstance(network.layers[0], LogicDense)
