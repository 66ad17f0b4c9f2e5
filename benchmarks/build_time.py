"""How long export and build take, and how much memory, by the size of the network."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from harness import Options, Row, random_network, random_samples, run

# widths, must: seconds of export and build together, must: GiB of the process at its highest
SIZES = {
    "48,000 gates": ((8000,) * 6, "<= 3", ""),
    "1,000,000 gates": ((250_000,) * 4, "<= 30", "<= 4"),
}


def measure(options: Options) -> list[Row]:
    """Each size in a process of its own, after imports; the artifact is checked against the reference."""
    rows = []
    for name, (widths, seconds, gibibytes) in SIZES.items():
        rounds = 1 if options.quick else 5
        results = sorted(_in_process(widths) for _ in range(rounds))
        export, build, peak = results[rounds // 2]
        note = f"export {export:.2f} s + build native {build:.2f} s, median of {rounds}"
        rows.append(Row(f"{name}: export + build", export + build, "s", seconds, "", note))
        rows.append(
            Row(f"{name}: peak memory", peak, "GiB", gibibytes, "", "of the process, interpreter and TVM included")
        )
    return rows


def _in_process(widths: Sequence[int]) -> tuple[float, float, float]:
    command = [sys.executable, __file__, "--one", ",".join(map(str, widths))]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    export, build, peak = map(float, output.split())
    return export, build, peak


def _one(widths: Sequence[int]) -> None:
    import tvm  # noqa: F401  imports are not part of the time

    from lgn_edge import onnx_model
    from lgn_edge.artifact import build

    network = random_network(widths)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.onnx"
        start = time.perf_counter()
        onnx_model.write(network, model)
        written = time.perf_counter()
        artifact = build(model, "native", Path(folder) / "native")
        built = time.perf_counter()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        samples = random_samples(network, 65)
        assert artifact.predict(samples) == network.evaluate(samples), "the artifact differs from the reference"
    print(written - start, built - written, peak)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _one([int(width) for width in sys.argv[2].split(",")])
    else:
        run("build_time", measure)
