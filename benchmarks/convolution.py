"""Convolutional networks of the paper's sizes on this machine: against single gates, a peer, and the machine's limit.

    make peers && .venv/bin/python benchmarks/convolution.py [--quick] [--json]

The networks are those of Petersen et al. 2024 for CIFAR-10, but random: four convolutions of 3 x 3 with 8 leaves, each
with an OR pool of 2 x 2, then three dense layers. S has 32 kernels in its first layer, M 256, G 2,048. Gates are
"random", each one of the ten that read both inputs, or "60 % wires", which is nearer to what training leaves. uint8
images in, scores and classes out, one thread; medians of interleaved rounds.

"flat" is our own program of single gates: the same network with all its kernels unrolled, then simplified. It is also
what the peer is given, torchlogix 0.2.2 as in `cpu_vs_peers.py`, so that its own simplification need not do that again.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from cpu.stages import LIMIT_GATES, Stages
from harness import TRUE_GATES, Options, Row, interleaved, random_samples, run
from peers.client import Built, NotRunError, start

from lgn_edge.artifact import build
from lgn_edge.forms.rows.split import split
from lgn_edge.network import GroupSum, Layer, LogicConv2d, LogicDense, Network, OrPool2d, Threshold, flatten
from lgn_edge.network.bits import unpack
from lgn_edge.network.truth_table import PASS_A
from lgn_edge.passes import simplify
from lgn_edge.passes.layered import absorb_inversions, last_layer, layers_of
from lgn_edge.targets.native import native

SIDE, LEVELS, COLOURS, GROUPS = 32, 3, 3, 8
SAMPLES = 2_048
WIRES = {"random": 0.0, "60 % wires": 0.6}
PEER_S = 600.0  # for compiling it


def convolutional(kernels: int, wires: float, seed: int = 0) -> Network:
    """A network of the paper's architecture; kernels behind the first layer read one of eight groups of channels."""
    rng = np.random.default_rng(seed)

    def tables(shape: int | tuple[int, int]) -> np.ndarray:
        drawn = rng.choice(TRUE_GATES, shape)
        return np.where(rng.random(shape) < wires, PASS_A, drawn).astype(np.uint8)

    layers: list[Layer] = []
    channels, side = COLOURS * LEVELS, SIDE
    for i, count in enumerate((kernels, 4 * kernels, 16 * kernels, 32 * kernels)):
        groups = GROUPS if i else 1
        start = np.arange(count) * groups // count * (channels // groups)
        two = rng.integers(channels // groups, size=(count, 2)) + start[:, None]
        channel = np.take_along_axis(two, rng.integers(2, size=(count, 8)), axis=1)
        leaf = np.stack([channel, *rng.integers(3, size=(2, count, 8))], axis=2)
        layers.append(LogicConv2d(channels, side, side, 3, leaf, tables((count, 7)), padding=1))
        layers.append(OrPool2d(count, side, side, 2))
        channels, side = count, side // 2
    width = layers[-1].n_outputs
    for gates in (40_960 * kernels // 32, 20_480 * kernels // 32, 10_240 * kernels // 32):
        a, b = rng.integers(width, size=(2, gates))
        layers.append(LogicDense(width, a, b, tables(gates)))
        width = gates
    pixel = np.arange(SIDE * SIDE * COLOURS, dtype=np.int32)
    threshold = np.repeat(np.float32([64, 128, 192]), len(pixel))
    encoder = Threshold(len(pixel), np.tile(pixel, LEVELS), threshold, "uint8")
    return Network(encoder, tuple(layers), GroupSum(width, 10), name="convolutional")


def unrolled(network: Network) -> Network:
    """The same function of dense layers only, simplified."""
    circuit = absorb_inversions(simplify(flatten(network))[0])
    layers, row = layers_of(circuit)
    layers.append(last_layer(row[circuit.outputs][None], layers[-1].n_outputs))
    return Network(network.encoder, tuple(layers), network.head, name="flat")


def measure(options: Options) -> list[Row]:
    """S against its flat form and torchlogix, S and M against the limit; building and running M and G."""
    rows: list[Row] = []
    for kind, wires in WIRES.items():
        rows += _small(kind, wires, options)
    rows.append(_share("S", 32, ">= 85", ">= 95", options))
    rows.append(_share("M", 256, ">= 40", ">= 70", options))
    rows += _built("M", 256, "<= 3", "<= 1", options)
    return rows + ([] if options.quick else _built("G", 2_048, "<= 60", "<= 24", options))


def _small(kind: str, wires: float, options: Options) -> Iterator[Row]:
    network, name, random = convolutional(32, wires), f"S, {kind}", not wires
    samples = random_samples(network, SAMPLES)
    stages, flat = Stages(), unrolled(network)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        artifact = build(network, "native", Path(folder) / "convolution")
        single = build(flat, "native", Path(folder) / "flat")
        assert artifact.predict(samples[:600]) == network.evaluate(samples[:600]), "differs from the reference"
        assert single.predict(samples[:600]) == network.evaluate(samples[:600]), "the flat form differs"
        of_one = stages.image_layers(artifact, "one_convolve")
        calls: dict[str, Callable[[], object]] = {
            "ours": lambda: artifact.predict(samples, threads=1),
            "flat": lambda: single.predict(samples, threads=1),
            "one": lambda: artifact.predict(samples[:1], threads=1),
            "of one": lambda: of_one(1),
        }
        note = ""
        if not random:
            try:
                peer = _peer(flat, samples, options)
                stack.callback(peer.worker.close)
                calls["peer"] = lambda: peer.time("python", 1)
                note = f"{peer.name}, of the flat form"
            except NotRunError as error:
                note = str(error)
        seconds = interleaved(calls, rounds=5 if options.quick else 21)
    ours, report = seconds["ours"], artifact.report
    gates = f"{report['gates_scheduled']:,} gates at all places of {report['gates']:,}; {artifact.manifest.cpu}"
    yield Row(f"{name}: an image", ours / SAMPLES * 1e6, "µs", note=gates)
    yield Row(f"{name}: image layers of one image", seconds["of one"] * 1e6, "µs", "<= 25", "<= 10", "one call")
    yield Row(f"{name}: one image", seconds["one"] * 1e6, "µs", note="one call from Python, three random layers behind")
    gates = f"{single.report['gates_scheduled']:,} gates"
    yield Row(f"{name}: times the flat form", seconds["flat"] / ours, "x", "" if random else ">= 1", ">= 2", gates)
    if not random:
        value = seconds["peer"] / ours if "peer" in seconds else None
        yield Row(f"{name}: times torchlogix", value, "x", ">= 15", ">= 40", note)


def _share(name: str, kernels: int, must: str, aim: str, options: Options) -> Row:
    """Gates of trees as random ones, all of which stay, a second: of what the first cache allows."""
    network, stages = convolutional(kernels, 0.0), Stages()
    with tempfile.TemporaryDirectory() as folder:
        artifact = build(network, "native", Path(folder) / "native")
        limit, loop = stages.limit(), stages.image_layers(artifact)
        calls = {"limit": lambda: limit(1), "loop": lambda: loop(1)}
        seconds = interleaved(calls, rounds=5 if options.quick else 21)
    kept = split(network, native()).convolutions
    assert kept is not None
    live = sum(stage.trees.n_gates * stage.places.n_read for stage in kept.images.stages)
    share = seconds["limit"] / LIMIT_GATES * live / seconds["loop"] * 100
    note = (
        f"{live:,} live gates in trees; the limit of a gate is two loads, an operation and a store in the first cache"
    )
    return Row(f"{name}, random: share of the limit", share, "%", must, aim, note)


def _peer(flat: Network, samples: np.ndarray, options: Options) -> Built:
    """Torchlogix with -O0, as its C for so many gates does not compile in ten minutes with -O1.

    Raises:
        NotRunError: it is not here, or does not compile.
    """
    bits = unpack(flat.encoder.evaluate(samples), SAMPLES)
    peer, scores = start("torchlogix", flat, bits, (0,), 0 if options.quick else PEER_S)
    assert (scores == flat.evaluate(samples).scores).all(), "the peer differs from the reference"
    return peer


def _built(name: str, kernels: int, seconds: str, gibibytes: str, options: Options) -> list[Row]:
    command = [sys.executable, __file__, "--one", str(kernels)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    gates, taken, peak, block = output.split()
    note = f"{int(gates):,} gates applied; single run, after imports; 65 samples equal the reference"
    return [
        Row(f"{name}: build native", float(taken), "s", seconds, note=note),
        Row(f"{name}: peak memory", float(peak), "GiB", gibibytes, note="of building, and 512 samples"),
        Row(f"{name}: an image", float(block) / 512 * 1e6, "µs", note="one block of 512, one thread, the second call"),
    ]


def _one(kernels: int) -> None:
    import tvm  # noqa: F401  imports are not part of the time

    network = convolutional(kernels, 0.6)
    samples = random_samples(network, 512)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        artifact = build(network, "native", Path(folder) / "native")
        built = time.perf_counter() - start
        prediction = artifact.predict(samples, threads=1)
        start = time.perf_counter()
        artifact.predict(samples, threads=1)
        block = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    assert (prediction.scores[:65] == network.evaluate(samples[:65]).scores).all(), "differs from the reference"
    print(network.n_gates, built, peak, block)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _one(int(sys.argv[2]))
    else:
        run("convolution", measure)
