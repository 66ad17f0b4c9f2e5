"""What every benchmark shares: rows, the table, --quick, --json and --lines, random networks, interleaved medians."""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
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
    """The command line of a benchmark.

    Attributes:
        quick: less work.
        flags: those of the benchmark's own that were given.
        seconds: that it has; what trains for as long as there is time looks at it.
    """

    quick: bool
    flags: frozenset[str] = frozenset()
    seconds: float = math.inf


def run(name: str, measure: Callable[[Options], Iterable[Row]], **flags: str) -> None:
    """Parse the command line, measure, print; the entry point of every benchmark.

    Args:
        name: of the benchmark.
        measure: its rows, which may come one by one.
        flags: options of its own by name, each with its help.
    """
    parser = argparse.ArgumentParser(description=measure.__doc__)
    parser.add_argument("--quick", action="store_true", help="the same rows on less work, in under a minute")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    form.add_argument("--lines", action="store_true", help="print each row as a line of JSON as soon as it is known")
    parser.add_argument("--seconds", type=float, default=math.inf, help="the time that there is")
    for flag, text in flags.items():
        parser.add_argument(f"--{flag}", action="store_true", help=text)
    arguments = parser.parse_args()
    given = frozenset(flag for flag in flags if getattr(arguments, flag))
    rows = measure(Options(arguments.quick, given, arguments.seconds))
    if arguments.lines:
        for row in rows:
            print(json.dumps(plain(row)), flush=True)
    elif arguments.json:
        document = {"benchmark": name, "quick": arguments.quick, "machine": machine()}
        date_and_rows = {"date": date.today().isoformat(), "rows": [plain(row) for row in rows]}
        print(json.dumps(document | date_and_rows, indent=2))
    else:
        title = f"{name}{' (quick)' if arguments.quick else ''}: {machine()}, {date.today().isoformat()}"
        show(title, list(rows))


def plain(row: Row) -> dict[str, Any]:
    """A row as plain values."""
    return {**asdict(row), "holds": row.holds}


def cells(row: Row) -> tuple[str, ...]:
    """A row as a table shows it."""
    value = "-" if row.value is None else f"{row.value:,.0f}" if abs(row.value) >= 1000 else f"{row.value:.4g}"
    return row.name, value, row.unit, row.must, row.aim, {True: "yes", False: "NO", None: ""}[row.holds], row.note


COLUMNS = ("name", "value", "unit", "must", "aim", "holds", "note")


def show(title: str, rows: Sequence[Row]) -> None:
    """Print a table."""
    table = Table(title=title)
    for column in COLUMNS:
        table.add_column(column, justify="right" if column == "value" else "left", overflow="fold")
    for row in rows:
        table.add_row(*cells(row))
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
