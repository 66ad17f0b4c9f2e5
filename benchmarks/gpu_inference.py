"""Inference on GPUs: bits and speed of what this machine can run, and by name the rows that wait for a GPU."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from harness import Options, Row, random_network, random_samples, run

from lgn_edge import build
from lgn_edge.artifact import Artifact
from lgn_edge.artifact.executed_by import not_executed
from lgn_edge.forms.gpu.plan import gpu_plan
from lgn_edge.kernels.shape import Gpu
from lgn_edge.network import Bits, GroupSum, Network, Threshold, flatten
from lgn_edge.passes import simplify
from lgn_edge.targets.registry import find_target

SOFTWARE = ("opencl", "webgpu")
COUNTS = (0, 1, 31, 32, 33, 65, 1025)
CUDA = "not run: needs a CUDA GPU"
WAITING = (
    ("CUDA, packed words in, scores out, 1,024 samples, 6 x 8,000, over difflogic's", "times", ">= 10", ">= 30"),
    ("CUDA, packed words in, scores out, 1,024 samples, 6 x 64,000, over difflogic's", "times", ">= 10", ">= 30"),
    ("CUDA, the same, 65,536 samples, over difflogic's", "times", ">= 3", ">= 6"),
    ("CUDA, features in, classes out", "T gate-samples/s", ">= 1", ">= 2"),
    ("CUDA, gates alone", "T gate-samples/s", ">= 3", ">= 8"),
    ("CUDA, one sample, from C, graph replayed", "us", "", "<= 20"),
)
SIZES = {"6 x 8,000": (8_000,) * 6, "6 x 64,000": (64_000,) * 6}
NVIDIA = Gpu("cuda", shared_bytes=48 << 10, words=2)


def measure(options: Options) -> Iterator[Row]:
    """Every odd network through each software device; the plans of large networks; what runs how fast here."""
    for target in SOFTWARE:
        yield exact(target, options.quick)
    for name, widths in SIZES.items():
        yield from plans(name, widths)
    yield from speed(options.quick)
    for name, unit, must, aim in WAITING:
        yield Row(name, None, unit, must, aim, CUDA)


def odd_networks() -> Mapping[str, Network]:
    """Sizes that fit no word, every head, every kind of sample."""
    octets = random_network((71, 390), inputs=9, classes=3)
    features = octets.encoder.n_features
    floats = Threshold(features, octets.encoder.feature, np.linspace(-1, 1, features, dtype=np.float32), "float32")
    minus = np.where(np.arange(features) % 2, (np.arange(features) + 1) % features, -1).astype(np.int32)
    edges = replace(octets.encoder, threshold=octets.encoder.threshold - np.float32(128), minus=minus)
    return {
        "bytes": octets,
        "floats": replace(octets, encoder=floats),
        "edges": replace(octets, encoder=edges),
        "bits": replace(octets, head=Bits(390)),
        "a score": replace(octets, head=GroupSum(390, 1)),
        "one gate": random_network((1,), inputs=1, classes=1),
        "deep": random_network((9,) * 60, inputs=7, classes=9),
        "wide": random_network((9_001,), inputs=5_000, classes=1),
    }


def samples_of(network: Network, n: int) -> np.ndarray:
    if network.encoder.input_dtype == "uint8":
        return random_samples(network, n)
    return np.random.default_rng(n).normal(size=(n, network.encoder.n_features)).astype(np.float32)


def exact(target: str, quick: bool) -> Row:
    """The share of odd networks of which every bit is right, in both forms, features and packed bits in."""
    name = f"{target}: odd networks that are equal"
    reason = not_executed(find_target(target))
    if reason:
        return Row(name, None, "%", ">= 100", note=f"not run: {reason}")
    networks = odd_networks()
    wrong, forms = [], set()
    for key, network in networks.items():
        with tempfile.TemporaryDirectory() as folder:
            built = build(network, target, Path(folder) / "built", name="odd")
            forms.add(built.report["form"])
            if not all(agrees(built, network, n) for n in (COUNTS[:5] if quick else COUNTS)):
                wrong.append(key)
    note = f"{', '.join(sorted(forms))}; {len(networks)} networks" + (f"; not {', '.join(wrong)}" if wrong else "")
    return Row(name, 100 * (1 - len(wrong) / len(networks)), "%", ">= 100", note=note)


def agrees(built: Artifact, network: Network, n: int) -> bool:
    samples = samples_of(network, n)
    expected = network.evaluate(samples)
    words = network.encoder.evaluate(samples)
    return built.predict(samples) == expected and built.predict_packed(words, n) == expected


def plans(name: str, widths: tuple[int, ...]) -> Iterator[Row]:
    """How long planning takes, and what comes of it."""
    network = random_network(widths)
    circuit, _ = simplify(flatten(network))
    start = time.perf_counter()
    plan = gpu_plan(network, circuit, NVIDIA)
    seconds = time.perf_counter() - start
    program = plan.program
    yield Row(
        f"planning {name}",
        seconds,
        "s",
        note=f"{circuit.n_gates:,} gates left; {plan.form}; {program.n_steps} steps",
    )
    yield Row(f"values alive at once, {name}", program.n_slots, "", note=f"the widest layer has {max(widths):,}")


def speed(quick: bool) -> Iterator[Row]:
    """Features in, classes out, on the CPU as a device of OpenCL, beside the same CPU's own code."""
    network = random_network(SIZES["6 x 8,000"])
    n = 1024 if quick else 16384
    samples = random_samples(network, n)
    for target in ("native", "opencl"):
        reason = not_executed(find_target(target))
        name = f"{target}: 6 x 8,000, {n:,} samples, features in, classes out"
        if reason:
            yield Row(name, None, "G gate-samples/s", note=f"not run: {reason}")
            continue
        with tempfile.TemporaryDirectory() as folder:
            built = build(network, target, Path(folder) / "built")
            built.predict(samples)  # compiles what is compiled on first use
            start = time.perf_counter()
            built.predict(samples)
            seconds = time.perf_counter() - start
        where = built.library.device if target == "opencl" else "one CPU"
        yield Row(name, network.n_gates * n / seconds / 1e9, "G gate-samples/s", note=f"{where}; trained gates counted")


if __name__ == "__main__":
    run("gpu_inference", measure)
