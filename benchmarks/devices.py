"""Trained networks on devices: flash, RAM, instructions, time; all targets built and executed; emlearn's models."""

from __future__ import annotations

import ctypes
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from harness import Options, Row, run
from peers.client import PYTHON

import lgn_edge
from lgn_edge import emulate, toolchain
from lgn_edge.artifact import Artifact, build
from lgn_edge.artifact.measure import link
from lgn_edge.deploy_files import deploy_folder
from lgn_edge.errors import LgnError
from lgn_edge.network import Network, Prediction
from lgn_edge.programs import missing_program
from lgn_edge.targets.native import native
from lgn_edge.targets.registry import TARGETS, find_target
from lgn_edge.training import load_checkpoint, load_dataset, load_recipe, train
from lgn_edge.training.resume import holds_run

ROOT = Path(__file__).parents[1]
CACHE = ROOT / "build" / "devices"
MODELS = ROOT / "examples" / "models"
CORE = "cortex-m4"
OTHERS = ("cortex-m0", "riscv32", "wasm", "atmega328p")
QUICK_BUILDS = ("native", "cortex-m4", "wasm")
GCC = "arm-none-eabi-gcc"
BOARD = ("cortex-m/startup.c", "bare/semihosting.c", "bare/string.c")


@dataclass(frozen=True)
class Trained:
    """A network, the samples it was tested on, and how often it was right."""

    network: Network
    test_x: np.ndarray
    accuracy: float
    note: str


def trained(network: Network, dataset: str, how: str) -> Trained:
    data = load_dataset(dataset)
    right = network.evaluate(data.test_x).classes == data.test_y
    note = f"{how}: {right.mean():.1%} of {len(right):,} test samples"
    return Trained(network, data.test_x, float(right.mean()), note)


def digits() -> Trained:
    """The trained fixture of the tests: 2,000 gates."""
    from lgn_edge.nn import discretise

    return trained(discretise(load_checkpoint(ROOT / "tests" / "data" / "digits")), "digits", "the tests' fixture")


def mnist(quick: bool) -> Trained:
    """16,000 gates, trained once and kept; the shipped network of 8,000 gates for a quick run."""
    from lgn_edge.nn import discretise

    if quick:
        return trained(lgn_edge.load(MODELS / "mnist-8000" / "model.onnx"), "mnist", "examples/models/mnist-8000")
    folder = CACHE / "mnist-5"
    recipe = load_recipe("mnist", ("training.threads=1", "layers.0.width=8000", "head.tau=11", "training.epochs=5"))
    train(recipe, data=load_dataset("mnist"), output=folder, resume=holds_run(folder))
    return trained(discretise(load_checkpoint(folder)), "mnist", "5 epochs")


def measure(options: Options) -> list[Row]:
    """One sample a call; a live gate is one that runs after simplification. Packing, sums and argmax are included."""
    small = digits()
    rows = list(device_rows(small, "digits", options))
    try:
        large = mnist(options.quick)
        rows += [*table_rows(large, options), *build_rows(large, options)]
    except LgnError as error:
        rows += [Row(f"{CORE} table, MNIST: {what}", None, "", note=str(error)) for what in ("flash", "instructions")]
    return [*rows, executed_row(small, options), *peer_rows(small)]


def checked(trained: Trained, target: str, optimize: str, folder: Path, samples: int, batch: int = 1) -> Artifact:
    """An artifact whose outputs were compared."""
    artifact = build(trained.network, target, folder / f"{target}-{optimize}", optimize=optimize, batch=batch)
    x = trained.test_x[:samples]
    assert artifact.predict(x) == trained.network.evaluate(x), f"{target} differs from the reference"
    return artifact


def device_rows(trained: Trained, name: str, options: Options) -> Iterator[Row]:
    """Both forms on one core, and the smallest on the others."""
    samples = 20 if options.quick else len(trained.test_x)
    with tempfile.TemporaryDirectory() as work:
        straight = checked(trained, CORE, "speed", Path(work), samples)
        report, m = straight.report, straight.report["measured"]
        gates, live, outputs = report["gates"], report["gates_simplified"], trained.network.head.n_inputs
        note = f"{live:,} live gates of {gates:,}, {outputs:,} outputs; {trained.note}"
        name_of = f"{CORE} straight, {name}"
        work_done = m["instructions"] - packing(straight, np.zeros_like(trained.test_x[0]))
        yield Row(
            f"{name_of}: instructions a live gate, gates and sums", work_done / live, "", "<= 3.0", "<= 2.4", note
        )
        all_in = each(m["instructions"], gates, live)
        yield Row(f"{name_of}: instructions a live gate, all in", m["instructions"] / live, "", note=all_in)
        all_in = f"an addition for every output is in it; {each(m['flash_bytes'], gates, live)}"
        yield Row(f"{name_of}: flash a live gate, all in", m["flash_bytes"] / live, "bytes", "<= 8.5", "<= 6.5", all_in)
        yield Row(f"{CORE} straight, {name}: RAM", ram(m), "bytes", "<= 1024", "<= 400", "workspace and stack")
        yield time_row(f"{CORE} straight, {name}: time", report)
        table = checked(trained, CORE, "size", Path(work), samples)
        m = table.report["measured"]
        yield Row(f"{CORE} table, {name}: RAM", ram(m), "bytes", "<= 1024", "<= 400", "workspace and stack")
        yield Row(f"{CORE} table, {name}: flash", m["flash_bytes"], "bytes", note=each(m["flash_bytes"], gates, live))
        yield Row(f"{CORE} table, {name}: instructions", m["instructions"], "",
                  note=each(m["instructions"], gates, live))  # fmt: skip
        yield time_row(f"{CORE} table, {name}: time", table.report)
        for form, optimize in (("straight", "speed"), ("table", "size")):
            m = checked(trained, CORE, optimize, Path(work), max(samples, 65), batch=32).report["measured"]
            yield Row(f"{CORE} {form}, {name}, 32 samples a call: instructions a live gate and sample",
                      m["instructions_for_a_word"] / 32 / live, "",
                      note=f"{m['instructions_for_a_word'] / 32:,.0f} a sample, with packing; {m['flash_bytes']:,}"
                      f" bytes of flash, {ram(m):,} of RAM")  # fmt: skip
        for target in OTHERS:
            reason = emulate.available(find_target(target).execution)
            if reason:
                yield Row(f"{target} table, {name}: flash", None, "bytes", note=reason)
                continue
            artifact = checked(trained, target, "size", Path(work), min(samples, 20))
            m = artifact.report["measured"]
            counted = f"{m['instructions']:,} instructions" if m["instructions"] else "instructions are not counted"
            yield Row(f"{target} table, {name}: flash", m["flash_bytes"], "bytes", note=counted)
            if artifact.report["microseconds"]:
                yield time_row(f"{target} table, {name}: time", artifact.report)


def each(value: int, gates: int, live: int) -> str:
    return f"{value / gates:.3g} a gate of the network, {value / live:.3g} a live gate"


def ram(measured: dict[str, Any]) -> int:
    return int(measured["ram_bytes"] + measured["stack_bytes"])


def time_row(name: str, report: dict[str, Any]) -> Row:
    cycles, (_, most) = report["measured"]["cycles"], report["microseconds"]
    between = (
        f"{cycles['least']:,} to {cycles['most']:,}" if cycles["least"] < cycles["most"] else f"{cycles['most']:,}"
    )
    clock = f"{report['clock_hz'] / 1e6:g} MHz"
    return Row(name, most, "us", note=f"at {clock}, at most; {between} cycles, {cycles['source']}")


def packing(artifact: Artifact, sample: np.ndarray) -> int:
    """Instructions of packing a sample."""
    firmware = link(artifact.folder, artifact.manifest, keep=("pack",))
    machine = firmware.start()
    source, slots = machine.allocate(sample.nbytes), machine.allocate(1 << 16)
    machine.write(source, sample.tobytes())
    return machine.call(f"{firmware.prefix}_pack", source, slots, count=True).instructions or 0


def table_rows(trained: Trained, options: Options) -> Iterator[Row]:
    """The large network: the bars are for a gate of the network, live or not; a live gate stands beside it."""
    with tempfile.TemporaryDirectory() as work:
        artifact = checked(trained, CORE, "size", Path(work), 10 if options.quick else 300)
    report, m = artifact.report, artifact.report["measured"]
    gates, live = report["gates"], report["gates_simplified"]
    name = f"{CORE} table, MNIST"
    note = f"{live:,} live gates of {gates:,}, {trained.network.head.n_inputs:,} outputs; {trained.note}"
    yield Row(
        f"{name}: flash a gate of the network, all in", m["flash_bytes"] / gates, "bytes", "<= 4.2", "<= 3.2", note
    )
    yield Row(f"{name}: flash a live gate, all in", m["flash_bytes"] / live, "bytes")
    yield Row(f"{name}: instructions a gate of the network, all in", m["instructions"] / gates, "", "<= 9", "<= 6.5")
    yield Row(f"{name}: instructions a live gate, all in", m["instructions"] / live, "",
              note="an output costs about as much as a gate")  # fmt: skip
    yield Row(f"{name}: RAM", ram(m), "bytes", note="workspace and stack")
    yield time_row(f"{name}: time", report)


def build_rows(trained: Trained, options: Options) -> Iterator[Row]:
    """Builds of the large network for every target, in the default form and as a table; the slowest by name.

    On a busy machine one build may take a minute, so what seems the slowest is built three times and counts by its
    median.
    """
    names = QUICK_BUILDS if options.quick else tuple(TARGETS)
    for optimize, form in (("balanced", "default form"), ("size", "table")):
        seconds, refused = dict[str, list[float]](), list[str]()
        for name in names:
            try:
                seconds[name] = [build_seconds(trained.network, name, optimize)]
            except LgnError as error:
                refused.append(str(error).partition(";")[0])
        while len(seconds[slowest := max(seconds, key=lambda name: np.median(seconds[name]))]) < 3:
            seconds[slowest].append(build_seconds(trained.network, slowest, optimize))
            seconds[slowest].append(build_seconds(trained.network, slowest, optimize))
        all_of_them = [float(np.median(each)) for each in seconds.values()]
        note = f"{slowest}, the slowest of {len(seconds)}, median of 3; median of all {np.median(all_of_them):.2g} s"
        note += "".join(f"; {why}" for why in refused)
        yield Row(f"build, {form}, {trained.network.n_gates:,} gates", max(all_of_them), "s", "<= 20", "<= 3", note)
    took = build_seconds(trained.network, CORE, "speed")
    note = f"{CORE} alone, a single build"
    yield Row(f"build, for speed, {trained.network.n_gates:,} gates", took, "s", "<= 20", "<= 3", note)


def build_seconds(network: Network, target: str, optimize: str) -> float:
    with tempfile.TemporaryDirectory() as work:
        start = time.perf_counter()
        build(network, target, Path(work) / target, optimize=optimize)
        return time.perf_counter() - start


def executed_row(small: Trained, options: Options) -> Row:
    """Every target built and executed, by whatever can here; outputs compared."""
    network, x = small.network, small.test_x[:20]
    if options.quick:
        network = lgn_edge.load(MODELS / "monk-1" / "model.onnx")
        x = np.zeros((2, network.encoder.n_features), network.encoder.input_dtype)
        x[1] = 3
    done, missing = list[str](), list[str]()
    for name in TARGETS:
        with tempfile.TemporaryDirectory() as work:
            try:
                artifact = build(network, name, Path(work) / name)
                got = run_sources(artifact, Path(work), x) if name == "c" else artifact.predict(x)
            except LgnError as error:
                missing.append(f"{name}: {error}")
                continue
        assert got == network.evaluate(x), f"{name} differs from the reference"
        done.append(name)
    note = "; ".join(missing) or "all, outputs equal to the reference"
    return Row(f"targets executed here, of {len(TARGETS)}", len(done), "", f">= {len(TARGETS)}", "", note)


def run_sources(artifact: Artifact, folder: Path, x: np.ndarray) -> Prediction:
    """The sources, compiled for this CPU."""
    objects = []
    for source in sorted((artifact.folder / "src").glob("*.c")):
        objects.append(folder / f"{source.stem}.o")
        toolchain.compile_c(source, objects[-1], native().machine, include=[artifact.folder / "include"])
    toolchain.link_shared(objects, folder / "library.so")
    scores = np.zeros((len(x), artifact.manifest.classes), np.int32)
    classes = np.zeros(len(x), np.uint16)
    x, scores_at, classes_at = (
        np.ascontiguousarray(x),
        scores.ctypes.data_as(ctypes.c_void_p),
        classes.ctypes.data_as(ctypes.c_void_p),
    )
    function = ctypes.CDLL(str(folder / "library.so"))[f"lgn_{artifact.name}_predict"]
    assert function(x.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(len(x)), scores_at, classes_at) == 0
    return Prediction(scores, classes)


def peer_rows(trained: Trained) -> Iterator[Row]:
    """Random forest and multilayer perceptron of at least our accuracy, as emlearn's own C for the same core."""
    names = [f"emlearn {kind}, digits: {what}" for kind in ("forest", "mlp") for what in ("flash", "instructions")]
    absent = None if PYTHON.exists() else "no environment for peers; run: make peers"
    absent = absent or missing_program(GCC)  # emlearn's C needs a C library
    if absent:
        yield from (Row(name, None, "", note=absent) for name in names)
        return
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        data = load_dataset("digits")
        arrays = {name: getattr(data, name) for name in ("train_x", "train_y", "test_x", "test_y")}
        np.savez(folder / "data.npz", **arrays)
        worker = Path(__file__).parent / "peers" / "emlearn_worker.py"
        command = [PYTHON, worker, folder / "data.npz", str(trained.accuracy), folder]
        # emlearn leaves a folder of its own where it runs
        result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
        if result.returncode:
            yield from (Row(name, None, "", note=result.stderr.strip().splitlines()[-1]) for name in names)
            return
        found = json.loads(result.stdout)
        for kind, feature, unit in (("forest", "int16_t", "trees"), ("mlp", "float", "hidden neurons")):
            flash, ram, instructions = emlearn_cost(folder, kind, feature, Path(found["include"]), trained.test_x)
            note = f"{found[kind]['accuracy']:.1%}, {found[kind]['size']} {unit}; emlearn {found['version']}, gcc -Os"
            yield Row(f"emlearn {kind}, digits: flash", flash, "bytes", note=note)
            yield Row(f"emlearn {kind}, digits: RAM", ram, "bytes", note="static and stack")
            yield Row(f"emlearn {kind}, digits: instructions", instructions, "", note="mean of 20 samples; no FPU used")


def emlearn_cost(folder: Path, kind: str, feature: str, include: Path, test_x: np.ndarray) -> tuple[int, int, float]:
    """Flash, RAM and instructions of a model, built for the core and executed."""
    source = folder / f"{kind}.c"
    source.write_text(
        f'#include "{kind}.h"\n__attribute__((noinline)) int predict(const {feature} *x);\n'
        f"int predict(const {feature} *x) {{ return (int){kind}_predict(x, {test_x.shape[1]}); }}\n"
        f"int main(void) {{ static {feature} x[{test_x.shape[1]}]; return predict(x); }}\n"
    )
    image, board, script = folder / f"{kind}.elf", deploy_folder(), folder / "linker.ld"
    script.write_text("LGN_FLASH_LENGTH = 0x1000000;\n" + (board / "cortex-m" / "linker.ld").read_text())
    flags = ["-mcpu=cortex-m4", "-mthumb", "-Os", "-ffunction-sections", "-fdata-sections", "-w", f"-I{include}"]
    subprocess.run(
        [GCC, *flags, f"-I{board / 'bare'}", source, *(board / file for file in BOARD), "-nostartfiles", "-T", script,
         "-Wl,--gc-sections", "-lm", "-o", image],
        check=True,
    )  # fmt: skip
    read = emulate.read_image(image)
    use = emulate.memory_use(read)
    core = emulate.CortexM(read, CORE)
    dtype = {"int16_t": np.int16, "float": np.float32}[feature]
    calls = []
    for sample in test_x[:20].astype(dtype):
        address = core.allocate(sample.nbytes)
        core.write(address, sample.tobytes())
        calls.append(core.call("predict", address, count=True))
    instructions = float(np.mean([call.instructions for call in calls]))
    return use.flash, use.ram + max(call.stack_bytes for call in calls), instructions


if __name__ == "__main__":
    run("devices", measure)
