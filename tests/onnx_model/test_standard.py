"""The standard graph: the same bits in every plain runtime, one node a kind of gates, read back and checked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError, Message
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, checker, numpy_helper

from lgn_edge.errors import InputError, LgnError, UnsupportedError
from lgn_edge.network import GroupSum, LogicConv2d, LogicDense, Network, Threshold, flatten
from lgn_edge.onnx_model import Form, from_model, read, to_model, write
from lgn_edge.onnx_model.form import INPUTS, heads_outputs
from lgn_edge.onnx_model.runtime import onnxruntime_run, onnxruntime_session
from lgn_edge.onnx_model.standard.count import rounds
from lgn_edge.onnx_model.standard.gates import KINDS
from lgn_edge.onnx_model.standard.level import levelled
from tests.onnx_model.forms import assert_same
from tests.strategies import image_networks, networks, random_network, random_samples

STANDARD = Form("standard")


def nodes_of(graph: GraphProto) -> Iterator[NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from nodes_of(attribute.g)


def body(model: ModelProto) -> GraphProto:
    (scan,) = [node for node in model.graph.node if node.op_type == "Scan"]
    return next(attribute.g for attribute in scan.attribute if attribute.name == "body")


def initializer(model: ModelProto, name: str) -> TensorProto:
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


@pytest.mark.parametrize("n", [0, 1, 64, 1023, 1024, 1025, 2048, 2049, 3137])
@pytest.mark.parametrize("chosen", ["", "packed"])
def test_blocks_of_every_size(chosen: str, n: int) -> None:
    network = random_network(2, input_dtype="uint8")
    form = replace(STANDARD, input=chosen)
    assert_same(network, onnxruntime_run(to_model(network, form)), random_samples(network, n, seed=n), form)


@pytest.mark.parametrize("group", [1, 2, 3, 6, 7, 255, 256, 1000, 65535, 65536])
def test_counts_of_every_width(group: int) -> None:
    """Lanes of 8, 16 and 32 bits; scores 0, 1, all but one and all."""
    encoder = Threshold.bits(2)
    wires = np.arange(2 * group, dtype=np.int32) % 2
    table = np.where(np.arange(2 * group) < group, 3, 1).astype(np.uint8)
    table[group] = 12
    network = Network(encoder, (LogicDense(2, wires, wires, table),), GroupSum(2 * group, 2))
    samples = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.uint8)
    assert_same(network, onnxruntime_run(to_model(network, STANDARD)), samples, STANDARD)


def test_every_table_as_output_and_inside() -> None:
    a, b = np.meshgrid([0, 1], [0, 1], indexing="ij")
    wires = np.zeros(16, np.int32)
    first = LogicDense(2, wires, wires + 1, np.arange(16, dtype=np.uint8))
    pairs = np.array([(i, j) for i in range(16) for j in range(16)], np.int32)
    second = LogicDense(16, pairs[:, 0], pairs[:, 1], np.arange(256, dtype=np.uint8) % 16)
    samples = np.stack([a.ravel(), b.ravel()], axis=1).astype(np.uint8)
    for layers in ((first,), (first, second)):
        network = Network(Threshold.bits(2), layers, GroupSum(layers[-1].n_outputs, layers[-1].n_outputs))
        for optimize in (True, False):
            assert_same(network, onnxruntime_run(to_model(network, STANDARD), optimize=optimize), samples, STANDARD)


def test_no_custom_op_and_no_forbidden_one() -> None:
    model = to_model(random_network(1, widths=(600, 387), classes=3), STANDARD)
    assert not model.functions
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 18}
    assert model.ir_version == 8
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    checker.check_model(inferred, full_check=True)
    found = list(nodes_of(model.graph))
    assert all(node.domain == "" for node in found)
    assert not {node.op_type for node in found} & {"ReduceSum", "Loop", "If"}
    types = {value.name: value.type.tensor_type.elem_type for value in body(inferred).value_info}
    for node in found:
        if node.op_type == "BitShift":
            assert types.get(node.input[0], TensorProto.UINT64) == TensorProto.UINT64


def test_a_kind_of_a_level_is_a_few_nodes() -> None:
    wide = to_model(random_network(1, bits=100, widths=(2000, 2000, 1000), classes=10), STANDARD)
    count = Counter(node.name.partition(".")[0] for node in body(wide).node if node.name.startswith("layer"))
    assert len(count) == 3
    assert max(count.values()) <= sum(3 + kind.both + kind.complement_b + kind.complement for kind in KINDS.values())


@given(networks() | image_networks())
def test_levels_are_the_same_network(network: Network) -> None:
    simple = levelled(network)
    samples = random_samples(network, 70)
    assert simple.evaluate(samples) == network.evaluate(samples)
    assert levelled(simple).n_gates <= simple.n_gates
    for layer in simple.layers[:-1]:
        assert isinstance(layer, LogicDense)
        assert (np.diff(layer.table.astype(int)) >= 0).all()
        assert set(layer.table) <= set(KINDS)


def test_thresholds_of_uint8() -> None:
    """Below 0, between numbers, on the greatest and above it: the same bits of every sample."""
    limits = np.array([-7.5, -0.25, 0, 0.5, 1, 254.5, 255, 300], np.float32)
    wires = np.arange(8)
    network = Network(
        Threshold(1, np.zeros(8), limits, "uint8"), (LogicDense(8, wires, wires, [3] * 8),), GroupSum(8, 8)
    )
    every = np.arange(256, dtype=np.uint8)[:, None]
    model = to_model(network, STANDARD)
    assert_same(network, onnxruntime_run(model), every, STANDARD)
    assert from_model(model).evaluate(every) == network.evaluate(every)


def test_common_zeros_are_left_out() -> None:
    table = np.array([0, 0, 1, 0, 6, 15], np.uint8)
    network = Network(Threshold.bits(2), (LogicDense(2, [0] * 6, [1] * 6, table),), GroupSum(6, 2))
    assert levelled(network).head.n_inputs == 4
    nothing = replace(network, layers=(LogicDense(2, [0] * 6, [1] * 6, [0] * 6),))
    assert levelled(nothing).head.n_inputs == 2


@pytest.mark.parametrize("rows", [*range(1, 40), 127, 128, 800, 6100])
def test_rounds_keep_every_bit_and_its_weight(rows: int) -> None:
    plan, exponent = rounds(rows)
    weight = np.zeros(rows, np.int64)
    for step in plan:
        assert len(step.take) in (3, 7)
        assert sorted([*step.take.ravel(), *step.rest]) == list(range(len(weight)))
        taken = weight[step.take]
        assert (taken == taken[0]).all()
        planes = len(step.take).bit_length()
        weight = np.concatenate([*(taken[0] + plane for plane in range(planes)), weight[step.rest]])
    np.testing.assert_array_equal(weight, exponent)
    assert np.bincount(exponent).max() <= 2
    if plan:  # the first adders read the rows in the order they are given
        assert [*plan[0].take.ravel(), *plan[0].rest] == list(range(rows))


# reading back


def test_too_many_gates_are_refused_before_they_are_made() -> None:
    """A file of a few kilobytes in other ops: kernels of 255 gates over large images."""
    leaf, table = np.zeros((500, 256, 3), int), np.zeros((500, 255), int)
    convolution = LogicConv2d(1, 2000, 2000, 1, leaf, table)
    network = Network(Threshold.bits(2000**2), (convolution,), GroupSum(convolution.n_outputs, 1))
    for ops in ("standard", "fused"):
        with pytest.raises(UnsupportedError, match=r"has 510,000,000,000 gates, .* holds 134,217,728 at most"):
            to_model(network, Form(ops))


@settings(max_examples=40)
@given(networks() | image_networks(), st.sampled_from(["", *INPUTS]), st.data())
def test_a_standard_file_is_read(network: Network, chosen: str, data: st.DataObject) -> None:
    outputs = data.draw(st.lists(st.sampled_from(heads_outputs(network.head)), min_size=1), label="outputs")
    network = replace(network, provenance={"recipe": "none"})
    back = from_model(to_model(network, Form("standard", chosen, tuple(outputs))))
    samples = random_samples(network, 70)
    want = network.evaluate(samples)
    if chosen == "float32":
        samples = samples.astype(np.float32)
    if chosen != "uint8" or network.encoder.input_dtype == "uint8":
        assert back.evaluate(samples) == want
    assert (back.name, back.provenance) == (network.name, network.provenance)
    assert (back.head.n_outputs, back.head.scale) == (network.head.n_outputs, network.head.scale)
    assert back.layers == levelled(network).layers
    assert flatten(back).n_gates == back.n_gates


def test_a_file_read_and_written_is_the_same_file(tmp_path: Path) -> None:
    write(random_network(1, widths=(60, 45)), tmp_path / "a.onnx", STANDARD)
    write(read(tmp_path / "a.onnx"), tmp_path / "b.onnx", STANDARD)
    write(read(tmp_path / "b.onnx"), tmp_path / "c.onnx", STANDARD)
    assert (tmp_path / "b.onnx").read_bytes() == (tmp_path / "c.onnx").read_bytes()


def test_data_outside(tmp_path: Path) -> None:
    network = random_network(1, widths=(60, 45))
    path = tmp_path / "m.onnx"
    write(network, path, STANDARD, threshold_bytes=0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.onnx", "m.onnx.data"]
    samples = random_samples(network, 70)
    assert read(path).evaluate(samples) == onnxruntime_session(path)(samples) == network.evaluate(samples)


Change = Callable[[ModelProto], object]


def set_rows(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Change:
    def apply(model: ModelProto) -> None:
        tensor = initializer(model, name)
        tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor).copy()), name))

    return apply


def set_first(value: int) -> Callable[[np.ndarray], np.ndarray]:
    def change(rows: np.ndarray) -> np.ndarray:
        rows[0] = value
        return rows

    return change


def prop(key: str, value: str) -> Change:
    return lambda m: next(entry for entry in m.metadata_props if entry.key == key).__setattr__("value", value)


def node_named(model: ModelProto, name: str) -> NodeProto:
    return next(node for node in nodes_of(model.graph) if node.name == name)


REFUSED: dict[str, tuple[Change, str]] = {
    "gate of another kind": (lambda m: node_named(m, "layer0.and").__setattr__("op_type", "BitwiseOr"),
                             r"node \d+ in the body of 'scan', 'layer0.and' .BitwiseOr., is not what"),
    "inputs swapped": (lambda m: node_named(m, "layer0.and_not").input.reverse(), "'layer0.and_not'"),
    "node outside": (lambda m: node_named(m, "class").attribute[0].__setattr__("i", 0), "'class' .ArgMax., is not"),
    "a node more": (lambda m: m.graph.node.append(NodeProto(op_type="Identity", input=["scores"], output=["x"])),
                    "the data of this graph give"),
    "a node less": (lambda m: body(m).node.pop(), "nodes in the body of 'scan'; the data"),
    "adder broken": (lambda m: node_named(m, "count0.sum").__setattr__("op_type", "BitwiseAnd"), "'count0.sum'"),
    "other constant": (lambda m: node_named(m, "spread.weights").attribute[0].t.__setattr__("raw_data", bytes(32)),
                       "'spread.weights'"),
    "scan of two": (lambda m: node_named(m, "scan").attribute[1].__setattr__("i", 2), "'scan' .Scan., is not"),
    "row out of range": (set_rows("layer0.and.a", set_first(11)), r"the gates of level 0: .* is 11"),
    "row negative": (set_rows("layer1.nor.b", set_first(-1)), r"the gates of level 1: .* is -1"),
    "count out of range": (set_rows("count0.take0.rows", set_first(1000)), "is 1000"),
    "rows of another length": (set_rows("count0.take0.rows", lambda a: a[:-1]), "3 classes do not divide"),
    "fewer rows": (set_rows("count0.take0.rows", lambda a: a[:-3]), "is not what the data|the data of this"),
    "gates missing": (lambda m: m.graph.initializer.remove(initializer(m, "layer1.and.b")), "layer1.and.b"),
    "level missing": (lambda m: [m.graph.initializer.remove(t) for t in list(m.graph.initializer)
                                 if t.name.startswith("layer1.")], "is not what|is outside|outside the"),
    "nothing counted": (lambda m: [m.graph.initializer.remove(t) for t in list(m.graph.initializer)
                                   if t.name.startswith("count")], "do not divide the 0 outputs"),
    "int64 rows": (lambda m: initializer(m, "layer0.and.a").__setattr__("data_type", 7), "must be int32"),
    "head missing": (prop("ai.lgn.head", "null"), "ai.lgn.head must be a JSON object of classes, tau, beta"),
    "head of text": (prop("ai.lgn.head", '{"classes": "3", "tau": 1, "beta": 0}'), "whole number of classes"),
    "other classes": (prop("ai.lgn.head", '{"classes": 2, "tau": 1, "beta": 0}'), "do not divide|is not what"),
    "no classes": (prop("ai.lgn.head", '{"classes": 0, "tau": 1, "beta": 0}'), "0 classes; legal are"),
    "other tau": (prop("ai.lgn.head", '{"classes": 3, "tau": 1.5, "beta": 0.25}'), "'beta' .Constant., is not"),
    "other threshold length": (set_rows("threshold.threshold", lambda a: a[:-1]), "one each a bit"),
    "NaN threshold": (set_rows("threshold.threshold", set_first(np.nan)), "not finite"),  # type: ignore[arg-type]
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_graph_that_disagrees_is_refused(case: str) -> None:
    change, message = REFUSED[case]
    model = to_model(random_network(1, widths=(40, 45), classes=3), STANDARD)
    change(model)
    with pytest.raises(InputError, match=message) as caught:
        from_model(model)
    assert "\n" not in str(caught.value)


def test_other_version_of_the_graph() -> None:
    model = to_model(random_network(1), STANDARD)
    prop("ai.lgn.standard", "1")(model)
    with pytest.raises(UnsupportedError, match="version '1'"):
        from_model(model)


def test_texts_for_people_may_differ() -> None:
    network = random_network(1)
    model = to_model(network, STANDARD)
    annotate(model.graph)
    model.graph.value_info.add(name="layer0")
    (body,) = [attribute.g for node in model.graph.node for attribute in node.attribute if attribute.HasField("g")]
    body.value_info.add(name="layer0")
    body.initializer.append(numpy_helper.from_array(np.zeros(1), "unread"))
    assert from_model(model) == from_model(to_model(network, STANDARD))


def annotate(message: Message) -> None:
    """Write a note into everything that has room for one, at any depth."""
    if "doc_string" in message.DESCRIPTOR.fields_by_name:
        message.doc_string = "a note"
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for child in [value] if isinstance(value, Message) else value:
                annotate(child)


def test_the_encoder_outside_is_in_the_metadata() -> None:
    network = random_network(1)
    model = to_model(network, Form("standard", "packed"))
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(about["ai.lgn.encoder"])["features"] == 7
    assert from_model(model).encoder == network.encoder
    model.metadata_props.remove(next(e for e in model.metadata_props if e.key == "ai.lgn.encoder"))
    assert from_model(model).encoder == Threshold.bits(11)


@pytest.mark.parametrize("ops", ["custom", "standard"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[]", "JSON object of features"),
        ('{"features": 7, "input_dtype": "float32", "feature": [0], "threshold": [0.5]}', "gives 1 bits"),
        ('{"features": 7, "input_dtype": "float32", "feature": [7], "threshold": [0.5]}', "is 7, outside"),
        ('{"features": 1e9, "input_dtype": "float32", "feature": [0], "threshold": [0.5]}', "whole number"),
        ('{"features": 7, "input_dtype": "float32", "feature": [true], "threshold": [0.5]}', "lists of numbers"),
        ('{"features": 7, "input_dtype": "float32", "feature": [0], "threshold": [1e400]}', "not a value|not finite"),
        ('{"features": 7, "input_dtype": "float32", "feature": [0], "threshold": [0.1]}', "not a value of float32"),
        ('{"features": 7, "input_dtype": "int4", "feature": [0], "threshold": [0.5]}', "input_dtype"),
        (f'{{"features": 7, "input_dtype": "uint8", "feature": [{10**400}], "threshold": [0.5]}}', "encoder"),
    ],
)
def test_a_bad_encoder_in_the_metadata(ops: str, value: str, message: str) -> None:
    model = to_model(random_network(1), Form(ops, "bool"))
    prop("ai.lgn.encoder", value)(model)
    with pytest.raises(InputError, match=message):
        from_model(model)


@pytest.mark.parametrize("ops", ["standard", "qonnx"])
@pytest.mark.parametrize("chosen", ["", "bool"])
def test_flipped_bytes(ops: str, chosen: str) -> None:
    whole = to_model(random_network(1, widths=(14, 12), input_dtype="uint8"), Form(ops, chosen)).SerializeToString()
    rng = np.random.default_rng(1)
    for _ in range(400):
        broken = bytearray(whole)
        broken[rng.integers(0, len(broken))] ^= int(rng.integers(1, 256))
        with suppress(LgnError, DecodeError):
            assert isinstance(from_model(ModelProto.FromString(bytes(broken))), Network)
