"""What trained networks cost on devices: flash, RAM, instructions; and of emlearn's models, in one emulator."""

from __future__ import annotations

import json
import shutil
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

from lgn_edge import emulate
from lgn_edge.artifact import Artifact, build
from lgn_edge.artifact.measure import link
from lgn_edge.deploy_files import deploy_folder
from lgn_edge.errors import LgnError
from lgn_edge.network import Network
from lgn_edge.targets.registry import find_target
from lgn_edge.training import load_checkpoint, load_dataset, load_recipe, train

ROOT = Path(__file__).parents[1]
CACHE = ROOT / "build" / "devices"
CORE = "cortex-m4"
OTHERS = ("cortex-m0", "riscv32", "wasm", "atmega328p")
GCC = "arm-none-eabi-gcc"
BOARD = ("cortex-m/startup.c", "bare/semihosting.c", "bare/string.c")


@dataclass(frozen=True)
class Trained:
    """A network, the samples it was tested on, and how often it was right."""

    network: Network
    test_x: np.ndarray
    accuracy: float
    note: str


def digits() -> Trained:
    """The trained fixture of the tests: 2,000 gates."""
    from lgn_edge.nn import discretise

    network = discretise(load_checkpoint(ROOT / "tests" / "data" / "digits"))
    data = load_dataset("digits")
    right = network.evaluate(data.test_x).classes == data.test_y
    return Trained(network, data.test_x, float(right.mean()), f"{right.mean():.1%} of {len(right)} test samples")


def mnist(quick: bool) -> Trained:
    """16,000 gates, trained once and kept."""
    from lgn_edge.nn import discretise

    epochs = 1 if quick else 5
    data = load_dataset("mnist")
    folder = CACHE / f"mnist-{epochs}"
    recipe = load_recipe("mnist", ("threads=1", "widths=[8000, 8000]", "tau=11", f"epochs={epochs}"))
    train(recipe, data=data, output=folder, resume=True)
    network = discretise(load_checkpoint(folder))
    right = network.evaluate(data.test_x).classes == data.test_y
    note = f"{right.mean():.1%} of {len(right):,} test samples after {epochs} epochs"
    return Trained(network, data.test_x, float(right.mean()), note)


def measure(options: Options) -> list[Row]:
    """One sample a call; a live gate is one that runs after simplification. Packing, sums and argmax are included."""
    small = digits()
    rows = list(device_rows(small, "digits", options))
    try:
        rows += table_rows(mnist(options.quick), options)
    except LgnError as error:
        rows += [Row(f"{CORE} table, MNIST: {what}", None, "", note=str(error)) for what in ("flash", "instructions")]
    return rows + list(peer_rows(small))


def checked(trained: Trained, target: str, optimize: str, folder: Path, samples: int) -> tuple[Artifact, float]:
    """An artifact whose outputs were compared, and the seconds of its build."""
    start = time.perf_counter()
    artifact = build(trained.network, target, folder / f"{target}-{optimize}", optimize=optimize)
    seconds = time.perf_counter() - start
    x = trained.test_x[:samples]
    assert artifact.predict(x) == trained.network.evaluate(x), f"{target} differs from the reference"
    return artifact, seconds


def device_rows(trained: Trained, name: str, options: Options) -> Iterator[Row]:
    """Both forms on one core, and the smallest on the others."""
    samples = 20 if options.quick else len(trained.test_x)
    with tempfile.TemporaryDirectory() as work:
        straight, _ = checked(trained, CORE, "speed", Path(work), samples)
        report, m = straight.report, straight.report["measured"]
        gates, outputs = report["gates_scheduled"], trained.network.head.n_inputs
        note = f"{gates:,} live gates of {report['gates']:,}, {outputs:,} outputs; {trained.note}"
        run_only = run_instructions(straight)
        yield Row(f"{CORE} straight, {name}: instructions a live gate, gates and sums", run_only / gates, "", "<= 3.0",
                  "<= 2.4", note)  # fmt: skip
        yield Row(f"{CORE} straight, {name}: instructions a live gate, all in", m["instructions"] / gates, "")
        yield Row(f"{CORE} straight, {name}: flash a live gate, all in", m["flash_bytes"] / gates, "bytes", "<= 8.5",
                  "<= 6.5", "an addition for every output is in it")  # fmt: skip
        yield Row(f"{CORE} straight, {name}: RAM", straight_ram(m), "bytes", note="workspace and stack")
        table, _ = checked(trained, CORE, "size", Path(work), samples)
        m = table.report["measured"]
        yield Row(f"{CORE} table, {name}: RAM", straight_ram(m), "bytes", "<= 1024", "<= 400", "workspace and stack")
        yield Row(f"{CORE} table, {name}: flash", m["flash_bytes"], "bytes")
        yield Row(f"{CORE} table, {name}: instructions", m["instructions"], "")
        for target in OTHERS:
            reason = emulate.available(find_target(target).execution)
            if reason:
                yield Row(f"{target} table, {name}: flash", None, "bytes", note=reason)
                continue
            artifact, _ = checked(trained, target, "size", Path(work), min(samples, 20))
            m = artifact.report["measured"]
            counted = f"{m['instructions']:,} instructions" if m["instructions"] else "instructions are not counted"
            yield Row(f"{target} table, {name}: flash", m["flash_bytes"], "bytes", note=counted)


def straight_ram(measured: dict[str, Any]) -> int:
    return int(measured["ram_bytes"] + measured["stack_bytes"])


def run_instructions(artifact: Artifact) -> int:
    """Instructions of the gates and sums alone: what `predict` calls after packing."""
    firmware = link(artifact.folder, artifact.manifest, keep=("run",))
    machine = firmware.start()
    slots, scores = machine.allocate(artifact.manifest.workspace_bytes), machine.allocate(4 * firmware.classes)
    machine.write(slots, bytes(artifact.manifest.workspace_bytes))
    return machine.call(f"{firmware.prefix}_run", slots, scores, machine.allocate(2), count=True).instructions or 0


def table_rows(trained: Trained, options: Options) -> Iterator[Row]:
    """The large network."""
    with tempfile.TemporaryDirectory() as work:
        artifact, seconds = checked(trained, CORE, "size", Path(work), 10 if options.quick else 300)
        report, m = artifact.report, artifact.report["measured"]
        gates, live = report["gates"], report["gates_scheduled"]
        note = f"{live:,} live gates of {gates:,}, {trained.network.head.n_inputs:,} outputs; {trained.note}"
        name = f"{CORE} table, MNIST"
        yield Row(f"{name}: flash a live gate, all in", m["flash_bytes"] / live, "bytes", "<= 4.2", "<= 3.2", note)
        yield Row(f"{name}: flash a gate of the network", m["flash_bytes"] / gates, "bytes")
        work_done = m["instructions"]
        yield Row(f"{name}: instructions a gate of the network, all in", work_done / gates, "", "<= 9", "<= 6.5")
        yield Row(f"{name}: instructions a live gate, all in", m["instructions"] / live, "",
                  note="an output costs about as much as a gate")  # fmt: skip
        yield Row(f"{name}: RAM", straight_ram(m), "bytes", note="workspace and stack")
        yield Row(f"{name}: build", seconds, "s", "<= 20", "<= 3", "compiled, linked, executed")


def peer_rows(trained: Trained) -> Iterator[Row]:
    """Random forest and multilayer perceptron of at least our accuracy, as emlearn's own C for the same core."""
    names = [f"emlearn {kind}, digits: {what}" for kind in ("forest", "mlp") for what in ("flash", "instructions")]
    absent = None if PYTHON.exists() else "no environment for peers; run: make peers"
    absent = absent or (None if shutil.which(GCC) else f"{GCC} is not installed; emlearn's C needs a C library")
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
