"""Every form of the ONNX file in ONNX Runtime: function bodies, standard ops, and the library where it is built."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
from harness import TRUE_GATES, Options, Row, interleaved, random_network, random_samples, run

import lgn_edge
from lgn_edge.errors import LgnError
from lgn_edge.network import LogicConv2d, Network, OrPool2d, Threshold
from lgn_edge.onnx_model import Form, write
from lgn_edge.onnx_model.form import feed, resolved

NETWORKS = {"4 x 8,000": (8000,) * 4, "6 x 8,000": (8000,) * 6}
BATCHES = (64, 1024, 16_384)
THREADS = tuple(dict.fromkeys((1, os.cpu_count() or 1)))
OUTPUTS = ("scores", "class")
COPIED = 8000  # gates
IMAGES = "CIFAR-10 S"  # layers of Petersen et al. 2024, random kernels
IMAGE_BATCH = 512
ABSENT = "not run: library absent"

BODIES, STANDARD, PACKED = "function bodies", "standard", "standard, packed input"
CUSTOM, FUSED, NATIVE = "custom nodes with library", "fused with library", "native artifact"
FUSING = "custom file in lgn_edge.onnx_session"  # which runs the chain of nodes as one

LARGE = {"61,000,020 gates": 10_166_670}
LARGE_QUICK = {"1,000,020 gates": 166_670}
LARGE_LAYERS = 6
LARGE_SAMPLES = 512
LARGE_GIB = 24

Speeds = dict[tuple[str, int, int], float]  # samples a second by form, batch and threads


def measure(options: Options) -> list[Row]:
    """784 uint8 features to 10 classes, random wiring, all 16 operations; medians of interleaved rounds."""
    rows = []
    for name, widths in NETWORKS.items():
        speeds = _speeds(random_network(widths), 3 if options.quick else 9, 0.02 if options.quick else 0.1)
        for (form, batch, threads), speed in speeds.items():
            rows.append(Row(f"{name}, {batch:,} samples, {_threads(threads)}: {form}", speed, "samples/s"))
        rows += [*_bars(name, speeds), *_threads_over_one(name, speeds)]
    rows += _image_rows(3 if options.quick else 9)
    rows.append(_copying(9 if options.quick else 21))
    for name, width in (LARGE_QUICK if options.quick else LARGE).items():
        for form in ("custom", "standard", *(["fused"] if library() else [])):
            rows += _large_rows(name, width, form)
    return rows


def _bars(name: str, speeds: Speeds) -> list[Row]:
    def ratio(row: str, over: tuple[str, int], under: tuple[str, int], must: str, aim: str, note: str = "") -> Row:
        found = [speeds.get((*key, 1)) for key in (over, under)]
        value = found[0] / found[1] if found[0] and found[1] else None
        return Row(f"{name}: {row}", value, "x", must, aim, note if value else ABSENT)

    at = "at 1,024 samples, one thread"
    best = max((STANDARD, PACKED), key=lambda form: speeds[form, 1024, 1])
    return [
        ratio("standard / function bodies", (STANDARD, 1024), (BODIES, 1024), ">= 2.5", ">= 4", at),
        ratio("fused / best standard", (FUSED, 1024), (best, 1024), ">= 5", ">= 10", f"{best}, {at}"),
        ratio("custom nodes / function bodies", (CUSTOM, 1024), (BODIES, 1024), ">= 10", ">= 15", at),
        ratio("fused / native artifact", (FUSED, 1024), (NATIVE, 1024), ">= 0.8", ">= 0.95", at),
        ratio("custom file, fused on loading / function bodies", (FUSING, 1024), (BODIES, 1024), "", "", at),
        ratio("custom nodes, 16,384 / 1,024", (CUSTOM, 16_384), (CUSTOM, 1024), ">= 0.7", ">= 0.95", "one thread"),
        ratio(
            "custom file, fused on loading, 16,384 / 1,024",
            (FUSING, 16_384),
            (FUSING, 1024),
            ">= 0.7",
            ">= 0.95",
            "one thread",
        ),
        ratio("standard, 16,384 / 1,024", (STANDARD, 16_384), (STANDARD, 1024), "", "", "one thread"),
        ratio("function bodies, 16,384 / 1,024", (BODIES, 16_384), (BODIES, 1024), "", "", "one thread"),
    ]


def _threads_over_one(name: str, speeds: Speeds) -> list[Row]:
    return [
        Row(
            f"{name}, {batch:,} samples: {form}, {_threads(threads)} / one",
            speed / speeds[form, batch, 1],
            "x",
            ">= 0.9",
        )
        for (form, batch, threads), speed in speeds.items()
        if threads > 1 and form in (CUSTOM, FUSING)
    ]


def _image_rows(rounds: int) -> list[Row]:
    """Convolutions and pools as nodes, and unrolled; all gates are true ones, so that little can be simplified."""
    network = _images()
    speeds = _speeds(network, rounds, 0.02, (IMAGE_BATCH,), (1,))
    note = f"{network.n_gates:,} gates at all places, {network.n_distinct:,} distinct; one thread"
    return [
        Row(f"{IMAGES}, {IMAGE_BATCH} samples: {form} / function bodies", speed / speeds[BODIES, *key], "x", note=note)
        for (form, *key), speed in speeds.items()
    ]


def _images(width: int = 32) -> Network:
    rng = np.random.default_rng(0)
    shape, layers = (9, 32, 32), []
    for kernels in (width, 4 * width, 16 * width, 32 * width):
        leaf = rng.integers(0, (shape[0], 3, 3), (kernels, 8, 3))
        layers.append(LogicConv2d(*shape, 3, leaf, rng.choice(TRUE_GATES, (kernels, 7)), padding=1))
        layers.append(OrPool2d(*layers[-1].out_shape, 2))
        shape = layers[-1].out_shape
    head = random_network((20_480,), layers[-1].n_outputs, gates=TRUE_GATES)
    pixels = 3 * 32 * 32
    encoder = Threshold(pixels, np.tile(np.arange(pixels), 3), np.repeat([64, 128, 192], pixels), "uint8")
    return Network(encoder, (*layers, *head.layers), head.head, name="images")


def _copying(rounds: int) -> Row:
    """What memory alone does to nodes that stand alone: each reads the bits of a layer, and writes as many."""
    bits = {n: np.ones((2, COPIED, n // 64), np.uint64) for n in (1024, 16_384)}
    took = interleaved({n: partial(np.copyto, *pair) for n, pair in bits.items()}, rounds)
    ratio = took[1024] * 16 / took[16_384]
    return Row(f"bits of {COPIED:,} gates copied, 16,384 / 1,024 samples", ratio, "x", note="one thread")


def _speeds(
    network: Network,
    rounds: int,
    seconds: float,
    batches: Sequence[int] = BATCHES,
    all_threads: Sequence[int] = THREADS,
) -> Speeds:
    samples = random_samples(network, max(batches))
    want = network.evaluate(samples[:1024])
    with tempfile.TemporaryDirectory() as folder:
        calls = {
            (form, batch, threads): call(samples[:batch])
            for threads in all_threads
            for form, call in ((form, open(Path(folder), network, threads)) for form, open in _forms().items())
            for batch in batches
        }
        for (form, batch, _), call in calls.items():
            assert (call()[: len(want.scores)] == want.scores[:batch]).all(), f"{form} differs from the reference"
        took = interleaved(calls, rounds, seconds)
    return {key: key[1] / seconds for key, seconds in took.items()}


Prepare = Callable[[object], Callable[[], object]]  # samples to a call that returns their scores
Open = Callable[[Path, int], onnxruntime.InferenceSession]  # of a file, by that many threads


def _forms() -> dict[str, Callable[[Path, Network, int], Prepare]]:
    forms: dict[str, Callable[[Path, Network, int], Prepare]] = {
        BODIES: lambda *where: _session(*where, Form("custom", outputs=OUTPUTS)),
        STANDARD: lambda *where: _session(*where, Form("standard", outputs=OUTPUTS)),
        PACKED: lambda *where: _session(*where, Form("standard", "packed", OUTPUTS)),
        NATIVE: _native,
    }
    if library() is not None:
        forms[CUSTOM] = lambda *where: _session(*where, Form("custom", outputs=OUTPUTS), open=_registered)
        forms[FUSING] = lambda *where: _session(*where, Form("custom", outputs=OUTPUTS), open=_fusing)
        forms[FUSED] = lambda *where: _session(*where, Form("fused", outputs=OUTPUTS), open=_registered)
    return forms


def library() -> Path | None:
    """The custom-op library, or None where it cannot be built."""
    try:
        return lgn_edge.onnx_library_path()
    except LgnError:
        return None


def _session(folder: Path, network: Network, threads: int, form: Form, *, open: Open | None = None) -> Prepare:
    path = folder / f"{form.ops}-{form.input}.onnx"
    write(network, path, form)
    session = (open or _plain)(path, threads)
    (source,) = session.get_inputs()
    _, form = resolved(network, form)

    def prepare(samples: object) -> Callable[[], object]:
        feeds = {source.name: feed(network.encoder, form.input, samples)}
        return lambda: session.run(["scores", "class"], feeds)[0]

    return prepare


def _registered(path: Path, threads: int) -> onnxruntime.InferenceSession:
    return lgn_edge.onnx_session(path, threads=threads, fuse=False)


def _fusing(path: Path, threads: int) -> onnxruntime.InferenceSession:
    return lgn_edge.onnx_session(path, threads=threads)


def _plain(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])


def _native(folder: Path, network: Network, threads: int) -> Prepare:
    from lgn_edge.artifact import build

    artifact = build(network, "native", folder / f"native-{threads}")
    return lambda samples: lambda: artifact.predict(samples, threads=threads).scores


def _threads(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


def _large_rows(name: str, width: int, form: str) -> list[Row]:
    """Export, load and run of a large network, in a process of its own."""
    what = {"custom": BODIES, "standard": STANDARD, "fused": FUSED}[form]
    command = [sys.executable, __file__, "--one", str(width), form]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        reason = (result.stderr.splitlines() or [f"killed by signal {-result.returncode}"])[-1]
        return [Row(f"{name}, {what}: export, load, run", None, "", "works", "", f"failed: {reason}", True)]
    export, load, took, peak, size = map(float, result.stdout.split())
    note = f"single run, one thread; {size:,.0f} MB; equals the reference"
    return [
        Row(f"{name}, {what}: export", export, "s", note=note),
        Row(f"{name}, {what}: load", load, "s", "", "<= 10"),
        Row(f"{name}, {what}: run {LARGE_SAMPLES} samples", took, "s", note="the second call"),
        Row(f"{name}, {what}: peak memory", peak, "GiB", f"<= {LARGE_GIB}", note="of exporting, loading and running"),
    ]


def _one(width: int, ops: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (LARGE_GIB << 30,) * 2)  # fails by itself, and takes nobody else along
    network = random_network((width,) * LARGE_LAYERS, gates=TRUE_GATES)
    samples = random_samples(network, LARGE_SAMPLES)
    form = Form(ops, outputs=OUTPUTS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        start = time.perf_counter()
        write(network, path, form)
        export = time.perf_counter() - start
        size = sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e6
        start = time.perf_counter()
        session = (_registered if ops == "fused" else _plain)(path, 1)
        load = time.perf_counter() - start
        for _ in range(2):
            start = time.perf_counter()
            scores, _ = session.run(["scores", "class"], {"samples": samples})
            took = time.perf_counter() - start
    status = Path("/proc/self/status").read_text()  # getrusage would count what the parent had when it forked
    peak = int(re.findall(r"VmHWM:\s*(\d+) kB", status)[0]) / 2**20
    del session
    assert (scores[:65] == network.evaluate(samples[:65]).scores).all(), "the model differs from the reference"
    print(export, load, took, peak, size)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _one(int(sys.argv[2]), sys.argv[3])
    else:
        run("onnx_runtime", measure)
