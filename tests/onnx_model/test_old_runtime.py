"""Files declare no newer version than they need: an old ONNX Runtime runs every form as the newest does."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import NodeProto

from lgn_edge.onnx_model import Form, to_model, write
from lgn_edge.onnx_model.form import OPS
from tests.onnx_model.forms import FORMS, assert_same, fed, joined_images, suits
from tests.strategies import random_image_network, random_network, random_samples

SCRIPT = Path(__file__).parent / "old_runtime" / "run.py"
PYTHON = Path(__file__).parents[2] / "build" / "old-runtime" / "bin" / "python"
NETWORKS = {
    "classes": random_network(2, widths=(60, 45), input_dtype="uint8"),
    "score": random_network(5, widths=(9, 300), classes=1, input_dtype="uint8"),
    "bits": random_network(6, widths=(30, 37), classes=0, input_dtype="uint8"),
    "edges": random_network(13, features=9, bits=40, widths=(50, 30), input_dtype="uint8", edges=True),
    "images": random_image_network(14),
    "joined images": joined_images(1),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_bits_in_onnx_runtime_1_17(name: str, tmp_path: Path) -> None:
    if not PYTHON.is_file():
        pytest.skip("ONNX Runtime 1.17 is not installed; run: make old-runtime")
    network = NETWORKS[name]
    forms = {key: form for key, form in FORMS.items() if suits(form, network)}
    samples = random_samples(network, 100)
    for key, form in forms.items():
        write(network, tmp_path / f"{key}.onnx", form)
        source, data = fed(network, form, samples)
        np.savez(tmp_path / f"{key}.npz", **{source: data})
    done = subprocess.run([PYTHON, SCRIPT, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1.17.")
    for key, form in forms.items():
        with np.load(tmp_path / f"{key}.out.npz") as outputs:
            found = {output: outputs[output][:100] for output in outputs.files}
        assert_same(network, lambda _, found=found: found, samples, form)


@pytest.mark.parametrize("ops", OPS)
def test_the_standard_version_is_the_lowest(ops: str) -> None:
    """Some op of the file is as new as the version that it declares."""
    for network in NETWORKS.values():
        if not suits(Form(ops), network):
            continue
        model = to_model(network, Form(ops))
        assert model.ir_version == 8
        (declared,) = [entry.version for entry in model.opset_import if not entry.domain]
        nodes = [*model.graph.node, *(node for function in model.functions for node in function.node)]
        newest = max((since(node, declared) for node in inside(nodes) if not node.domain), default=declared)
        assert newest == declared
        for function in model.functions:
            assert {entry.domain: entry.version for entry in function.opset_import}[""] == declared


def inside(nodes: Iterable[NodeProto]) -> Iterable[NodeProto]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            yield from inside(attribute.g.node)


def since(node: NodeProto, declared: int) -> int:
    version: int = onnx.defs.get_schema(node.op_type, declared, "").since_version
    return version
