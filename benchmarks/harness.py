"""What every benchmark shares: rows, the table, --quick and --json, random networks, interleaved medians."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from lgn_edge.network import GroupSum, LogicDense, Network, Threshold
from lgn_edge.network.truth_table import OR, PASS_A, XOR

Key = TypeVar("Key")

ALL_GATES = tuple(range(16))
TRUE_GATES = (1, 2, 4, 6, 7, 8, 9, 11, 13, 14)  # the ten whose output depends on both inputs


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        name: what was measured.
        value: the figure, or None when it could not be measured.
        unit: of the value.
        must: the bar, such as "<= 3", or empty.
        aim: what we would like, likewise.
        note: how it was measured, or why it was not.
        failed: what was to be measured did not work, so that no bar holds.
    """

    name: str
    value: float | None
    unit: str
    must: str = ""
    aim: str = ""
    note: str = ""
    failed: bool = False

    @property
    def holds(self) -> bool | None:
        """Whether the bar holds; None without a bar or a value."""
        if self.failed:
            return False
        if not self.must or self.value is None:
            return None
        relation, bound = self.must.split()
        return self.value <= float(bound) if relation == "<=" else self.value >= float(bound)


@dataclass(frozen=True)
class Options:
    """The command line of a benchmark."""

    quick: bool
    json: bool


def run(name: str, measure: Callable[[Options], Sequence[Row]]) -> None:
    """Parse the command line, measure, print; the entry point of every benchmark."""
    parser = argparse.ArgumentParser(description=measure.__doc__)
    parser.add_argument("--quick", action="store_true", help="the same rows on less work, in under a minute")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    arguments = parser.parse_args()
    options = Options(arguments.quick, arguments.json)
    rows = measure(options)
    if options.json:
        document = {"benchmark": name, "quick": options.quick, "machine": machine(), "date": date.today().isoformat()}
        print(json.dumps({**document, "rows": [{**asdict(row), "holds": row.holds} for row in rows]}, indent=2))
        return
    table = Table(title=f"{name}{' (quick)' if options.quick else ''}: {machine()}, {date.today().isoformat()}")
    for column in ("name", "value", "unit", "must", "aim", "holds", "note"):
        table.add_column(column, justify="right" if column == "value" else "left", overflow="fold")
    for row in rows:
        value = "-" if row.value is None else f"{row.value:,.0f}" if abs(row.value) >= 1000 else f"{row.value:.4g}"
        holds = {True: "yes", False: "NO", None: ""}[row.holds]
        table.add_row(row.name, value, row.unit, row.must, row.aim, holds, row.note)
    Console(width=None if Console().is_terminal else 160).print(table)


def machine() -> str:
    """The processor's name and how many there are."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
        cores = sum(line.startswith("processor") for line in lines)
    except (OSError, StopIteration):
        return platform.machine()
    return f"{name} x {cores}"


def random_network(
    widths: Sequence[int], inputs: int = 784, classes: int = 10, gates: Sequence[int] = ALL_GATES, seed: int = 0
) -> Network:
    """A network with random wiring over `inputs` uint8 features, one threshold each."""
    rng = np.random.default_rng(seed)
    threshold = rng.integers(0, 255, inputs).astype(np.float32)
    layers, width = [], inputs
    for count in widths:
        a, b = rng.integers(0, width, (2, count)).astype(np.int32)
        layers.append(LogicDense(width, a, b, rng.choice(gates, count).astype(np.uint8)))
        width = count
    encoder = Threshold(inputs, np.arange(inputs, dtype=np.int32), threshold, "uint8")
    return Network(encoder, tuple(layers), GroupSum(width, classes), name="random")


def chain(steps: int, inputs: int = 8) -> Network:
    """Two running bits that each step mixes with each other and with an input: every gate is read twice or more."""
    width = inputs + 2
    kept = range(2, width)
    layers = []
    for step in range(steps):
        x = 2 + step % inputs
        a, b, table = ((0, 0), (x, 1), (OR, XOR)) if step % 2 else ((0, 1), (1, x), (XOR, XOR))
        layers.append(
            LogicDense(
                width,
                np.array([*a, *kept], np.int32),
                np.array([*b, *kept], np.int32),
                np.array([*table, *[PASS_A] * inputs], np.uint8),
            )
        )
    encoder = Threshold(width, np.arange(width, dtype=np.int32), np.full(width, 100, np.float32), "uint8")
    return Network(encoder, tuple(layers), GroupSum(width, 2), name="chain")


def random_samples(network: Network, n: int, seed: int = 0) -> NDArray[Any]:
    """uint8 samples [n, features]."""
    return np.random.default_rng(seed).integers(0, 256, (n, network.encoder.n_features)).astype(np.uint8)


def interleaved(functions: Mapping[Key, Callable[[], object]], rounds: int, seconds: float = 0.05) -> dict[Key, float]:
    """Median seconds of a call of each function; the rounds take turns, so that a noisy moment meets all of them.

    Each timing repeats the call until it has taken at least `seconds`; one more call before it brings into the caches
    what the call itself leaves there, after all that the others left.
    """
    repeats = {}
    for name, function in functions.items():
        start = time.perf_counter()
        function()
        once = max(time.perf_counter() - start, 1e-9)
        repeats[name] = max(1, int(seconds / once))
    times: dict[Key, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            function()
            start = time.perf_counter()
            for _ in range(repeats[name]):
                function()
            times[name].append((time.perf_counter() - start) / repeats[name])
    return {name: statistics.median(values) for name, values in times.items()}
