"""The kernels' own tests, executed on the GPU: values, gradients, and equal bits twice."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from harness import Options, Row, run

ROOT: Final = Path(__file__).resolve().parents[2]
TESTS: Final = (
    "tests/nn/test_chains.py",
    "tests/nn/test_rows.py",
    "tests/nn/test_rows_of_images.py",
    "tests/training/test_steps.py",
)
LEFT_OUT: Final = "not machine_code"  # it compiles for cards that are not there


def measure(options: Options) -> Iterator[Row]:
    """How many tests pass, and which do not."""
    files = [name for name in TESTS if (ROOT / name).exists()]
    some = ["-k", "readers or learns_as"] if options.quick else ["-k", LEFT_OUT, "--maxfail=20", "-n", "8"]
    command = [sys.executable, "-m", "pytest", "-W", "default", "-p", "no:cacheprovider", "-rfE", *some, *files]
    folder = os.environ.get("LGN_EDGE_GPU_OUTPUT") or tempfile.gettempdir()
    with (Path(folder) / "tests.log").open("w+") as log:
        done = subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False)
        log.seek(0)
        lines = log.read().splitlines()
    counts = {kind: int(number) for number, kind in re.findall(r"(\d+) (passed|failed|errors?)", lines[-1])}
    right = done.returncode == 0 and bool(counts.get("passed"))
    note = lines[-1] if right else f"ended with {done.returncode}: {lines[-1]}"
    yield Row("tests that pass", counts.get("passed", 0), "", note=note, failed=not right)
    for line in lines:
        if line.startswith(("FAILED", "ERROR")):
            yield Row(line.split(" - ")[0], None, "", note=line.partition(" - ")[2], failed=True)


if __name__ == "__main__":
    run("correct", measure)
