"""The page of examples/web: its files, and drawing on it in Chromium, where that is installed."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import lgn_edge
from benchmarks.browser import WEBGPU, Launch, served
from lgn_edge.errors import InputError
from tests.outside import needs, needs_chromium
from tests.thinning import exhaustive

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "web"
MODEL = "mnist-4000"
NETWORK = lgn_edge.load(ROOT / "examples" / "models" / MODEL / "model.onnx")
SAMPLES = np.fromfile(EXAMPLE / "page" / "samples" / "mnist.bin", np.uint8).reshape(10, 784)
SEVEN = ((0.25, 0.2), (0.75, 0.2), (0.45, 0.85))
ONE = ((0.5, 0.1), (0.5, 0.9))


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("web_build", EXAMPLE / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "page"
    script().write_page(folder, [MODEL])
    return folder


@pytest.fixture(scope="module")
def launch() -> Iterator[Launch]:
    with needs_chromium() as launch:
        yield launch


@pytest.fixture(scope="module")
def browser(launch: Launch) -> Any:
    return launch()


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with served(folder) as address:
        yield address


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: problems.append(request.url) if not request.url.startswith(address) else None)
    opened(page, address)
    yield page
    context.close()
    assert problems == []


def opened(page: Any, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("#samples button", timeout=120_000)  # milliseconds; a GPU of software is slow to begin


def places(page: Any, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points of the paper, 0 to 1, as points of the window."""
    box = page.locator("#paper").bounding_box()
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]


def draw(page: Any, points: Sequence[tuple[float, float]]) -> None:
    first, *others = places(page, points)
    page.mouse.move(*first)
    page.mouse.down()
    for place in others:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def seen(page: Any) -> np.ndarray:
    """The pixels that the page shows as those of the network, uint8[1, 784]."""
    grey = "() => [...document.getElementById('seen').getContext('2d').getImageData(0, 0, 28, 28).data]"
    return np.array(page.evaluate(grey), np.uint8)[None, ::4]


def assert_answered(page: Any, answer: str | None = None) -> np.ndarray:
    """The page shows class and scores as the reference computes them from the pixels; returns these."""
    page.wait_for_selector("#time:text('ms')")
    page.wait_for_selector("#said:not(:empty)", state="attached")  # half a second after it
    pixels = seen(page)
    want = NETWORK.evaluate(pixels)
    name = NETWORK.class_names[want.classes[0]]
    assert page.inner_text("#class") == name == (answer or name)
    assert [int(score) for score in page.locator(".number").all_inner_texts()] == want.scores[0].tolist()
    assert page.locator("li.best .name").all_inner_texts() == [name]
    assert page.inner_text("#said") == f"{name}, score {want.scores[0].max()}"
    return pixels


def test_a_drawing_is_read_as_the_reference_reads_it(page: Any) -> None:
    draw(page, SEVEN)
    assert_answered(page, "7")
    assert float(page.inner_text("#time").removesuffix(" ms")) > 0
    page.click("#clear")
    page.wait_for_selector("#class:text-is('?')")
    assert not seen(page).any()
    draw(page, ONE)
    assert_answered(page, "1")


def test_a_stroke_is_taken_back(page: Any) -> None:
    draw(page, SEVEN)
    pixels = assert_answered(page)
    draw(page, ((0.3, 0.55), (0.65, 0.55)))
    assert (assert_answered(page) != pixels).any()
    page.click("#undo")
    np.testing.assert_array_equal(assert_answered(page, "7"), pixels)


def test_a_finger_draws_and_does_not_scroll(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 500})
    first, *others = places(page, ((0.25, 0.2), (0.5, 0.2), (0.75, 0.2), (0.6, 0.5), (0.45, 0.85)))
    screen = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        screen.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    touch("touchStart", first)
    for place in others:
        touch("touchMove", place)
    touch("touchEnd")
    assert_answered(page, "7")
    assert page.evaluate("scrollY") == 0


def test_a_pen_draws(page: Any) -> None:
    pen = page.context.new_cdp_session(page)
    first, *others = places(page, ONE)

    def event(kind: str, place: tuple[float, float], buttons: int) -> None:
        where = {"x": place[0], "y": place[1], "button": "left", "buttons": buttons, "clickCount": 1}
        pen.send("Input.dispatchMouseEvent", {"type": kind, "pointerType": "pen", **where})

    event("mousePressed", first, 1)
    for place in others:
        event("mouseMoved", place, 1)
    event("mouseReleased", others[-1], 0)
    assert_answered(page, "1")


def test_keys_draw(page: Any) -> None:
    page.keyboard.press("Tab")  # the choice of the model
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "paper"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Space")
    for _ in range(12):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    pixels = assert_answered(page, "1")
    page.keyboard.press("ArrowRight")  # the pen is lifted
    np.testing.assert_array_equal(assert_answered(page), pixels)
    page.keyboard.press("Escape")
    page.wait_for_selector("#class:text-is('?')")


def test_test_images_are_read(page: Any) -> None:
    for label, sample in enumerate(SAMPLES):
        button = page.locator("#samples button").nth(label)
        assert button.get_attribute("aria-label") == f"Test image: {label}"
        button.click()
        np.testing.assert_array_equal(assert_answered(page)[0], sample)
        assert page.locator("[aria-pressed=true]").count() == 1


def test_the_page_says_what_the_network_is_and_what_it_runs_on(page: Any, folder: Path) -> None:
    assert page.inner_text("#gates") == "4,000"
    size = (folder / "models" / MODEL / "lgn_mnist_4000.wasm").stat().st_size
    assert page.inner_text("#bytes").startswith(f"{size / 1000:.0f} kB, ")
    assert page.inner_text("#backend") == "Runs on the processor, as WebAssembly, not on WebGPU: no GPU is found."
    assert page.locator("#other").is_hidden()


@exhaustive
def test_a_gpu_reads_a_drawing_too(launch: Launch, address: str) -> None:
    """Chromium's software in the place of a GPU, which the page takes for one."""
    context = launch(WEBGPU).new_context()
    context.add_init_script(
        "Object.defineProperty(GPUAdapterInfo.prototype, 'isFallbackAdapter', { get: () => false })"
    )
    page = context.new_page()
    opened(page, address)
    assert page.inner_text("#backend") == "Runs on the GPU, by WebGPU."
    draw(page, SEVEN)
    assert_answered(page, "7")
    page.click("#other")
    page.wait_for_selector("#backend:has-text('WebAssembly')")
    assert page.inner_text("#backend") == "Runs on the processor, as WebAssembly."
    assert_answered(page, "7")
    assert page.inner_text("#other") == "Run it on the GPU"
    page.evaluate("() => navigator.serviceWorker.ready.then(() => {})")
    opened(page, address)  # now the service worker keeps what the GPU takes
    context.set_offline(True)
    opened(page, address)
    assert page.inner_text("#backend") == "Runs on the GPU, by WebGPU."


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_wider_than_the_screen(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for each in page.locator("button:visible, select").all():
        box = each.bounding_box()
        assert min(box["width"], box["height"]) >= 24  # what a finger hits


def test_it_works_without_a_network(browser: Any, address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    opened(page, address)
    page.evaluate("() => navigator.serviceWorker.ready.then(() => {})")
    context.set_offline(True)
    opened(page, address)
    draw(page, SEVEN)
    assert_answered(page, "7")
    context.close()


def test_a_damaged_page_says_so(browser: Any, address: str) -> None:
    context = browser.new_context(service_workers="block")
    page = context.new_page()
    page.route("**/*.wasm", lambda route: route.fulfill(status=404))
    page.goto(address)
    page.wait_for_selector("#status:has-text('HTTP 404')")
    assert page.inner_text("#status").startswith("This does not work: ")
    context.close()


def test_everything_that_the_page_names_is_there(folder: Path) -> None:
    texts = {path: path.read_text() for path in folder.rglob("*") if path.suffix in {".html", ".mjs", ".js", ".css"}}
    for path, text in texts.items():
        addresses = re.findall(r"\bhttps?://[^\s\"'<>.]+", text)
        assert set(addresses) <= {"http://localhost:8000"}, path
    named = re.findall(r'(?:href|src)="([^"]+)"', texts[folder / "index.html"])
    named += [Path(name).name for text in texts.values() for name in re.findall(r'from "\./([^"]+)"', text)]
    assert len(named) > 5
    assert all(list(folder.rglob(name)) for name in named)
    (entry,) = json.loads((folder / "models.json").read_text())
    assert (entry["id"], entry["data"], entry["accuracy"]) == (MODEL, "MNIST", "98.01")
    assert (folder / "models" / MODEL / entry["module"]).is_file()


def test_the_service_worker_keeps_every_file_but_those_of_gpus(folder: Path) -> None:
    kept = json.loads(re.findall(r"FILES = (\[.*?\]);", (folder / "offline.js").read_text(), re.DOTALL)[0])
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    of_gpus = {f"models/{MODEL}/lgn_mnist_4000_webgpu.{kind}" for kind in ("json", "bin")}
    assert of_gpus < files
    assert set(kept) == {"./", *files} - of_gpus - {"offline.js", ".lgn-edge.json"}


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no model mnist-9 of digits or clothes; examples"):
        script().write_page(tmp_path / "page", ["mnist-9"])
    assert list(tmp_path.iterdir()) == []


def test_strokes_become_images_as_mnist_has_them(tmp_path: Path) -> None:
    """Of any size and place; 20 pixels long, the centre of mass in the middle, a dot too."""
    program = tmp_path / "program.mjs"
    program.write_text(f"""
import {{ image }} from {json.dumps((EXAMPLE / "page" / "mnist.mjs").as_uri())};
const strokes = JSON.parse(process.argv[2]);
console.log(JSON.stringify(strokes.map((each) => [...image(each)])));
""")

    def moved(scale: float, right: float) -> list[list[dict[str, float]]]:
        return [[{"x": scale * x + right, "y": scale * y} for x, y in SEVEN]]

    dot = [[{"x": 5, "y": 5}]]
    given = [moved(1, 0), moved(0.25, 0.5), moved(200, -30), dot]
    command = [needs("node"), program, json.dumps(given)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    seven, small, large, dotted = np.array(json.loads(printed)).reshape(4, 28, 28)
    assert abs(seven - small).max() <= 1  # of rounding
    assert abs(seven - large).max() <= 1
    for drawn in (seven, dotted):
        assert drawn.max() == 255
        weights = drawn / drawn.sum()
        for axis in range(2):
            middle = (weights.sum(1 - axis) * np.arange(28)).sum()
            assert abs(middle - 13.5) <= 0.5
    rows, columns = (np.flatnonzero(seven.any(axis)) for axis in (1, 0))
    assert np.ptp(rows) + 1 == 20
    assert np.ptp(columns) + 1 < 20
    assert np.flatnonzero(dotted.any(1)).size <= 4
