"""Samples a second of the native artifact, end to end, by one thread; and what a second thread does to a call."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from harness import ALL_GATES, TRUE_GATES, Options, Row, interleaved, random_network, random_samples, run
from numpy.typing import NDArray

from lgn_edge.artifact import Artifact, build

NETWORKS = {"4 x 2,000": (2000,) * 4, "6 x 8,000": (8000,) * 6}
GATES = {"16 operations": ALL_GATES, "10 true operations": TRUE_GATES}
SAMPLES = 16_384
CALLS = (1, 64, 1024, 16_384, 65_536)  # samples each
SETTLED = 6  # calls of a size, after which the library has timed both numbers of threads


def measure(options: Options) -> list[Row]:
    """Random wiring, 784 uint8 inputs, 10 classes, scores and classes out; medians of interleaved rounds."""
    rounds = 5 if options.quick else 21
    with tempfile.TemporaryDirectory() as folder:
        artifacts = {}
        for size, widths in NETWORKS.items():
            for kind, gates in GATES.items():
                name = f"{size}, {kind}"
                network = random_network(widths, gates=gates)
                artifacts[name] = build(network, "native", Path(folder) / name.replace(" ", ""))
                samples = random_samples(network, 600)
                assert artifacts[name].predict(samples) == network.evaluate(samples), "differs from the reference"
        samples = random_samples(network, max(CALLS))  # of any of them
        calls = {
            name: lambda artifact=artifact: artifact.predict(samples[:SAMPLES], threads=1)
            for name, artifact in artifacts.items()
        }
        rows = [
            Row(name, SAMPLES / seconds, "samples/s", note=_note(artifacts[name]))
            for name, seconds in interleaved(calls, rounds).items()
        ]
        for size in NETWORKS:
            name = f"{size}, 16 operations"
            rows += [_threads(name, artifacts[name], samples[:n], rounds) for n in CALLS]
    return rows


def _threads(name: str, artifact: Artifact, samples: NDArray[Any], rounds: int) -> Row:
    calls = {threads: partial(artifact.predict, samples, threads=threads) for threads in (1, 2)}
    for _ in range(SETTLED):
        artifact.predict(samples, threads=2)
    took = interleaved(calls, rounds)
    return Row(f"{name}, {len(samples):,} samples a call: two threads / one", took[1] / took[2], "x", ">= 0.9")


def _note(artifact: Artifact) -> str:
    report = artifact.report
    return f"{report['gates']:,} gates, {report['gates_scheduled']:,} scheduled; {artifact.manifest.cpu}"


if __name__ == "__main__":
    run("cpu_throughput", measure)
