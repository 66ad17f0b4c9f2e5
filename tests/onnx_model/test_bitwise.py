"""A foreign graph of bitwise ops is read as a circuit when it is one, and refused by name when it is not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper, parser
from onnx.reference import ReferenceEvaluator

from lgn_edge.errors import InputError, LgnError
from lgn_edge.network import Circuit, pack, unpack
from lgn_edge.onnx_model import read_circuit
from lgn_edge.onnx_model.bitwise import circuit, room
from lgn_edge.onnx_model.text import check_text
from tests.strategies import circuits

PACKED = """
<ir_version: 10, opset_import: ["": 18]>
g (int64[4,W] x) => (int64[3,W] y)
<int64[3] left = {0, 1, -1}, int32[3] right = {3, 3, 0}, int64[3,1] mask = {0, -1, 0}, int64 all = {-1}>
{
  a = Gather <axis = 0> (x, left)
  b = Gather <axis = 0> (x, right)
  c = BitwiseAnd (a, b)
  d = BitwiseXor (c, mask)
  e, f = Split <axis = 0, num_outputs = 2> (d)
  g = Concat <axis = 0> (f, e)
  h = BitwiseOr (g, b)
  i = BitwiseNot (h)
  y = BitwiseXor (i, all)
}
"""
LOGICAL = """
<ir_version: 10, opset_import: ["": 18]>
g (bool[N,4] x) => (bool[N,3] y)
<int64[3] left = {0, 1, 2}, bool[1,3] mask = {1, 0, 1}>
{
  right = Constant <value_ints = [3, 3, 0]> ()
  a = Gather <axis = 1> (x, left)
  b = Gather <axis = -1> (x, right)
  c = And (a, b)
  d = Or (c, mask)
  e = Xor (d, a)
  f = Not (e)
  y = Identity (f)
}
"""
SINGLE = """
<ir_version: 10, opset_import: ["": 18]>
g (int64[2,W] x) => (int64[2,W] y)
<int64 zero = {0}, int64 one = {1}, int64[1] axes = {0}>
{
  a = Gather <axis = 0> (x, zero)
  b = Gather <axis = 0> (x, one)
  c = BitwiseXor (a, b)
  d = BitwiseAnd (a, c)
  e = Unsqueeze (c, axes)
  f = Unsqueeze (d, axes)
  y = Concat <axis = 0> (e, f)
}
"""


def all_inputs(n: int) -> np.ndarray:
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(np.bool_)


@pytest.mark.parametrize("text", [PACKED, SINGLE])
def test_packed_words(text: str, tmp_path: Path) -> None:
    model = parser.parse_model(text)
    onnx.save(model, tmp_path / "m.onnx")
    found = read_circuit(tmp_path / "m.onnx")
    words = pack(all_inputs(found.n_inputs))
    (want,) = ReferenceEvaluator(model).run(None, {"x": words.view(np.int64)})
    np.testing.assert_array_equal(found.evaluate(words), want.view(np.uint64))


def test_bools() -> None:
    model = parser.parse_model(LOGICAL)
    found = circuit(model)
    bits = all_inputs(4)
    (want,) = ReferenceEvaluator(model).run(None, {"x": bits})
    np.testing.assert_array_equal(unpack(found.evaluate(pack(bits)), len(bits)), want)


OLD = """
<ir_version: 3, opset_import: ["": 11]>
g (bool[N,5] x, bool[N,2] z, int64[3] left, bool[3] mask) => (bool[N,3] y, bool[N,2] w)
<int64[3] left = {0, 4, 2}, bool[3] mask = {1, 0, 1}>
{
  a = Gather <axis = 1> (x, left)
  b, rest = Split <axis = 1, split = [3, 2]> (x)
  c = And (a, b)
  d = Xor (mask, c)
  e = Or (rest, z)
  starts = Constant <value = int64[1] {-1}> ()
  ends = Constant <value = int64[1] {-9}> ()
  axes = Constant <value = int64[1] {1}> ()
  steps = Constant <value = int64[1] {-1}> ()
  y = Slice (d, starts, ends, axes, steps)
  f = Slice (e, starts, ends, axes, steps)
  w = Not (f)
}
"""


def test_an_old_file_of_several_inputs_and_outputs() -> None:
    """Initialisers that are listed as inputs, sizes of Split as an attribute, a constant of fewer axes, Slice."""
    model = parser.parse_model(OLD)
    found = circuit(model)
    bits = all_inputs(7)
    want = ReferenceEvaluator(model).run(None, {"x": bits[:, :5], "z": bits[:, 5:]})
    np.testing.assert_array_equal(unpack(found.evaluate(pack(bits)), len(bits)), np.concatenate(want, axis=1))


@given(st.integers(1, 6), st.integers(-9, 9), st.integers(-9, 9), st.sampled_from([-3, -2, -1, 1, 2, 3]))
def test_slices_are_those_of_onnx(n: int, start: int, stop: int, step: int) -> None:
    text = f"""<ir_version: 8, opset_import: ["": 18]> g (bool[N,{n}] x) => (bool[N,M] y)
    <int64[1] s = {{{start}}}, int64[1] e = {{{stop}}}, int64[1] a = {{-1}}, int64[1] b = {{{step}}}>
    {{ c = Slice (x, s, e, a, b)
       y = Concat <axis = 1> (c, x) }}"""
    model = parser.parse_model(text)
    bits = all_inputs(n)
    (want,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": bits})
    np.testing.assert_array_equal(unpack(circuit(model).evaluate(pack(bits)), len(bits)), want)


def as_graph(source: Circuit) -> ModelProto:
    """A circuit as a naive graph: a node a gate, of the packed signals one by one."""
    nodes, tensors = [], [numpy_helper.from_array(np.array([0]), "axes"), numpy_helper.from_array(np.array(-1), "ones")]
    for i in range(source.n_inputs):
        tensors.append(numpy_helper.from_array(np.array(i), f"i{i}"))
        nodes.append(helper.make_node("Gather", ["x", f"i{i}"], [f"s{i}"], axis=0))
    forms = {
        0: [("Xor", "a", "a")], 1: [("And", "a", "b")], 6: [("Xor", "a", "b")], 7: [("Or", "a", "b")],
        8: [("Or", "a", "b"), ("Not", "t0")], 12: [("Not", "a")], 14: [("And", "a", "b"), ("Not", "t0")],
        2: [("Not", "b"), ("And", "a", "t0")],
    }  # fmt: skip
    for g, table in enumerate(source.table):
        names = {"a": f"s{source.a[g]}", "b": f"s{source.b[g]}"}
        steps = forms[int(table)]
        for i, (op, *inputs) in enumerate(steps):
            names[f"t{i}"] = f"s{source.n_inputs + g}" if i == len(steps) - 1 else f"t{g}.{i}"
            nodes.append(helper.make_node(f"Bitwise{op}", [names[n] for n in inputs], [names[f"t{i}"]]))
    last = [f"s{signal}" for signal in source.outputs]
    for i, (name, inverted) in enumerate(zip(last, source.inverted, strict=True)):
        if inverted:
            nodes.append(helper.make_node("BitwiseNot", [name], [f"n{i}"]))
        nodes.append(helper.make_node("Unsqueeze", [f"n{i}" if inverted else name, "axes"], [f"o{i}"]))
    nodes.append(helper.make_node("Concat", [f"o{i}" for i in range(len(last))], ["y"], axis=0))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.INT64, [source.n_inputs, "W"])],
        [helper.make_tensor_value_info("y", TensorProto.INT64, [len(last), "W"])],
        tensors,
    )
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])


@given(circuits(max_gates=30))
def test_any_circuit_gate_by_gate(source: Circuit) -> None:
    known = np.array([0, 1, 6, 7, 8, 12, 14, 2], np.uint8)
    source = Circuit(source.n_inputs, known[source.table % 8], source.a, source.b, source.outputs, source.inverted)
    found = circuit(as_graph(source))
    words = pack(all_inputs(source.n_inputs))
    np.testing.assert_array_equal(found.evaluate(words), source.evaluate(words))


def node(model: ModelProto, output: str) -> NodeProto:
    return next(n for n in model.graph.node if output in n.output)


def constant(name: str, values: object, dtype: type) -> Callable[[ModelProto], object]:
    return lambda m: next(t for t in m.graph.initializer if t.name == name).CopyFrom(
        numpy_helper.from_array(np.array(values, dtype), name)
    )


REFUSED: dict[str, tuple[Callable[[ModelProto], object], str]] = {
    "other op": (lambda m: node(m, "c").__setattr__("op_type", "Add"), "node that writes 'c' .Add.: a circuit"),
    "logical op on words": (lambda m: node(m, "c").__setattr__("op_type", "And"), "is made of BitwiseAnd"),
    "other domain": (lambda m: node(m, "c").__setattr__("domain", "x"), "is made of"),
    "index too large": (constant("left", [0, 1, 4], np.int64), "in the 4 signals it reads"),
    "index negative": (constant("left", [0, 1, -5], np.int64), "in the 4 signals it reads"),
    "index of floats": (constant("left", [0, 1, 2], np.float32), "must be int32 or int64"),
    "index not constant": (lambda m: node(m, "a").input.__setitem__(1, "x"), "'x' must be a constant"),
    "mask of samples": (constant("mask", [[0, -1, 0]], np.int64), r"has the shape \[1, 3\]"),
    "mask of bits": (
        constant("mask", [[0], [5], [0]], np.int64),
        r"its input 'mask': the constant holds 5, but each int64 holds a bit of 64 samples here, so it must be",
    ),
    "sizes differ": (constant("right", [3, 3], np.int32), r"the shapes \[3\] and \[2\]"),
    "unknown value": (lambda m: node(m, "c").input.__setitem__(0, "q"), "reads 'q', which is no value before it"),
    "value twice": (lambda m: node(m, "c").output.__setitem__(0, "a"), "name of another value"),
    "one input": (lambda m: node(m, "c").input.pop(), "it has 1 inputs"),
    "two axes": (lambda m: node(m, "a").attribute[0].__setattr__("i", 1), "along the axes"),
    "no such axis": (lambda m: node(m, "a").attribute[0].__setattr__("i", 2), "along the axes"),
    "signals not fixed": (lambda m: m.graph.input[0].type.tensor_type.shape.dim[0].__setattr__("dim_param", "Q"),
                          "one axis of signals"),
    "floats": (lambda m: m.graph.input[0].type.tensor_type.__setattr__("elem_type", 1), "bool or integers"),
    "an input of another type": (lambda m: m.graph.input.add(name="z"), "must have one type and rank"),
    "an output that is no value": (lambda m: m.graph.output.add(name="q"), "each must be a list of signals"),
    "an old version": (lambda m: m.opset_import[0].__setattr__("version", 6), "is read in one of 7"),
    "op newer than the version": (lambda m: m.opset_import[0].__setattr__("version", 17), "has no such op"),
    "attribute of another version": (lambda m: node(m, "e").attribute.add(name="split", ints=[1, 2], type=7),
                                     "no attribute 'split' in version 18"),
    "no output": (lambda m: m.graph.ClearField("output"), "and an output"),
    "output unknown": (lambda m: m.graph.output[0].__setattr__("name", "q"), "each must be a list of signals"),
    "external": (lambda m: m.graph.initializer[0].__setattr__("data_location", 1), "external data"),
    "bytes missing": (lambda m: m.graph.initializer[0].__setattr__("raw_data", b"123"), "not a whole tensor"),
    "no graph": (lambda m: m.ClearField("graph"), "a circuit has one at least"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_circuit_is_refused(case: str) -> None:
    change, message = REFUSED[case]
    model = parser.parse_model(PACKED)
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
    change(model)
    with pytest.raises(InputError, match=message) as caught:
        circuit(model)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [PACKED, LOGICAL, SINGLE])
def test_flipped_bytes(text: str) -> None:
    whole, rng = parser.parse_model(text).SerializeToString(), np.random.default_rng(0)
    for _ in range(500):
        broken = bytearray(whole)
        broken[rng.integers(0, len(broken))] ^= int(rng.integers(1, 256))
        with suppress(LgnError, DecodeError):
            assert isinstance(from_bytes(bytes(broken)), Circuit)


def from_bytes(data: bytes) -> Circuit:
    model = ModelProto.FromString(data)
    check_text(model)
    return circuit(model)


def test_values_that_double_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST", 1000)
    doubling = [helper.make_node("Concat", [f"v{i}"] * 2, [f"v{i + 1}"], axis=0) for i in range(60)]
    graph = helper.make_graph(
        doubling,
        "g",
        [helper.make_tensor_value_info("v0", TensorProto.INT64, [4, "W"])],
        [helper.make_tensor_value_info("v60", TensorProto.INT64, [None, "W"])],
    )
    with pytest.raises(InputError, match="at most 1000 signals"):
        circuit(helper.make_model(graph))


def test_values_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "ALL", 1000)
    nodes = [helper.make_node("Identity", ["v0"], [f"v{i + 1}"]) for i in range(60)]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("v0", TensorProto.INT64, [40, "W"])],
        [helper.make_tensor_value_info("v60", TensorProto.INT64, [None, "W"])],
    )
    with pytest.raises(InputError, match="all so far 1040; the most are"):
        circuit(helper.make_model(graph))
