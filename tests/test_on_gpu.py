"""The script for a machine with a GPU runs as a whole without one, and what it writes becomes a report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.thinning import exhaustive

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "on_gpu.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False)


@exhaustive
def test_all_steps_run_without_a_gpu(tmp_path: Path) -> None:
    done = run("--smoke", "--budget", "1500", "--output", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    steps = json.loads((tmp_path / "on_gpu.json").read_text())["steps"]
    assert {"machine", "tests", "bandwidth", "peers", "steps", "kernels", "artifacts", "trainings"} <= steps.keys()
    for name, step in steps.items():
        assert step["rows"], name
        assert not any(row["failed"] for row in step["rows"]), step
    (folder,) = (tmp_path / "results" / name for name in [report(tmp_path)])
    text = (folder / "README.md").read_text()
    assert all(f"## {name}\n" in text for name in steps)
    assert "This run had no GPU" in text


def report(folder: Path) -> str:
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        from gpu.report import write_report  # type: ignore[import-not-found]  # a benchmark's
    finally:
        sys.path.remove(str(SCRIPT.parent))
    return str(write_report(folder / "on_gpu.json", folder / "results").name)


def test_says_that_there_is_no_gpu() -> None:
    done = run("--budget", "10")
    assert done.returncode == 2
    assert "there is no GPU here (no nvidia-smi); --smoke runs the steps without one" in done.stderr


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    done = run("--report", str(tmp_path / "other.json"))
    assert done.returncode == 1
    assert "is no result of on_gpu.py" in done.stderr
