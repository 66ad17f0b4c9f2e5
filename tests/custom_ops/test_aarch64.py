"""The library for aarch64 inside ONNX Runtime for aarch64, in QEMU, where `make aarch64` has put it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np

from lgn_edge.onnx_library.path import library_for
from lgn_edge.onnx_model import write
from lgn_edge.targets.aarch64 import AARCH64
from tests.custom_ops.test_library import FORMS, IMAGES, NETWORKS
from tests.onnx_model.forms import fed, outputs_of, suits
from tests.outside import BUILD, needs, needs_made
from tests.strategies import random_samples

SCRIPT = Path(__file__).parent / "aarch64" / "run.py"
ROOT = BUILD / "aarch64" / "root"
PYTHON = ROOT / "usr" / "bin" / "python3.11"
BATCHES = (0, 1, 65, 513)


def test_equals_the_reference(tmp_path: Path) -> None:
    qemu, python = needs("qemu-aarch64"), needs_made(PYTHON, "make aarch64")
    calls = 0
    for name, network in (NETWORKS | IMAGES).items():
        for form_name, form in FORMS.items():
            if not suits(form, network):
                continue
            arrays = {}
            for n in BATCHES:
                samples = random_samples(network, n, seed=n)
                arrays[f"{n}:in"] = fed(network, form, samples)[1]
                arrays |= {f"{n}:{output}": want for output, want in outputs_of(network, samples).items()}
                calls += 1
            write(network, tmp_path / f"{name} {form_name}.onnx", form)
            np.savez(tmp_path / f"{name} {form_name}.npz", **arrays)
    result = subprocess.run(
        [qemu, "-L", ROOT, python, SCRIPT, library_for(AARCH64[0]), tmp_path],
        env={"PYTHONPATH": str(ROOT / "site"), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["aarch64", str(calls)]
