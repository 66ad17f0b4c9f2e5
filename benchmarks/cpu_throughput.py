"""Samples a second of the native artifact, end to end: uint8 features in, scores and classes out, one thread."""

from __future__ import annotations

import tempfile
from pathlib import Path

from harness import ALL_GATES, TRUE_GATES, Options, Row, interleaved, random_network, random_samples, run

from lgn_edge.artifact import build

NETWORKS = {"4 x 2,000": (2000,) * 4, "6 x 8,000": (8000,) * 6}
GATES = {"16 operations": ALL_GATES, "10 true operations": TRUE_GATES}
SAMPLES = 16_384


def measure(options: Options) -> list[Row]:
    """Random wiring, 784 inputs, 10 classes; medians of interleaved rounds."""
    with tempfile.TemporaryDirectory() as folder:
        calls, notes = {}, {}
        for size, widths in NETWORKS.items():
            for kind, gates in GATES.items():
                name = f"{size}, {kind}"
                network = random_network(widths, gates=gates)
                artifact = build(network, "native", Path(folder) / name.replace(" ", ""))
                samples = random_samples(network, SAMPLES)
                assert artifact.predict(samples[:600]) == network.evaluate(samples[:600]), "differs from the reference"
                calls[name] = lambda artifact=artifact, samples=samples: artifact.predict(samples, threads=1)
                report = artifact.report
                notes[name] = (
                    f"{report['gates']:,} gates, {report['gates_scheduled']:,} scheduled; {artifact.manifest.cpu}"
                )
        medians = interleaved(calls, rounds=5 if options.quick else 21)
    return [Row(name, SAMPLES / seconds, "samples/s", note=notes[name]) for name, seconds in medians.items()]


if __name__ == "__main__":
    run("cpu_throughput", measure)
