"""The native artifact against other projects' compiled networks and against the limit of the machine, in one run.

    make peers && .venv/bin/python benchmarks/cpu_vs_peers.py [--quick] [--json]

Like for like: the same networks, the same samples, one thread, every contender called from Python as its users call it,
scores of all samples equal to the reference before anything is timed, rounds in which all contenders take turns. A
ratio is the median over the rounds of two times that lie next to each other; other figures are medians. Peers run in
an environment and a process of their own (`peers/`) and are timed there, so the way to them is not counted:

- difflogic 0.1.0, `CompiledLogicNet(model)(x)`: its C, gcc -O1 -march=native, 64 samples a word. Its Python copies x
  (to pad it to whole words, even where nothing is missing) and copies the scores into a tensor; rows with "C alone"
  leave that out.
- torchlogix 0.2.2, `Circuit.compile(pack_bits=64)` after `Circuit.simplify()`, `circuit(x, use_compiled=True)`: its C,
  gcc -O1. The circuit is made by `Circuit.from_dict` from the same gates. Before Python 3.12 one f-string of it does
  not parse; its quotes are changed while it is loaded.

Not like for like: we get uint8 features and compare each with its threshold, and return a class too; peers get the bits
as bool, which is what they take. We simplify the network, as torchlogix does; difflogic leaves that to gcc. Where -O1
does not finish in ten minutes the peer is compiled with -O0, as it is for 6 x 64,000 without trying; the row's name
says so. What was compiled, and what was too slow to compile, is remembered under build/peers.

Networks: random wiring, 784 inputs, 10 classes, gates (a) uniform over the 16 operations, (b) uniform over the ten that
read both inputs; and the trained network of the tests.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import build_time
import numpy as np
from cpu.stages import LIMIT_GATES, Stages, Timer
from harness import ALL_GATES, TRUE_GATES, Options, Row, random_network, random_samples, run
from numpy.typing import NDArray
from peers.client import ROOT, VERSIONS, NotRunError, start

from lgn_edge.artifact import Artifact, build
from lgn_edge.errors import LgnError
from lgn_edge.host import runs_here
from lgn_edge.network import Network
from lgn_edge.network.bits import unpack
from lgn_edge.targets.x86_64 import X86_64

TRAINED = ROOT / "tests" / "data" / "digits"
COMPILE_S, QUICK_COMPILE_S = 600.0, 60.0
OURS, TWO, LIMIT, TWO_LIMITS = "ours", "2 threads", "limit", "2 limits"
KERNELS = ("pack", "gates", "scores")
V2, V3 = "x86-64-v2", "x86-64-v3"
READING = "reading"
SHARED_CORE = 1.5  # what two threads of the limit's loop reach at least on two cores


@dataclass(frozen=True)
class Case:
    """One network and what is asked of it.

    Attributes:
        name: of the rows.
        network: makes it.
        samples: evaluated in a call.
        levels: of gcc's -O for the peers, in the order of preference.
        quick: seconds for compiling a peer with --quick, 0 takes what is compiled already; None: not run then.
        must, aim: bars by what they are about: a peer with its level, "limit", "share", "threads".
    """

    name: str
    network: Callable[[], Network]
    samples: int = 16_384
    levels: tuple[int, ...] = (1, 0)
    quick: float | None = 0
    must: Mapping[str, str] = field(default_factory=dict)
    aim: Mapping[str, str] = field(default_factory=dict)


def trained() -> Network:
    """The network of the tests, discretised; needs torch."""
    if not (TRAINED / "model.json").exists():
        raise NotRunError("no trained model in the tree")
    from lgn_edge import export

    with tempfile.TemporaryDirectory() as folder:
        return export(TRAINED, Path(folder) / "model.onnx")


def _cases() -> Iterator[Case]:
    over_peers = {"difflogic -O1": ">= 10", "torchlogix -O1": ">= 20"}
    over_peers_aim = {"difflogic -O1": ">= 20", "torchlogix -O1": ">= 50"}
    for kind, gates in (("(a)", ALL_GATES), ("(b)", TRUE_GATES)):
        a = kind == "(a)"
        yield Case(
            f"4 x 2,000 {kind}",
            lambda gates=gates: random_network((2000,) * 4, gates=gates),
            quick=QUICK_COMPILE_S if a else 0,
            must={"limit": ">= 35", **(over_peers if a else {})},
            aim={"limit": ">= 60", **(over_peers_aim if a else {})},
        )
        yield Case(
            f"6 x 8,000 {kind}",
            lambda gates=gates: random_network((8000,) * 6, gates=gates),
            quick=0 if a else None,
            must={"share": "<= 30", "threads": ">= 1.8", **(over_peers if a else {})},
            aim={"share": "<= 15", "threads": ">= 1.95", **(over_peers_aim if a else {})},
        )
        yield Case(
            f"6 x 64,000 {kind}",
            lambda gates=gates: random_network((64_000,) * 6, gates=gates),
            samples=2048,
            levels=(0,),
            quick=None,
            must={"difflogic -O0": ">= 25"},
            aim={"difflogic -O0": ">= 50"},
        )
    yield Case("trained, digits", trained, quick=QUICK_COMPILE_S)


def measure(options: Options) -> list[Row]:
    """Native artifact, difflogic and torchlogix on the same networks; stages and the limit of the machine."""
    stages = Stages()
    rows: list[Row] = []
    for case in sorted(_cases(), key=lambda case: case.name):
        if options.quick and case.quick is None:
            rows.append(Row(case.name, None, "", note="not run (quick)"))
            continue
        rows += _rows(case.name, lambda case=case: _case(case, case.network(), stages, options))
    rows += _rows("export + build", lambda: _build_times(options))
    rows += _rows("48,000 gates: load + first prediction", _first_prediction)
    note = f"{os.cpu_count()} processors; what else runs here slows all rows, and 2 threads most"
    return [*rows, Row("load of the machine", os.getloadavg()[1], "processes", note=note)]


def _rows(name: str, make: Callable[[], Iterable[Row]]) -> list[Row]:
    """The rows, or one that says why there are none."""
    try:
        return list(make())
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["no message"])[-1]
    except (NotRunError, LgnError, ImportError) as error:
        reason = str(error)
    return [Row(name, None, "", note=f"not run: {reason}")]


def _case(case: Case, network: Network, stages: Stages, options: Options) -> list[Row]:
    """Everything about one network, timed in the same rounds."""
    samples = random_samples(network, case.samples) % min(int(network.encoder.threshold.max()) + 2, 255)
    samples = samples.astype(network.encoder.input_dtype)
    expected = network.evaluate(samples)
    bits = unpack(network.encoder.evaluate(samples), len(samples)).astype(np.bool_)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        artifact = build(network, "native", Path(folder) / "native")
        assert artifact.predict(samples) == expected, f"{case.name}: the artifact differs from the reference"
        timers = {OURS: _predict(artifact, samples, 1), LIMIT: stages.limit(), **stages.of(network, artifact, samples)}
        timers[READING] = stages.reading(samples, artifact.manifest.block)
        if "threads" in case.must and (os.cpu_count() or 1) > 1:
            assert artifact.predict(samples, threads=2) == expected, f"{case.name}: two threads differ"
            timers |= {TWO: _predict(artifact, samples, 2), TWO_LIMITS: stages.limit_twice()}
            timers |= _lower_levels(network, samples, Path(folder))
        notes = {}
        for peer in VERSIONS:
            with _not_run(notes, peer):
                limit = (case.quick or 0) if options.quick else COMPILE_S
                levels = case.levels[:1] if options.quick else case.levels
                built, scores = start(peer, network, bits, levels, limit)
                stack.callback(built.worker.close)
                if not np.array_equal(scores, expected.scores):
                    raise NotRunError("its scores differ from the reference's")
                for call in built.calls:
                    name = built.name + (", C alone" if call == "c" else "")
                    timers[name] = lambda n, built=built, call=call: built.time(call, n)
                    notes[name] = built.note
        times = _rounds(timers, 5 if options.quick else 15)
    return [*_own_rows(case, artifact, times), *_peer_rows(case, times, notes)]


def _predict(artifact: Artifact, samples: NDArray[Any], threads: int) -> Timer:
    def timer(repeats: int) -> float:
        start = time.perf_counter()
        for _ in range(repeats):
            artifact.predict(samples, threads=threads)
        return time.perf_counter() - start

    return timer


def _lower_levels(network: Network, samples: NDArray[Any], folder: Path) -> dict[str, Timer]:
    """The same network on the older levels of x86-64 that this machine has; none on another machine."""
    if not runs_here(X86_64.triple):
        return {}
    timers = {}
    for number, level in ((2, V2), (3, V3)):
        artifact = build(network, "x86-64", folder / level, name=f"level_{number}")
        if artifact.library.set_level(number):
            timers[level] = _predict(artifact, samples, 1)
    return timers


@contextmanager
def _not_run(notes: dict[str, str], peer: str) -> Iterator[None]:
    """Remembers why a peer was not run."""
    try:
        yield
    except NotRunError as error:
        notes[f"{peer} {VERSIONS[peer]}"] = str(error) if "(quick)" in str(error) else f"not run: {error}"


def _rounds(timers: Mapping[str, Timer], rounds: int, seconds: float = 0.05) -> dict[str, list[float]]:
    """Seconds of one repeat of each timer, a round; the timers take turns, each for at least `seconds`."""
    repeats = {}
    for name, timer in timers.items():
        timer(1)
        repeats[name] = max(1, int(seconds / max(timer(1), 1e-7)))
    times: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(rounds):
        for name, timer in timers.items():
            times[name].append(timer(repeats[name]) / repeats[name])
    return times


def _ratio(over: Sequence[float], under: Sequence[float]) -> float:
    return median(x / y for x, y in zip(over, under, strict=True))


def _own_rows(case: Case, artifact: Artifact, times: Mapping[str, list[float]]) -> Iterator[Row]:
    """What a network costs us, where the time goes, and how far that is from the limit."""
    report, block = artifact.report, artifact.manifest.block
    blocks = case.samples / block
    total = median(times[OURS]) / case.samples * 512e6
    note = f"{report['gates']:,} gates, {report['gates_scheduled']:,} scheduled; {artifact.manifest.cpu}"
    yield Row(f"{case.name}: end to end", case.samples / median(times[OURS]), "samples/s", note=note)
    rest = total - sum(median(times[kernel]) for kernel in KERNELS) / block * 512e6
    yield Row(f"{case.name}: end to end", total, "us / 512 samples", note=f"{rest:.1f} of it outside the stages below")
    # outputs are counted while gates run: what that adds to the gate loop belongs to the sum
    counting = zip(times["gates"], times["gate loop"], times["scores"], strict=True)
    spent = {"pack": times["pack"], "gates": times["gate loop"], "sum": [g - loop + s for g, loop, s in counting]}
    shares = {stage: 100 * blocks * _ratio(spent[stage], times[OURS]) for stage in spent}
    for stage in spent:
        microseconds = median(spent[stage]) / block * 512e6
        note = f"{shares[stage]:.0f} % of the time"
        if stage == "pack":
            note += f"; reading the samples alone: {median(times[READING]) / block * 512e6:.1f}"
        yield Row(f"{case.name}: {stage}", microseconds, "us / 512 samples", note=note)
    share, note = shares["pack"] + shares["sum"], "of the time end to end"
    yield Row(f"{case.name}: pack + sum", share, "%", case.must.get("share", ""), case.aim.get("share", ""), note)
    gates, limit = report["gates_simplified"] * block / 512, LIMIT_GATES
    reached = 100 * _ratio([t / limit for t in times[LIMIT]], [t / gates for t in times["gate loop"]])
    speeds = gates / median(times["gate loop"]) / 1e9, limit / median(times[LIMIT]) / 1e9
    note = f"{speeds[0]:.2f} of {speeds[1]:.2f} G gates of 512 samples/s"
    bars = case.must.get("limit", ""), case.aim.get("limit", "")
    yield Row(f"{case.name}: gate loop of the L1 limit", reached, "%", *bars, note)
    for level in (V2, V3):
        if level in times:
            note = f"of the speed of {artifact.manifest.cpu}"
            yield Row(f"{case.name}: {level}, end to end", 100 * _ratio(times[OURS], times[level]), "%", note=note)
    if "threads" in case.must:
        yield _threads_row(case, times)


def _threads_row(case: Case, times: Mapping[str, list[float]]) -> Row:
    """Two threads over one; without a bar where two threads of the limit's loop show that they share a core."""
    name = f"{case.name}: 2 threads over 1"
    if TWO not in times:
        return Row(name, None, "times", note="not run: one processor")
    machine = 2 * _ratio(times[LIMIT], times[TWO_LIMITS])
    bars = case.must["threads"], case.aim["threads"]
    note = f"{case.samples:,} samples a call; two threads of the limit's loop: {machine:.2f}"
    if machine < SHARED_CORE:
        bars, note = ("", ""), f"{note}, so the processors share a core, and {bars[0]} cannot be measured here"
    return Row(name, _ratio(times[OURS], times[TWO]), "times", *bars, note)


def _peer_rows(case: Case, times: Mapping[str, list[float]], notes: Mapping[str, str]) -> Iterator[Row]:
    """How many times as fast as each peer we are; a peer that was not run is a row without a value."""
    for name, note in notes.items():
        peer, _, *level = name.split()
        wanted = f"{peer} {' '.join(level)}" if level else f"{peer} -O{case.levels[0]}"
        bars = case.must.get(wanted, ""), case.aim.get(wanted, "")
        if name in times:
            value, speed = _ratio(times[name], times[OURS]), case.samples / median(times[name])
            note = "; ".join(filter(None, (f"it does {speed:,.0f} samples/s", note)))
            yield Row(f"{case.name}: over {name}", value, "times", *bars, note)
        else:
            yield Row(f"{case.name}: over {name} -O{case.levels[0]}", None, "times", *bars, note)


def _build_times(options: Options) -> Iterator[Row]:
    """Rows of build_time.py about seconds, with the bars of this page."""
    bars = {"48,000 gates": ("<= 1", "<= 0.2"), "1,000,000 gates": ("<= 20", "<= 5")}
    for name, (must, aim) in bars.items():
        for row in build_time.rows_of(name, options):
            if row.unit == "s":
                yield replace(row, must=must, aim=aim)


def _first_prediction() -> Iterator[Row]:
    """A fresh process that has imported numpy and lgn_edge: opening the artifact and one sample."""
    with tempfile.TemporaryDirectory() as folder:
        build(random_network((8000,) * 6), "native", Path(folder) / "native")
        command = [sys.executable, __file__, "--first", str(Path(folder) / "native")]
        results = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(5)]
    value = median(map(float, results))
    yield Row("48,000 gates: load + first prediction", value, "ms", "<= 20", "<= 2", "a fresh process; median of 5")


def _first(folder: str) -> None:
    from lgn_edge import load_artifact

    sample = np.zeros((1, 784), np.uint8)
    start = time.perf_counter()
    load_artifact(folder).predict(sample)
    print((time.perf_counter() - start) * 1e3)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--first"]:
        _first(sys.argv[2])
    else:
        run("cpu_vs_peers", measure)
