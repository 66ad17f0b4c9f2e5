"""The example of docs/onnx-domain.md is true."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import parser

from lgn_edge.onnx_model import from_model, read
from lgn_edge.onnx_model.functions import functions
from lgn_edge.onnx_model.runtime import onnxruntime_run
from lgn_edge.onnx_model.schemas import OPS

PAGE = (Path(__file__).parents[2] / "docs" / "onnx-domain.md").read_text(encoding="utf-8")


def block(start: str) -> str:
    found = [text for text in re.findall(r"```(?:python)?\n(.*?)```", PAGE, re.DOTALL) if text.startswith(start)]
    assert len(found) == 1
    return str(found[0])


def test_example_in_python_and_text_are_the_same_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(block("import numpy"), {})
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


def test_every_op_has_a_section() -> None:
    for op in OPS:
        section = PAGE.split(f"### {op.name}\n")[1].split("\n### ")[0]
        for parameter in (*op.inputs, *op.outputs, *op.attributes):
            assert f"`{parameter.name}`" in section
