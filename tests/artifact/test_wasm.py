"""WebAssembly modules and their loader: executed by wasmtime in Python, and by Node.js where it is installed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from lgn_edge import emulate
from lgn_edge.artifact import Artifact, build
from lgn_edge.errors import InputError
from lgn_edge.network import Network
from lgn_edge.targets.wasm import WASM
from tests.artifact.test_artifact import NETWORKS, OCTET
from tests.outside import needs
from tests.strategies import random_samples

NAMES = [target.name for target in WASM if target.name != "web"]  # which has tests of its own


@pytest.fixture(scope="module", params=NAMES)
def module(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return build(OCTET, request.param, tmp_path_factory.mktemp(request.param) / "web", name="octet")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_modules_equal_the_reference(network: Network, name: str, tmp_path: Path) -> None:
    artifact = build(network, name, tmp_path / "web")
    assert artifact.selftest()
    for n in (0, 1, 33, 513):
        x = random_samples(network, n, seed=n)
        assert artifact.predict(x) == network.evaluate(x)


def test_the_loader_is_small_and_imports_nothing(module: Artifact) -> None:
    loader = (module.folder / "lgn_octet.mjs").read_bytes()
    assert len(loader) < 4096
    assert b"require(" not in loader
    assert isinstance(module.firmware.image, emulate.WasmModule)
    emulate.WasmMachine(module.firmware.image)  # refuses imports


def test_a_damaged_module_is_refused() -> None:
    with pytest.raises(InputError, match="is not a WebAssembly module"):
        emulate.WasmMachine(emulate.WasmModule("broken.wasm", b"\0asm\1\0\0\0\xff"))


def node(*arguments: object) -> str:
    result = subprocess.run([needs("node"), *map(str, arguments)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_example_runs_in_node(module: Artifact) -> None:
    assert node(module.folder / "examples" / "main.mjs").startswith("self-test: ok\nclass ")


def test_node_gives_the_references_scores_and_grows_the_memory(module: Artifact, tmp_path: Path) -> None:
    """5 MB of samples, more than the module has memory; then the same from bytes and from a compiled module."""
    x = random_samples(OCTET, 80_000)
    want = OCTET.evaluate(x)
    x.tofile(tmp_path / "samples")
    want.scores.astype("<i4").tofile(tmp_path / "scores")
    want.classes.astype("<u2").tofile(tmp_path / "classes")
    program = tmp_path / "program.mjs"
    program.write_text(f"""
import {{ readFileSync }} from "node:fs";
import {{ load, CLASSES, FEATURES, Input }} from {json.dumps((module.folder / "lgn_octet.mjs").as_uri())};
const wasm = readFileSync({json.dumps(str(module.folder / "lgn_octet.wasm"))});
const file = (name) => readFileSync({json.dumps(str(tmp_path))} + "/" + name);
for (const source of [undefined, wasm, new WebAssembly.Module(wasm)]) {{
  const model = await load(source);
  const {{ scores, classes }} = model.predict(new Input(file("samples")));
  if (scores.length !== 80000 * CLASSES || !model.selftest()) throw new Error("lengths");
  if (Buffer.compare(Buffer.from(scores.buffer), file("scores"))) throw new Error("scores");
  if (Buffer.compare(Buffer.from(classes.buffer), file("classes"))) throw new Error("classes");
  if (model.predict(new Input(0)).classes.length !== 0) throw new Error("none");
  for (const [bad, kind] of [[new Input(FEATURES + 1), RangeError], [[1, 2], TypeError]]) {{
    try {{ model.predict(bad); throw new Error("accepted"); }} catch (e) {{ if (!(e instanceof kind)) throw e; }}
  }}
}}
console.log("equal");
""")
    assert node(program) == "equal\n"


def test_samples_of_the_module_are_checked(module: Artifact) -> None:
    with pytest.raises(InputError, match=r"takes \[n, 64\]"):
        module.predict(np.zeros((1, 3), np.uint8))
