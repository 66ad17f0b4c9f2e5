"""The Rust of docs/artifact.md, compiled and run."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from lgn_edge.artifact import build
from tests.outside import needs
from tests.strategies import random_network, random_samples

DOCS = Path(__file__).parents[2] / "docs" / "artifact.md"
MAIN = """
fn main() {
    let samples = [SAMPLES];
    println!("{:?}", predict(&samples));
}
"""


def test_the_rust_example_runs(tmp_path: Path) -> None:
    rustc, _ = needs("rustc"), needs("cc")  # cc is its linker
    if subprocess.run([rustc, "--version"], capture_output=True).returncode:
        pytest.skip("rustc is not installed: what has its name is rustup, which only says so")
    network = random_network(11, features=16, bits=30, widths=(60, 50), classes=5, input_dtype="uint8")
    artifact = build(network, "native", tmp_path / "artifact", name="digits")
    code = re.search(r"```rust\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert code is not None
    manifest = artifact.manifest
    sizes = {"FEATURES": manifest.features, "CLASSES": manifest.classes, "WORKSPACE_BYTES": manifest.workspace_bytes}
    constants = "".join(f"const {name}: usize = {size};\n" for name, size in sizes.items())
    x = random_samples(network, 70)
    rows = ", ".join(str(row) for row in x.tolist())
    source, program = tmp_path / "main.rs", tmp_path / "main"
    source.write_text(code.group(1) + constants + MAIN.replace("SAMPLES", rows))
    library = ["-L", str(artifact.folder / "lib"), "-l", "static=lgn_digits"]
    subprocess.run([rustc, "-D", "warnings", str(source), "-o", str(program), *library], check=True)
    printed = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    assert np.array_equal(np.array(json.loads(printed)), network.evaluate(x).classes)
