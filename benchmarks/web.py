"""A network in a page: `python benchmarks/web.py` (Chromium and `make browser`; Node.js)."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from browser import WEBGPU, chromium, missing, served
from harness import Options, Row, random_network, random_samples, run

import lgn_edge
from lgn_edge.artifact import Artifact, build
from lgn_edge.network import Network
from lgn_edge.programs import find_program, missing_program

MODELS: Final = Path(__file__).parents[1] / "examples" / "models"
MANY: Final = 8192
BLANK: Final = "<!doctype html><title>blank</title>"
# Milliseconds from asking for the module to the first answer, and of one image and of many later on; the answer.
MEASURE: Final = """
async function measure([url, backend, image, times, many]) {
  const start = performance.now();
  const { Input, load } = await import(url);
  const model = await load({ backend });
  const one = Input.from(image);
  const { scores } = await model.predict(one);
  const first = performance.now() - start;
  const of = async (samples, calls) => {
    let best = Infinity;
    for (let time = 0; time < times; time++) {
      const from = performance.now();
      for (let call = 0; call < calls; call++) await model.predict(samples);
      best = Math.min(best, (performance.now() - from) / calls);
    }
    return best;
  };
  const all = new Input(many * image.length).map((_, i) => image[i % image.length]);
  return { first, one: await of(one, 20), many: await of(all, 1), scores: [...scores], backend: model.backend };
}
"""


def networks(quick: bool) -> Iterator[tuple[str, Network]]:
    yield "mnist-48000", lgn_edge.load(MODELS / "mnist-48000" / "model.onnx")
    if not quick:
        yield "6 x 8,000 gates, random", random_network((8000,) * 6)
        yield "mnist-conv-small", lgn_edge.load(MODELS / "mnist-conv-small" / "model.onnx")


Ask = Callable[[list[Any]], dict[str, Any]]


def rows(where: str, artifact: Artifact, network: Network, ask: Ask, backend: str, options: Options) -> Iterator[Row]:
    """Each answer comes from an engine that has loaded nothing yet."""
    image = random_samples(network, 1)
    times, many = (2, 1024) if options.quick else (7, MANY)
    given = [backend, image[0].tolist(), times, many]
    answers = [ask(given) for _ in range(3 if options.quick else 7)]
    for answer in answers:
        assert np.array_equal(answer["scores"], network.evaluate(image).scores[0]), f"{where}: another answer"
        assert answer["backend"] == backend
    first, one, all_of_them = (statistics.median(answer[key] for answer in answers) for key in ("first", "one", "many"))
    bars = ("<= 1000", "<= 200") if backend == "wasm" else ("", "")
    size = (artifact.folder / f"lgn_{artifact.name}.wasm").stat().st_size
    fastest = min(answer["first"] for answer in answers)
    note = f"import, fetch, compile, predict; median of {len(answers)}, the fastest {fastest:.0f}; {size:,} bytes"
    yield Row(f"{where}: first answer", first, "ms", *bars, note)
    yield Row(f"{where}: one image", one, "ms", note="later on")
    yield Row(f"{where}: {many:,} images a call", many / all_of_them * 1e3, "images/s")


def in_chromium(launch: Any, address: str, module: str, argument: Sequence[str]) -> Ask:
    def ask(given: list[Any]) -> dict[str, Any]:
        browser = launch(*argument)
        page = browser.new_page()
        page.goto(f"{address}/blank.html")
        answer: dict[str, Any] = page.evaluate(MEASURE, [f"{address}/{module}", *given])
        browser.close()
        return answer

    return ask


def in_node(node: str, module: Path) -> Ask:
    def ask(given: list[Any]) -> dict[str, Any]:
        text = f"{MEASURE}\nconsole.log(JSON.stringify(await measure({json.dumps([module.as_uri(), *given])})));"
        command = [node, "--input-type=module", "--eval", text]
        answer: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        return answer

    return ask


def measure(options: Options) -> Iterator[Row]:
    """The first answer after a module is asked for, one image, many; all answers are compared with the reference."""
    with tempfile.TemporaryDirectory() as work:
        for name, network in networks(options.quick):
            artifact = build(network, "web", Path(work) / name, name="network")
            module = "lgn_network_web.mjs"
            node = find_program("node")
            if node:
                yield from rows(
                    f"Node.js, {name}", artifact, network, in_node(node, artifact.folder / module), "wasm", options
                )
            else:
                yield Row(f"Node.js, {name}", None, "", note=missing_program("node") or "")
            if reason := missing():
                yield Row(f"Chromium, {name}: first answer", None, "ms", "<= 1000", "<= 200", reason)
                continue
            (artifact.folder / "blank.html").write_text(BLANK)
            with served(artifact.folder) as address, chromium() as launch:
                for backend, argument in (("wasm", ()), ("webgpu", (WEBGPU,))):
                    where = f"Chromium, {name}, {backend}" + (" by software" if argument else "")
                    ask = in_chromium(launch, address, module, argument)
                    yield from rows(where, artifact, network, ask, backend, options)


if __name__ == "__main__":
    run("web", measure)
