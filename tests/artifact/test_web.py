"""Artifacts for the web: executed by wasmtime in Python, by Node.js and by Chromium where they are installed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.browser import WEBGPU, Launch, served
from lgn_edge.artifact import Artifact, build, builder
from lgn_edge.artifact.javascript import predict_in_node
from lgn_edge.emulate import EmulationError
from lgn_edge.network import Network
from lgn_edge.targets.registry import find_target
from tests.artifact import test_artifact, test_heads
from tests.artifact.test_wasm import node
from tests.outside import BUILD, needs, needs_chromium, needs_made
from tests.strategies import random_network, random_samples
from tests.thinning import few

# with more values alive at once than WebGPU promises shared memory for
WAVES = random_network(16, 90, bits=5200, widths=(5201,), classes=7, input_dtype="uint8", tables=(6, 9))
NETWORKS = test_artifact.NETWORKS | test_heads.NETWORKS | {"waves": WAVES}
SIZES = (0, 1, 33, 513)
BLANK = "<!doctype html><title>a page of somebody else</title>"
# What a page, or a worker, does with a module: scores and classes of several inputs that come as bytes.
PREDICT = """
async function predict([url, backend, given]) {
  const { Input, load } = await import(url);
  const model = await load({ backend });
  const answers = [];
  for (const samples of given) {
    const { scores, classes } = await model.predict(new Input(Uint8Array.from(samples).buffer));
    answers.push({ scores: [...scores], classes: [...classes] });
  }
  return { answers, backend: model.backend, fallback: model.fallback, tested: await model.selftest() };
}
"""


@pytest.fixture(scope="module", params=few(NETWORKS, "uint8", "odd", "image", "bits"))
def network(request: pytest.FixtureRequest) -> Network:
    return request.param


@pytest.fixture(scope="module")
def built(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return build(network, "web", tmp_path_factory.mktemp("web") / "web", name="built")


@pytest.fixture(scope="module")
def launch() -> Iterator[Launch]:
    with needs_chromium() as launch:
        yield launch


@pytest.fixture(scope="module")
def page(launch: Launch) -> Any:
    """Of a browser whose WebGPU is software."""
    return launch(WEBGPU).new_page()


def asked(url: str, backend: str, samples: Sequence[np.ndarray]) -> list[Any]:
    """What `predict` of PREDICT takes."""
    return [url, backend, [list(x.tobytes()) for x in samples]]


def in_page(page: Any, folder: Path, samples: Sequence[np.ndarray], backend: str = "auto") -> dict[str, Any]:
    """What the module in a folder answers in a page that the same host serves."""
    (folder / "blank.html").write_text(BLANK)
    with served(folder) as address:
        page.goto(f"{address}/blank.html")
        answer: dict[str, Any] = page.evaluate(PREDICT, asked(f"{address}/lgn_built_web.mjs", backend, samples))
    return answer


def assert_equal(answer: dict[str, Any], network: Network, samples: Sequence[np.ndarray]) -> None:
    for given, found in zip(samples, answer["answers"], strict=True):
        want = network.evaluate(given)
        assert found["scores"] == want.scores.ravel().tolist()
        if want.decision is not None:
            assert found["classes"] == want.decision.tolist()


def inputs(network: Network) -> list[np.ndarray]:
    return [random_samples(network, n, seed=n) for n in SIZES]


def test_the_module_equals_the_reference(network: Network, built: Artifact) -> None:
    assert built.selftest()
    for x in inputs(network):
        assert built.predict(x) == network.evaluate(x)


def test_node_gives_the_references_bits(network: Network, built: Artifact) -> None:
    needs("node")
    for x in inputs(network):
        assert predict_in_node(built, x) == network.evaluate(x)


def test_chromium_gives_the_references_bits(network: Network, built: Artifact, page: Any) -> None:
    answer = in_page(page, built.folder, inputs(network))
    assert_equal(answer, network, inputs(network))
    told = answer["backend"], answer["fallback"], answer["tested"]
    assert told == ("wasm", "no GPU is found, only software in its place", True)


def test_chromium_gives_them_by_webgpu(network: Network, built: Artifact, page: Any) -> None:
    form = "waves" if network is WAVES else "block"
    assert f"on WebGPU {form}: " in built.report["why"]
    answer = in_page(page, built.folder, inputs(network), "webgpu")
    assert_equal(answer, network, inputs(network))
    assert (answer["backend"], answer["fallback"], answer["tested"]) == ("webgpu", "", True)


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


def changed(artifact: Artifact, folder: Path, change: Callable[[dict[str, Any], bytearray], None]) -> Path:
    """A copy of an artifact with other launches or another content of their tables."""
    shutil.copytree(artifact.folder, folder)
    text, content = folder / "lgn_built_webgpu.json", folder / "lgn_built_webgpu.bin"
    launches, tables = json.loads(text.read_text()), bytearray(content.read_bytes())
    change(launches, tables)
    text.write_text(json.dumps(launches))
    content.write_bytes(tables)
    return folder


def test_many_samples_go_to_the_gpu_in_pieces(small: Artifact, page: Any, tmp_path: Path) -> None:
    def fewer(launches: dict[str, Any], _: bytearray) -> None:
        launches["sequences"][-1]["most"] = 37  # of which no word is full

    x = random_samples(test_artifact.ODD, 100)
    answer = in_page(page, changed(small, tmp_path / "web", fewer), [x], "webgpu")
    assert_equal(answer, test_artifact.ODD, [x])


def test_a_gpu_that_is_wrong_is_not_taken(small: Artifact, page: Any, tmp_path: Path) -> None:
    def negated(launches: dict[str, Any], _: bytearray) -> None:
        for name, source in launches["kernels"].items():
            launches["kernels"][name] = re.sub(r"(v_\d+) > (v_\d+)", r"\2 > \1", source, count=1)

    def no_source(launches: dict[str, Any], _: bytearray) -> None:
        launches["kernels"] = dict.fromkeys(launches["kernels"], "fn main( {")

    x = random_samples(test_artifact.ODD, 5)
    for change, words in ((negated, "its results are not those of the processor"), (no_source, "lgn_block")):
        folder = changed(small, tmp_path / words[:3], change)
        with pytest.raises(Exception, match=f"WebGPU cannot be used: .*{words}"):
            in_page(page, folder, [x], "webgpu")


def test_a_browser_without_a_gpu_says_so(small: Artifact, launch: Launch) -> None:
    x = random_samples(test_artifact.ODD, 5)
    answer = in_page(launch().new_page(), small.folder, [x])
    assert_equal(answer, test_artifact.ODD, [x])
    assert (answer["backend"], answer["fallback"]) == ("wasm", "no GPU is found")


def test_a_network_that_webgpu_cannot_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = find_target("web")
    assert target.gpu_beside is not None
    tiny = replace(target, gpu_beside=replace(target.gpu_beside, buffer_bytes=64))
    monkeypatch.setattr(builder, "find_target", lambda name: tiny)
    artifact = build(test_artifact.ODD, "web", tmp_path / "web", name="built")
    assert "WebGPU has no form of it: the " in artifact.report["why"]
    assert not list(artifact.folder.glob("*.bin"))
    first, *_ = node(artifact.folder / "examples" / "main.mjs").splitlines()
    assert re.match(r"runs on wasm: the \w+ of \d+ samples take [\d,]+ bytes, and a buffer of webgpu has 64", first)


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
        answer = page.evaluate(ask, [f"{address}/worker.mjs", *asked("./lgn_built_web.mjs", "webgpu", [x])])
    assert_equal(answer, test_artifact.ODD, [x])
    assert answer["backend"] == "webgpu"


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
