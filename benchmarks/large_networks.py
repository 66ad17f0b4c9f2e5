"""Build time, memory and prediction of networks of 10 and 61 million gates, the largest of the field: 10 minutes."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import TRUE_GATES, Options, Row, random_network, random_samples, run

LAYERS = 6
WIDTHS = {"10,000,020 gates": 1_666_670, "61,000,020 gates": 10_166_670}
QUICK = {"1,000,020 gates": 166_670}
SAMPLES = 65


def measure(options: Options) -> list[Row]:
    """Random wiring over the ten true operations, each size in a process of its own; compared with the reference."""
    rows = []
    for name, width in (QUICK if options.quick else WIDTHS).items():
        command = [sys.executable, __file__, "--one", str(width)]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        build, predict, peak = map(float, output.split())
        note = "single run, after imports; equals the reference"
        rows += [
            Row(f"{name}: build native", build, "s", note=note),
            Row(f"{name}: predict {SAMPLES} samples", predict, "s", note="one thread, the second call"),
            Row(f"{name}: peak memory", peak, "GiB", "<= 24", note="of building and predicting"),
        ]
    return rows


def _one(width: int) -> None:
    import tvm  # noqa: F401  imports are not part of the time

    from lgn_edge.artifact import build

    network = random_network((width,) * LAYERS, gates=TRUE_GATES)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        artifact = build(network, "native", Path(folder) / "native")
        built = time.perf_counter() - start
        samples = random_samples(network, SAMPLES)
        prediction = artifact.predict(samples, threads=1)
        start = time.perf_counter()
        artifact.predict(samples, threads=1)
        predicted = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        assert prediction == network.evaluate(samples), "the artifact differs from the reference"
    print(built, predicted, peak)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _one(int(sys.argv[2]))
    else:
        run("large_networks", measure)
