"""Artifacts for the web: executed by wasmtime in Python, by Node.js and by Chromium where they are installed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lgn_edge.artifact import Artifact, build
from lgn_edge.artifact.javascript import predict_in_node
from lgn_edge.emulate import EmulationError
from lgn_edge.network import Network, Prediction
from tests.artifact import test_artifact, test_heads
from tests.artifact.test_wasm import node
from tests.browser import chromium, served
from tests.outside import BUILD, needs, needs_made
from tests.strategies import random_samples
from tests.thinning import few

NETWORKS = test_artifact.NETWORKS | test_heads.NETWORKS
SIZES = (0, 1, 33, 513)
BLANK = "<!doctype html><title>a page of somebody else</title>"
# What a page, or a worker, does with a module: scores and classes of samples that come as bytes.
PREDICT = """
async function predict([url, backend, samples]) {
  const { Input, load } = await import(url);
  const model = await load({ backend });
  const { scores, classes } = await model.predict(new Input(Uint8Array.from(samples).buffer));
  const { fallback } = model;
  const tested = await model.selftest();
  return { scores: [...scores], classes: [...classes], backend: model.backend, fallback, tested };
}
"""


@pytest.fixture(scope="module", params=few(NETWORKS, "uint8", "odd", "image", "bits"))
def network(request: pytest.FixtureRequest) -> Network:
    return request.param


@pytest.fixture(scope="module")
def built(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return build(network, "web", tmp_path_factory.mktemp("web") / "web", name="built")


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    with chromium() as browser:
        yield browser.new_page()


def in_page(page: Any, folder: Path, samples: np.ndarray, backend: str = "auto") -> dict[str, Any]:
    """What the module in a folder answers in a page that the same host serves."""
    (folder / "blank.html").write_text(BLANK)
    with served(folder) as address:
        page.goto(f"{address}/blank.html")
        answer: dict[str, Any] = page.evaluate(
            PREDICT, [f"{address}/lgn_built_web.mjs", backend, list(samples.tobytes())]
        )
    return answer


def assert_equal(answer: dict[str, Any], want: Prediction) -> None:
    assert answer["scores"] == want.scores.ravel().tolist()
    if want.decision is not None:
        assert answer["classes"] == want.decision.tolist()


def test_the_module_equals_the_reference(network: Network, built: Artifact) -> None:
    assert built.selftest()
    for n in SIZES:
        x = random_samples(network, n, seed=n)
        assert built.predict(x) == network.evaluate(x)


def test_node_gives_the_references_bits(network: Network, built: Artifact) -> None:
    needs("node")
    for n in SIZES:
        x = random_samples(network, n, seed=n)
        assert predict_in_node(built, x) == network.evaluate(x)


def test_chromium_gives_the_references_bits(network: Network, built: Artifact, page: Any) -> None:
    for n in SIZES:
        x = random_samples(network, n, seed=n)
        answer = in_page(page, built.folder, x)
        assert_equal(answer, network.evaluate(x))
        assert (answer["backend"], answer["tested"]) == ("wasm", True)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return build(test_artifact.ODD, "web", tmp_path_factory.mktemp("web") / "web", name="built")


def test_everything_that_runs_lies_beside_the_module(small: Artifact) -> None:
    package = json.loads((small.folder / "package.json").read_text())
    for entry in package["exports"].values():
        assert all((small.folder / path).is_file() for path in entry.values())
    for module in small.folder.glob("*.mjs"):
        text = module.read_text()
        assert "http:" not in text
        assert "https:" not in text
        assert all((small.folder / name).is_file() for name in _imported(text)), text


def _imported(module: str) -> list[str]:
    """The files that a module imports, by its statements."""
    parts = (line.split(' from "') for line in module.splitlines() if line.startswith(("import ", "export *")))
    return [part[1].split('"')[0] for part in parts]


def test_the_example_says_what_it_runs_on(small: Artifact) -> None:
    first, tested, *_ = node(small.folder / "examples" / "main.mjs").splitlines()
    assert first.startswith("runs on wasm: ")
    assert tested == "self-test: ok"


def test_what_is_asked_of_the_module_is_checked(small: Artifact, tmp_path: Path) -> None:
    needs("node")
    x = random_samples(test_artifact.ODD, 3)
    with pytest.raises(EmulationError, match="there is no backend cuda"):
        predict_in_node(small, x, "cuda")
    with pytest.raises(EmulationError, match="WebGPU"):
        predict_in_node(small, x, "webgpu")
    program = tmp_path / "program.mjs"
    program.write_text(f"""
import {{ load, Input }} from {json.dumps((small.folder / "lgn_built_web.mjs").as_uri())};
const model = await load();
for (const bad of [[1, 2], new Float64Array(3)]) await model.predict(bad).catch((e) => console.log(e.message));
await load({{ wasm: Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 99) }}).catch((e) => console.log(e.message));
""")
    *types, damaged = node(program).splitlines()
    assert types == ["samples must be a Uint8Array"] * 2
    assert damaged.startswith("lgn_built.wasm cannot be compiled here, which takes 128-bit vectors")


def test_a_worker_loads_it(small: Artifact, page: Any) -> None:
    x = random_samples(test_artifact.ODD, 70)
    (small.folder / "worker.mjs").write_text(PREDICT + "onmessage = async (e) => postMessage(await predict(e.data));\n")
    (small.folder / "blank.html").write_text(BLANK)
    with served(small.folder) as address:
        page.goto(f"{address}/blank.html")
        ask = """([worker, ...given]) => new Promise((resolve, reject) => {
            const asked = new Worker(worker, { type: "module" });
            asked.onmessage = (e) => resolve(e.data);
            asked.onerror = (e) => reject(new Error(e.message));
            asked.postMessage(given);
        })"""
        given = ["./lgn_built_web.mjs", "auto", list(x.tobytes())]
        assert_equal(page.evaluate(ask, [f"{address}/worker.mjs", *given]), test_artifact.ODD.evaluate(x))


def test_typescript_finds_the_types(small: Artifact, tmp_path: Path) -> None:
    """Of a file that is imported by its path, as pages do, and of the package."""
    needs("node")
    compiler = needs_made(BUILD / "node" / "node_modules" / "typescript", "make node")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "lgn-built").symlink_to(small.folder)
    (tmp_path / "beside").symlink_to(small.folder)
    (tmp_path / "program.mts").write_text("""
import * as wasm from "./beside/lgn_built.mjs";
import { CLASSES, load, type Model } from "./beside/lgn_built_web.mjs";
import { load as packaged } from "lgn-built";
const model: Model = await load({ backend: "auto" });
const classes: Uint16Array = (await model.predict(new Uint8Array(CLASSES))).classes;
const same: boolean = (await packaged()).backend === model.backend && model.fallback === "";
const scores: Int32Array = (await wasm.load()).predict(new wasm.Input(classes.length)).scores;
// @ts-expect-error: samples are of the model's type
await model.predict(new Float32Array(1));
console.log(same, scores);
""")
    flags = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--preserveSymlinks"]
    done = subprocess.run(
        [needs("node"), compiler / "bin" / "tsc", *flags, "program.mts"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
