"""How long export and build take, and how much memory, by the size of the network."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from harness import TRUE_GATES, Options, Row, chain, random_network, random_samples, run

from lgn_edge.network import GroupSum, LogicDense, Network, Threshold


@dataclass(frozen=True)
class Case:
    """A network, and what building it may take.

    Attributes:
        make: the network.
        targets: that it is built for.
        seconds: a target's export and build together, must.
        aim: the same, aim.
        gibibytes: of the process at its highest, must.
        once: measured once, as it takes long; with --quick not at all.
    """

    make: Callable[[], Network]
    targets: tuple[str, ...]
    seconds: str
    aim: str = ""
    gibibytes: str = ""
    once: bool = False


DEVICES = ("native", "cortex-m4", "riscv32", "wasm")
CASES = {
    "48,000 gates": Case(lambda: random_network((8000,) * 6), ("native",), "<= 3"),
    "1,000,000 gates": Case(lambda: random_network((250_000,) * 4), ("native",), "<= 30", "", "<= 4"),
    "deep, 10,000 steps": Case(lambda: chain(10_000), DEVICES, "<= 20"),
    "deep, 100 steps": Case(lambda: chain(100), (*DEVICES, "atmega328p"), "<= 20"),
    "wide, 65,537 features": Case(lambda: wide(65_537), DEVICES, "<= 20"),
    "1,000 classes": Case(lambda: random_network((4_000,) * 2, classes=1_000), DEVICES, "<= 20"),
    "61,000,020 gates": Case(
        lambda: random_network((10_166_670,) * 6), ("native",), "<= 240", "<= 120", "<= 20", once=True
    ),
}


def wide(features: int) -> Network:
    """A gate for each feature, of it and of one drawn at random."""
    rng = np.random.default_rng(0)
    gates = features - features % 10
    layer = LogicDense(
        features,
        np.arange(gates, dtype=np.int32),
        rng.integers(0, features, gates).astype(np.int32),
        rng.choice(TRUE_GATES, gates).astype(np.uint8),
    )
    threshold = rng.integers(0, 255, features).astype(np.float32)
    encoder = Threshold(features, np.arange(features, dtype=np.int32), threshold, "uint8")
    return Network(encoder, (layer,), GroupSum(gates, 10), name="wide")


def measure(options: Options) -> list[Row]:
    """Each network and target in a process of its own, after imports; native artifacts are checked with the reference.

    What does not end within ten times its bar is stopped; a row says so, as of builds that fail.
    """
    return [row for name in CASES for row in rows_of(name, options)]


def rows_of(name: str, options: Options) -> list[Row]:
    """The rows of one of CASES."""
    case, rows = CASES[name], []
    for target in case.targets:
        label = name if case.targets == ("native",) else f"{name}, {target}"
        took = Row(f"{label}: export + build", None, "s", case.seconds, case.aim)
        if case.once and options.quick:
            rows.append(replace(took, note="not with --quick"))
            continue
        rounds = 1 if options.quick or case.once or len(case.targets) > 1 else 5
        try:
            results = sorted(_in_process(name, target, case) for _ in range(rounds))
        except _FailedError as error:
            rows.append(replace(took, failed=True, note=str(error)))
            continue
        result = results[rounds // 2]
        note = f"{result.processor:.2f} s of processors; export {result.export:.2f} s; median of {rounds}"
        rows.append(replace(took, value=result.seconds, note=note))
        rows.append(Row(f"{label}: peak memory", result.peak, "GiB", case.gibibytes, "", "of the process"))
    return rows


@dataclass(frozen=True, order=True)
class _Result:
    """Seconds of export and build together, of export alone, of processors, those of child processes too; peak, GiB."""

    seconds: float
    export: float
    processor: float
    peak: float


class _FailedError(Exception):
    """A build that came to no end; the message says why."""


def _in_process(name: str, target: str, case: Case) -> _Result:
    command = [sys.executable, __file__, "--one", name, target]
    limit = 10 * float(case.seconds.split()[1])
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit)
    except subprocess.TimeoutExpired as error:
        raise _FailedError(f"failed: stopped after {limit:.0f} s") from error
    if done.returncode:
        reason = (done.stderr.splitlines() or [f"killed by signal {-done.returncode}"])[-1]
        raise _FailedError(f"failed: {reason}")
    return _Result(*map(float, done.stdout.split()))


def _one(name: str, target: str) -> None:
    import tvm  # noqa: F401  imports are not part of the time

    from lgn_edge import onnx_model
    from lgn_edge.artifact import build

    network = CASES[name].make()
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.onnx"
        start, before = time.perf_counter(), _processor_seconds()
        onnx_model.write(network, model)
        written = time.perf_counter()
        artifact = build(model, target, Path(folder) / "artifact")
        built, processor = time.perf_counter(), _processor_seconds() - before
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        if target == "native":
            samples = random_samples(network, 65)
            assert artifact.predict(samples) == network.evaluate(samples), "the artifact differs from the reference"
    print(built - start, written - start, processor, peak)


def _processor_seconds() -> float:
    """What this process and its children that have ended used."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _one(*sys.argv[2:])
    else:
        run("build_time", measure)
