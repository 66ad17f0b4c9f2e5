"""Each kernel of the host, stage by stage, against the reference."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lgn_edge.forms.rows.counters import counter_planes
from lgn_edge.forms.rows.kernels import network_kernels, workspace_rows
from lgn_edge.forms.rows.schedule import uniform_schedule
from lgn_edge.forms.rows.workspace import Workspace
from lgn_edge.network import Network, Threshold, flatten, pack, unpack
from lgn_edge.passes import simplify
from lgn_edge.targets.compile import compile_kernels, kernel_source
from lgn_edge.targets.native import native
from lgn_edge.toolchain import link_shared
from tests.strategies import random_network, random_samples


def with_edges(features: int, distances: tuple[int, ...]) -> Network:
    """Differences of features so far apart, each with two thresholds; with many distances, some features alone."""
    rng = np.random.default_rng(features)
    feature, minus = np.meshgrid(np.arange(features), distances, indexing="ij")
    minus += feature
    inside = np.flatnonzero((minus >= 0) & (minus < features))
    feature, minus = np.tile(feature.ravel()[inside], 2), np.tile(minus.ravel()[inside], 2)
    if len(distances) > 2:
        minus[rng.random(len(minus)) < 0.3] = -1
    threshold = rng.integers(-260, 258, len(feature)).astype(np.float32)
    encoder = Threshold(features, feature, threshold, "uint8", minus)
    return replace(random_network(9, bits=len(feature), widths=(900, 90), classes=9), encoder=encoder)


NETWORKS = {
    "float32, scalar pack": random_network(0, features=7, bits=11, widths=(13, 12), classes=3),
    "uint8, scalar pack": random_network(1, features=7, bits=30, widths=(33, 30), classes=3, input_dtype="uint8"),
    "float32, narrow pieces": random_network(2, features=9, bits=80, widths=(90, 94), classes=47),
    "float32, wide pieces": random_network(3, features=100, bits=300, widths=(400, 411), classes=3),
    "uint8, wide pieces": random_network(4, features=65, bits=300, widths=(300, 300), classes=1, input_dtype="uint8"),
    "uint8, two rows a sample": random_network(
        4, features=700, bits=690, widths=(900,), classes=9, input_dtype="uint8"
    ),
    "float32, groups of blocks": random_network(4, features=1300, bits=1290, widths=(900,), classes=9),
    "one feature, one class, one gate": random_network(5, features=1, bits=1, widths=(1,), classes=1),
    "group of 16, the carry-save tree once": random_network(6, features=20, bits=40, widths=(64, 48), classes=3),
    "constants only": random_network(7, features=8, bits=8, widths=(6, 6), classes=2, tables=(0, 15)),
    "every bit always one": replace(
        random_network(9, features=9, bits=9, widths=(8, 6), classes=2, input_dtype="uint8"),
        encoder=Threshold(9, np.arange(9), np.full(9, -1), "uint8"),
    ),
    "no bit ever one": replace(
        random_network(9, features=9, bits=9, widths=(8, 6), classes=2, input_dtype="uint8"),
        encoder=Threshold(9, np.arange(9), np.full(9, 255), "uint8"),
    ),
    "edges, scalar pack": random_network(
        10, features=7, bits=60, widths=(60, 30), classes=3, input_dtype="uint8", edges=True
    ),
    "edges, far apart": random_network(
        11, features=100, bits=300, widths=(300, 99), classes=3, input_dtype="uint8", edges=True
    ),
    "edges, wide pieces": with_edges(700, (-70, -1, 2, 64, 699 - 64)),
    "edges alone, narrow pieces": with_edges(20, (-3, 3)),
    "wires only": random_network(8, features=8, bits=8, widths=(6, 6), classes=2, tables=(3, 5, 10, 12)),
}
BATCHES = (0, 1, 2, 63, 64, 65, 127, 128, 129, 448, 511, 512)
PREFIX = "lgn_test"


class Kernels:
    """The compiled kernels of a network, and a workspace full of garbage."""

    def __init__(self, network: Network, folder: Path) -> None:
        target = native()
        self.network, self.lanes = network, target.shape.lanes
        self.program = uniform_schedule(simplify(flatten(network))[0], network.head.classes)
        kernels = network_kernels(network, None, self.program, target.shape, PREFIX)
        library = folder / "kernels.so"
        link_shared(compile_kernels(kernels, target, folder), library)
        self.library = ctypes.CDLL(str(library))
        words = workspace_rows(network, self.program, Workspace.of(self.program), target.shape) * self.lanes
        self.memory = np.random.default_rng(0).integers(0, 2**64, words + self.lanes, dtype=np.uint64)
        first = -self.memory.ctypes.data % (8 * self.lanes) // 8
        self.slots = self.memory[first : first + words].reshape(-1, self.lanes)

    def call(self, name: str, *arguments: np.ndarray | int) -> None:
        getattr(self.library, f"{PREFIX}_{name}")(
            *(ctypes.c_int32(a) if isinstance(a, int) else ctypes.c_void_p(a.ctypes.data) for a in arguments)
        )


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda name: name.replace(" ", "-"))
def kernels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kernels:
    return Kernels(NETWORKS[request.param], tmp_path_factory.mktemp("kernels"))


@pytest.mark.parametrize("n", BATCHES)
def test_pack(kernels: Kernels, n: int) -> None:
    # the samples end where a page of other data begins: the kernel must not look behind them
    x = random_samples(kernels.network, n, seed=n)
    kernels.call("pack", x, x.shape[1], n, kernels.slots)
    live = kernels.program.input_bit
    want = unpack(kernels.network.encoder.evaluate(x), n)[:, live]
    assert (unpack(kernels.slots[: len(live)], n) == want).all()


@pytest.mark.parametrize("n", BATCHES[1:])
def test_load(kernels: Kernels, n: int) -> None:
    words = np.ascontiguousarray(kernels.network.encoder.evaluate(random_samples(kernels.network, n, seed=n)))
    kernels.call("load", words, words.shape[1], words.shape[1], kernels.slots)
    live = kernels.program.input_bit
    assert (kernels.slots[: len(live), : words.shape[1]] == words[live]).all()


def counters(kernels: Kernels) -> np.ndarray:
    """The rows [classes, planes, lanes] behind the slots."""
    program = kernels.program
    planes = counter_planes(program.group)
    rows = kernels.slots[program.n_slots : program.n_slots + program.classes * planes]
    return rows.reshape(program.classes, planes, kernels.lanes)


def test_gates(kernels: Kernels) -> None:
    program = kernels.program
    inputs = np.random.default_rng(1).integers(0, 2**64, (program.n_inputs, kernels.lanes), dtype=np.uint64)
    kernels.slots[: len(program.input_bit)] = inputs[program.input_bit]
    kernels.call("gates", kernels.slots)
    bits = np.stack([unpack(planes, 64 * kernels.lanes) for planes in counters(kernels)])
    counts = (bits * (1 << np.arange(bits.shape[2]))).sum(axis=2)
    assert (counts == program.evaluate(inputs)).all()


@pytest.mark.parametrize("n", BATCHES)
def test_sum(kernels: Kernels, n: int) -> None:
    program = kernels.program
    counts = np.random.default_rng(n).integers(0, program.group + 1, (program.classes, 64 * kernels.lanes))
    rows = counters(kernels)
    for of_class, planes in zip(counts, rows, strict=True):
        planes[:] = pack((of_class[:, None] >> np.arange(len(planes)) & 1).astype(np.bool_))
    scores, classes = np.full((n + 1, program.classes), -7, np.int32), np.full(n + 1, 60000, np.uint16)
    kernels.call("sum", kernels.slots, n, scores, classes)
    want = counts.T[:n]
    assert (scores[:n] == want).all()
    assert (classes[:n] == want.argmax(axis=1)).all()
    assert (scores[n] == -7).all(), "one row too many"
    assert classes[n] == 60000, "one class too many"


def test_code_does_not_grow_with_the_network() -> None:
    def instructions(width: int) -> int:
        network = random_network(1, 64, 128, (width, width), 10, "uint8", tables=(1, 6, 7, 14))
        program = uniform_schedule(simplify(flatten(network))[0], 10)
        kernels = network_kernels(network, None, program, native().shape, PREFIX)
        text = kernel_source([k for k in kernels if k.symbol.endswith("_gates")], native())
        return sum(line.startswith("\t") and not line.startswith("\t.") for line in text.splitlines())

    assert instructions(4000) <= 1.1 * instructions(1000)
