"""The example of docs/onnx-domain.md is true."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import defs, helper, parser
from onnx.reference import ReferenceEvaluator

from lgn_edge.onnx_model import from_model, read, to_model
from lgn_edge.onnx_model.functions import functions
from lgn_edge.onnx_model.ops.op import BOOL, FLOAT32, INT32, INT64, UINT8, Op
from lgn_edge.onnx_model.runtime import onnxruntime_run
from lgn_edge.onnx_model.schemas import OPS
from lgn_edge.onnx_model.standard.gates import KINDS
from tests.onnx_model.forms import FORMS
from tests.strategies import random_network

PAGE = (Path(__file__).parents[2] / "docs" / "onnx-domain.md").read_text(encoding="utf-8")


def block(start: str) -> str:
    found = [text for text in re.findall(r"```(?:python)?\n(.*?)```", PAGE, re.DOTALL) if text.startswith(start)]
    assert len(found) == 1
    return str(found[0])


def test_example_in_python_and_text_are_the_same_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(text, {})
    model = parser.parse_model(block("<ir_version"))
    model.functions.extend(functions({op.name for op in OPS}))
    network = read("example.onnx")
    assert from_model(model) == network
    written = onnx.load("example.onnx").graph.node
    assert [(n.name, n.op_type, *n.input, *n.output) for n in model.graph.node] == [
        (n.name, n.op_type, *n.input, *n.output) for n in written
    ]

    samples = np.array([[1, 0], [1, 1], [0, 0]], np.float32)
    got = onnxruntime_run("example.onnx")(samples)
    assert got["scores"].tolist() == [[1, 1], [2, 0], [0, 1]]
    assert got["logits"].tolist() == [[0.5, 0.5], [1, 0], [0, 0.5]]
    assert got["class"].tolist() == [0, 0, 1]
    threshold, layer = network.activations(samples)
    assert threshold.tolist() == [[0b011], [0b010]]
    assert (layer & np.uint64(0b111)).tolist() == [[0b010], [0b011], [0b001], [0b100]]


@pytest.mark.parametrize("op", [op for op in OPS if op.body], ids=lambda op: op.name)
def test_the_example_of_an_op(op: Op) -> None:
    """The values behind "Example:" give, in a model of that one node, the values behind "give"."""
    example = re.findall(r"Example: (.*?)(?:\n\n|\Z)", section(op), re.DOTALL)[0].rstrip(".: ")
    values = {name: eval(value) for name, value in re.findall(r"`(\w+) =\s(.*?)`", example, re.DOTALL)}
    types: dict[str, type] = {
        INT64: np.int64,
        INT32: np.int32,
        FLOAT32: np.float32,
        UINT8: np.uint8,
        BOOL: np.bool_,
        "T": np.float32,
    }

    def info(name: str, dtype: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(types[dtype])), None)

    inputs = {p.name: np.array(values[p.name], types[p.type]) for p in op.inputs}
    attributes = {
        a.name: float(values[a.name]) if a.type == defs.OpSchema.AttrType.FLOAT else values[a.name]
        for a in op.attributes
    }
    names = [p.name for p in op.outputs]
    node = helper.make_node(op.name, list(inputs), names, domain="ai.lgn", **attributes)
    graph = helper.make_graph(
        [node],
        "example",
        [info(p.name, p.type) for p in op.inputs],
        [info(p.name, p.type) for p in op.outputs],
    )
    model = helper.make_model(
        graph,
        ir_version=10,
        opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("ai.lgn", 1)],
        functions=functions({op.name}),
    )
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for got in (session.run(names, inputs), ReferenceEvaluator(model).run(names, inputs)):
        assert {name: array.tolist() for name, array in zip(names, got, strict=True)} == {n: values[n] for n in names}


def test_every_kind_of_the_standard_graph_is_named() -> None:
    kinds, tables = re.findall(r"\| (kind|table) \|(.*)\|\n", PAGE.split("## The standard graph")[1])
    named = zip(tables[1].split("|"), kinds[1].split("|"), strict=True)
    assert {int(table): name.strip(" `") for table, name in named} == {t: kind.name for t, kind in KINDS.items()}


def test_every_key_of_the_metadata_is_named() -> None:
    for form in FORMS.values():
        for entry in to_model(random_network(1, input_dtype="uint8"), form).metadata_props:
            assert f"`{entry.key}`" in PAGE


def section(op: Op) -> str:
    return PAGE.split(f"### {op.name}\n")[1].split("\n### ")[0].split("\n## ")[0]


def test_every_op_has_a_section() -> None:
    for op in OPS:
        for parameter in (*op.inputs, *op.outputs, *op.attributes):
            assert f"`{parameter.name}`" in section(op)
