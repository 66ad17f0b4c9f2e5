"""The same bits in ONNX Runtime for node and for the web, where `make node` has installed them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lgn_edge.network import Network
from lgn_edge.onnx_model import Form, write
from tests.onnx_model.forms import FORMS, fed, joined_images, suits
from tests.outside import BUILD, needs, needs_made
from tests.strategies import random_network, random_samples

SCRIPT = Path(__file__).parent / "node" / "run.cjs"
PACKAGES = BUILD / "node" / "node_modules"
NETWORKS = {
    "uint8": random_network(2, widths=(60, 45), input_dtype="uint8"),
    "edges": random_network(13, features=9, bits=40, widths=(50, 30), input_dtype="uint8", edges=True),
    "wide": random_network(7, widths=(600, 387), classes=3),
    "one class": random_network(5, widths=(9, 300), classes=1),
    "images": joined_images(1),
}
BATCHES = (1, 63, 64, 65, 1100)
TYPES = {"float32": "float32", "uint8": "uint8", "bool": "bool", "int64": "int64"}


@pytest.fixture(params=["onnxruntime-node", "onnxruntime-web"])
def runtime(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    needs("node")
    needs_made(PACKAGES / name, "make node")
    return name


def run(runtime: str, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    node = needs("node")
    result = subprocess.run(
        [node, SCRIPT, runtime],
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        check=False,
        env={"NODE_PATH": str(PACKAGES), "PATH": str(Path(node).parent)},
    )
    assert result.returncode == 0, result.stderr
    answers: list[dict[str, Any]] = json.loads(result.stdout)
    return answers


def question(network: Network, form: Form, path: Path, samples: np.ndarray) -> dict[str, Any]:
    name, data = fed(network, form, samples)
    values = data.ravel().tolist()
    return {
        "model": str(path),
        "name": name,
        "type": TYPES[data.dtype.name],
        "dims": data.shape,
        "data": [str(value) for value in values] if data.dtype == np.int64 else [float(v) for v in values],
    }


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_bits(runtime: str, name: str, tmp_path: Path) -> None:
    network = NETWORKS[name]
    questions, wanted = [], []
    for number, form in enumerate(FORMS.values()):
        if not suits(form, network):
            continue
        path = tmp_path / f"{number}.onnx"
        write(network, path, form)
        for n in BATCHES:
            samples = np.nan_to_num(random_samples(network, n, seed=n))  # JSON has no NaN
            questions.append(question(network, form, path, samples))
            wanted.append(network.evaluate(samples))
    for asked, answer, want in zip(questions, run(runtime, questions), wanted, strict=True):
        n = len(want.scores)
        scores, logits = answer["scores"], answer["logits"]
        assert scores["type"] == "int32"
        got = np.array(scores["data"], np.int32).reshape(scores["dims"])[:n]
        np.testing.assert_array_equal(got, want.scores, err_msg=asked["model"])
        floats = np.array(logits["data"], np.float32).reshape(logits["dims"])[:n]
        assert floats.tobytes() == network.head.logits(want.scores).tobytes()
        if want.decision is not None:
            assert [int(c) for c in answer["class"]["data"][:n]] == want.classes.tolist()
