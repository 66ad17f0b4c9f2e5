"""Builds end: no work doubles with a gate, or grows with features times gates or with pairs of classes.

Builds run in a process of their own, which is stopped after minutes where seconds are enough.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness import chain
from lgn_edge import onnx_model
from lgn_edge.network import GroupSum, LogicDense, Network, Threshold
from lgn_edge.network.truth_table import OR, XOR
from tests.thinning import few

_LIMIT = 240  # seconds
_TARGETS = ("native", "cortex-m4", "riscv32", "wasm")
_BUILD = """
import sys
from lgn_edge.artifact import build
model, folder, *targets = sys.argv[1:]
for target in targets:
    build(model, target, f"{folder}/{target}")
"""


def _wide(features: int, gates: int, classes: int) -> Network:
    """One layer, whose gates read two features each."""
    a, b = np.random.default_rng(0).integers(0, features, (2, gates)).astype(np.int32)
    b = np.where(a == b, (b + 1) % features, b).astype(np.int32)  # no gate is a wire: nothing is stored, all is counted
    layer = LogicDense(features, a, b, np.where(np.arange(gates) % 2, XOR, OR).astype(np.uint8))
    thresholds = np.full(features, 100, np.float32)
    encoder = Threshold(features, np.arange(features, dtype=np.int32), thresholds, "uint8")
    return Network(encoder, (layer,), GroupSum(gates, classes), name="bounds")


_NETWORKS = {
    "deep": lambda: chain(300),
    "deep, thousands of layers": lambda: chain(10_000),
    "many features": lambda: _wide(65_537, 3_000, 10),
    "many classes": lambda: _wide(200, 1_000, 500),
}


@pytest.mark.parametrize("network", few(_NETWORKS, "deep"))
def test_builds_end(network: Callable[[], Network], tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    onnx_model.write(network(), model)
    command = [sys.executable, "-c", _BUILD, str(model), str(tmp_path), *_TARGETS]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LIMIT)
    assert done.returncode == 0, done.stderr
