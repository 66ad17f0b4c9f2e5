"""A training step on one thread of this CPU, against the peers' Python interfaces, and the memory that it takes.

With --gpu the same on a GPU alone: our recorded steps, difflogic's CUDA extension where that is installed, and
torchlogix by torch.compile, beside the time in which the GPU copies the signals and gradients of a step.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from gpu.bandwidth import copied_bytes_a_second
from harness import Options, Row, run
from peers.client import PYTHON, NotRunError

from lgn_edge.training.plan import free_memory

WORKER = Path(__file__).parent / "peers" / "training.py"
OURS = ("raw, soft", "raw, straight-through", "light, soft", "light, straight-through")
PEERS = ("difflogic raw", "torchlogix raw", "torchlogix light")
# The same mathematics: which of ours is held against which peer.
AGAINST = {"difflogic raw": "raw, soft", "torchlogix raw": "raw, soft", "torchlogix light": "light, soft"}
BARS = {"difflogic": (">= 15", ">= 30"), "torchlogix": (">= 5", ">= 10")}
IMAGES = {"S": 32, "M": 256}  # of CIFAR-10 (Petersen et al. 2024, table 6), by the kernels of the first convolution
IMAGES_AGAINST = {
    "torchlogix raw": "raw, soft",
    "torchlogix light, straight-through": "light, straight-through",
}
BATCH = 128
GPU_SIZES = (((64_000,) * 6, 128), ((8000,) * 6, 128), ((64_000,) * 6, 512), ((64_000,) * 6, 1024))
GPU_STEPS = 10  # of a round
GPU_SECONDS = 30  # without which no size is begun


class Worker:
    """One implementation in a process of its own, with one thread."""

    def __init__(
        self,
        name: str,
        network: Sequence[int] | int,
        batch: int = BATCH,
        device: str = "cpu",
        replayed: bool = True,
    ) -> None:
        peer = name.startswith(tuple(BARS))
        if peer and not PYTHON.exists():
            raise NotRunError("no environment for peers; run: make peers")
        self._process = subprocess.Popen(
            [str(PYTHON) if peer else sys.executable, str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        )
        request = {"name": name, "network": network, "batch": batch, "device": device, "replayed": replayed}
        self._send(json.dumps(request))

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, where: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def steps(self, count: int) -> dict[str, Any]:
        """Seconds that so many steps took, and the bytes held so far for them."""
        self.begin(count)
        return self.answer()

    def begin(self, count: int) -> None:
        """Ask for so many steps; `answer` waits for them."""
        self._send(str(count))

    def answer(self) -> dict[str, Any]:
        """What `steps` returns, of those that were begun."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            errors = self._process.communicate()[1].strip().splitlines()
            raise NotRunError((errors or [f"ended with {self._process.returncode}"])[-1])
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _send(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


def measure(options: Options) -> Iterable[Row]:
    """Seconds of a training step and memory, lgn_edge beside difflogic and torchlogix."""
    if "gpu" in options.flags:
        return on_gpu(options)
    load = Row("load of the machine", os.getloadavg()[1], "processes")
    return [*_speed(options), *_memory(options), *_images(options), load]


def _speed(options: Options) -> list[Row]:
    """All in the same rounds, so that a noisy moment meets all of them."""
    widths, rounds = (8000,) * 6, 2 if options.quick else 9
    seconds: dict[str, list[float]] = {}
    failed: dict[str, str] = {}
    with ExitStack() as stack:
        workers = {}
        for name in (*PEERS, *OURS):
            try:
                worker = stack.enter_context(Worker(name, widths))
                worker.steps(1)
                workers[name] = worker
            except NotRunError as error:
                failed[name] = f"not run: {error}"
        for _ in range(rounds):
            for name, worker in workers.items():
                steps = 1 if name in PEERS else 5
                seconds.setdefault(name, []).append(worker.steps(steps)["seconds"] / steps)
    what = f"step, 6 x 8,000, batch {BATCH}"
    median = {name: statistics.median(values) for name, values in seconds.items()}
    rows = []
    for name in (*OURS, *PEERS):
        if name in failed:
            rows.append(Row(f"{what}: {name}", None, "ms", note=failed[name]))
            continue
        low, high = min(seconds[name]) * 1e3, max(seconds[name]) * 1e3
        note = f"{low:.1f} to {high:.1f} in {rounds} rounds"
        rows.append(Row(f"{what}: {name}", median[name] * 1e3, "ms", note=note))
    for peer, own in AGAINST.items():
        if peer in median and own in median:
            must, aim = BARS[peer.split()[0]]
            rows.append(Row(f"{own} against {peer}", median[peer] / median[own], "x", must, aim))
            other = own.replace("soft", "straight-through")
            note = "not the same mathematics: discrete gates forward"
            rows.append(Row(f"{other} against {peer}", median[peer] / median[other], "x", note=note))
    return rows


def _memory(options: Options) -> list[Row]:
    """The most that a process holds for parameters, optimiser, activations and gradients over two steps."""
    small = {name: _bytes(name, 8000) for name in (*PEERS, *OURS)}
    rows = _memory_rows(8000, small)
    if not options.quick:
        rows += _memory_rows(64_000, {name: _large(name, size) for name, size in small.items()})
    return rows


def _bytes(name: str, gates: int) -> int | str:
    """Bytes of an implementation for 6 layers of so many gates, or why they were not measured."""
    try:
        with Worker(name, (gates,) * 6) as worker:
            return int(worker.steps(2)["bytes"])
    except NotRunError as error:
        return f"not run: {error}"


def _large(name: str, small: int | str) -> int | str:
    """Bytes for 64,000 gates a layer, if eight times those for 8,000 fit into this machine."""
    if isinstance(small, str):
        return small
    free = free_memory("cpu")
    if free is not None and 8 * small > 0.7 * free:
        return f"not run: needs about {8 * small / 2**30:.0f} GiB, and {free / 2**30:.0f} GiB are free"
    return _bytes(name, 64_000)


def _memory_rows(gates: int, sizes: Mapping[str, int | str]) -> list[Row]:
    peers = [size for name, size in sizes.items() if name in PEERS and isinstance(size, int)]
    must = f"<= {min(peers) / 2**20:.0f}" if peers else ""
    rows = []
    for name, size in sizes.items():
        what = f"memory, 6 x {gates:,}, batch {BATCH}: {name}"
        if isinstance(size, str):
            rows.append(Row(what, None, "MiB", note=size))
        else:
            rows.append(Row(what, size / 2**20, "MiB", must="" if name in PEERS else must))
    return rows


def _images(options: Options) -> list[Row]:
    """Convolutional networks, one after the other, as a step of a peer takes seconds: the median of its steps."""
    rows, found = [], {}
    for size, kernels in IMAGES.items():
        for name in (*IMAGES_AGAINST.values(), *IMAGES_AGAINST):
            small = found.get(("S", name))
            answers = _image_steps(name, kernels, small and small[-1]["bytes"] * kernels // IMAGES["S"], options)
            what = f"{size} of CIFAR-10, batch {BATCH}: {name}"
            if isinstance(answers, str):
                rows += [
                    Row(f"{what}, {row}", None, unit, note=answers) for row, unit in (("step", "ms"), ("memory", "MiB"))
                ]
                continue
            found[size, name] = answers
            rows.append(Row(f"{what}, step", _median(answers) * 1e3, "ms", note=f"{len(answers)} steps"))
            rows.append(Row(f"{what}, memory", answers[-1]["bytes"] / 2**20, "MiB"))
    for peer, own in IMAGES_AGAINST.items():
        mine, theirs = found.get(("S", own)), found.get(("S", peer))
        if mine and theirs:
            rows.append(Row(f"S, {own}: step against {peer}", _median(theirs) / _median(mine), "x", ">= 40", ">= 80"))
            less = theirs[-1]["bytes"] / mine[-1]["bytes"]
            rows.append(Row(f"S, {own}: memory, times less than {peer}", less, "x", ">= 20"))
    return rows


def _image_steps(name: str, kernels: int, needed: int | None, options: Options) -> list[dict[str, Any]] | str:
    """What a worker answers, step by step, without the first where there is time for others; or why it was not run."""
    free = free_memory("cpu")
    if needed and free is not None and needed > 0.7 * free:
        return f"not run: needs about {needed / 2**30:.0f} GiB, and {free / 2**30:.0f} GiB are free"
    peer = name in IMAGES_AGAINST
    steps = (1 if options.quick else 4) if peer else 6
    try:
        with Worker(name, kernels) as worker:
            return [worker.steps(1) for _ in range(steps)][1 if steps > 1 else 0 :]
    except NotRunError as error:
        return f"not run: {error}"


def _median(answers: Sequence[Mapping[str, Any]]) -> float:
    """Seconds that the processor took for a step, as a peer's takes longer than a quiet moment of the machine."""
    return statistics.median(answer["processor"] for answer in answers)


def on_gpu(options: Options) -> Iterator[Row]:
    """Steps and memory on a GPU, size by size as far as the seconds go; all in the same rounds."""
    end = time.monotonic() + options.seconds
    copy = copied_bytes_a_second(2**16 if options.quick else 2**28)
    sizes = [((400, 400), 8)] if options.quick else GPU_SIZES
    for widths, batch in sizes:
        what = f"GPU step, {len(widths)} x {widths[0]:,}, batch {batch}"
        if time.monotonic() + GPU_SECONDS > end:
            yield Row(what, None, "ms", note="not run: no time was left")
            continue
        median: dict[str, float] = {}
        for name, answers in _in_turn(widths, batch, 2 if options.quick else 7):
            if isinstance(answers, str):
                yield Row(f"{what}: {name}", None, "ms", note=answers)
                continue
            taken = sorted(answer["seconds"] / GPU_STEPS for answer in answers)
            memory = f"{answers[-1]['bytes'] / 2**20:,.0f} MiB of the GPU at most"
            note = f"{taken[0] * 1e3:.3f} to {taken[-1] * 1e3:.3f}; {memory}"
            median[name] = statistics.median(taken)
            yield Row(f"{what}: {name}", median[name] * 1e3, "ms", note=note)
        yield from _against(what, widths, batch, median)
        if copy:
            yield from _shares(what, widths, batch, median, copy)


def _in_turn(widths: Sequence[int], batch: int, rounds: int) -> Iterator[tuple[str, list[dict[str, Any]] | str]]:
    """Rounds of steps of everything, in turn, after all have warmed up at once; or why one was not run."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    names = {**{name: (name, True) for name in (*OURS, *PEERS)}, **{f"{name}, called": (name, False) for name in OURS}}
    with ExitStack() as stack:
        workers, failed = {}, {}
        for shown, (name, replayed) in names.items():
            try:
                workers[shown] = stack.enter_context(Worker(name, widths, batch, device, replayed))
                workers[shown].begin(GPU_STEPS)
            except (NotRunError, BrokenPipeError) as error:
                failed[shown] = f"not run: {error}"
        answers: dict[str, list[dict[str, Any]]] = {}
        for shown, worker in list(workers.items()):
            try:
                worker.answer()
            except NotRunError as error:
                failed[shown] = f"not run: {error}"
                del workers[shown]
        for _ in range(rounds):
            for shown, worker in workers.items():
                answers.setdefault(shown, []).append(worker.steps(GPU_STEPS))
    yield from ((shown, failed.get(shown) or answers[shown]) for shown in names)


def _against(what: str, widths: Sequence[int], batch: int, median: Mapping[str, float]) -> Iterator[Row]:
    """Ours beside each peer, with the same mathematics; and discrete gates beside difflogic's real-valued ones."""
    small = widths[0] == 8000
    for peer, own in AGAINST.items():
        if peer in median and own in median:
            must, aim = (">= 5", ">= 20") if small else (">= 3", ">= 5") if peer == "difflogic raw" else ("", "")
            barred = small or batch in (128, 512)
            yield Row(
                f"{what}: {own} against {peer}", median[peer] / median[own], "x", *((must, aim) if barred else ())
            )
    peer, own = "difflogic raw", "light, straight-through"
    if peer in median and own in median:
        bars = (">= 8", ">= 13") if not small and batch in (128, 512) else ()
        note = "not the same mathematics: discrete gates forward, four numbers a gate"
        yield Row(f"{what}: {own} against {peer}", median[peer] / median[own], "x", *bars, note=note)


def _shares(what: str, widths: Sequence[int], batch: int, median: Mapping[str, float], copy: float) -> Iterator[Row]:
    """How near a step comes to the time in which the GPU copies what it must move."""
    for name in OURS:
        if name in median:
            bars = (">= 50", ">= 75") if batch == 1024 else ()
            share = 100 * least_bytes(widths, batch, "straight" in name) / copy / median[name]
            note = f"signals and gradients once each, at a copy's {copy / 1e9:,.0f} GB/s; parameters come on top"
            yield Row(f"{what}: {name}, share of the limit", share, "%", *bars, note=note)


def least_bytes(widths: Sequence[int], batch: int, straight_through: bool) -> float:
    """The least that a step moves, each row once: of real-valued gates 20 bytes a gate and sample.

    Forward signals are read and written; backward signals and the gradients of outputs are read, and the gradients of
    inputs written, but of the first layer. Bits are an eighth of a byte; the parameters' own traffic is left out.
    """
    signal, gradient = (1 / 8 if straight_through else 4), 4
    total = 0.0
    for inputs, outputs in pairwise((784, *widths)):
        total += batch * signal * (2 * inputs + outputs) + batch * gradient * outputs
        total += 0 if inputs == 784 else batch * gradient * inputs
    return total


if __name__ == "__main__":
    run("training_speed", measure, gpu="only what runs on a GPU")
