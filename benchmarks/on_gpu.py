"""Everything that needs a real GPU, in one call of under eight minutes.

A machine with a GPU may be lent for minutes only, and may have no network. So what it needs is prepared here, in
`build/gpu`, and travels with the checkout:

    python benchmarks/on_gpu.py --prepare           # peers' packages, MNIST, artifacts; needs LGN_EDGE_DATA and pip

There, with Python 3.12, torch 2.11, Triton 3.6, nvcc and pytest, in the root of the checkout:

    PYTHONPATH=. python3 benchmarks/on_gpu.py --budget 470   # carry build/gpu; allow 540 seconds

It writes `on_gpu.json` into `$OUT` (or `--output`), anew every second, so that nothing is lost when the machine goes
away. Steps run in processes of their own, since one that faults takes CUDA along; each is left out when too few seconds
are left, and ended when it takes too long. To run some again: `--only steps kernels`. Back here:

    python benchmarks/on_gpu.py --report on_gpu.json   # writes benchmarks/results/DATE-CARD

`--smoke` runs the same steps without a GPU, on next to no work, with Triton's interpreter; nothing is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

from gpu.carried import CARRIED, prepare
from gpu.report import write_report
from harness import Row, show

from lgn_edge.programs import find_program

HERE: Final = Path(__file__).resolve().parent
NAME: Final = "on_gpu.json"


@dataclass(frozen=True)
class Step:
    """A benchmark that prints its rows as lines.

    Attributes:
        name: of the step.
        script: in benchmarks/, with its options.
        needs: seconds without which it is not begun.
        most: seconds after which it is ended.
        behind: it needs no GPU, so it begins at once, behind the others, and is waited for in its place.
    """

    name: str
    script: tuple[str, ...]
    needs: float
    most: float
    behind: bool = False


# In this order: first whether the kernels are right, then what has never been timed, at last what takes what is left.
STEPS: Final = (
    Step("machine", ("gpu/facts.py",), 5, 30),
    Step("tests", ("gpu/correct.py",), 60, 170),
    Step("bandwidth", ("gpu/bandwidth.py",), 10, 30),
    Step("peers", ("gpu/peers.py",), 0, 150, behind=True),
    Step("steps", ("training_speed.py", "--gpu"), 60, 170),
    Step("kernels", ("gpu/kernels.py",), 30, 70),
    Step("artifacts", ("gpu/artifacts.py",), 40, 110),
    Step("trainings", ("gpu/trainings.py",), 30, 120),
)


@dataclass
class Run:
    """What is known so far.

    Attributes:
        smoke: without a GPU.
        output: folder for what comes back.
        end: when the budget is spent, by the monotonic clock.
        steps: by name, the rows so far, the seconds, and why there are no more.
    """

    smoke: bool
    output: Path
    end: float
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def left(self) -> float:
        """Seconds of the budget."""
        return self.end - time.monotonic()

    def save(self) -> None:
        """Write everything, whole."""
        document = {"benchmark": "on_gpu", "smoke": self.smoke, "date": date.today().isoformat()}
        text = json.dumps({**document, "command": " ".join(sys.argv), "steps": self.steps}, indent=1)
        temporary = self.output / f".{NAME}"
        temporary.write_text(text)
        temporary.replace(self.output / NAME)


class Process:
    """A step that runs, alone in its session."""

    def __init__(self, step: Step, run: Run, environment: Mapping[str, str]) -> None:
        self.step, self.began = step, time.monotonic()
        self._lines = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed in `finish`
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  likewise
        seconds = max(1.0, min(step.most, run.left) - 5)
        options = ["--lines", "--seconds", f"{seconds:.0f}", *(["--quick"] if run.smoke else [])]
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / step.script[0]), *step.script[1:], *options],
            stdout=self._lines,
            stderr=self._errors,
            env=dict(environment),
            start_new_session=True,
        )

    def finish(self, run: Run) -> None:
        """Wait for it as long as it may take; what it has printed is saved all the while."""
        most = 600.0 if run.smoke else self.step.most
        while self._process.poll() is None and run.left > 0 and time.monotonic() - self.began < most:
            time.sleep(0.2 if run.smoke else 1.0)
            self._keep(run)
        ended = self._process.poll() is None
        if ended:
            os.killpg(self._process.pid, signal.SIGKILL)
        code = self._process.wait()
        self._errors.seek(0)
        text = "ended: no time was left" if ended else self._errors.read()[-2000:] if code else ""
        self._keep(run, text)
        self._lines.close()
        self._errors.close()

    def _keep(self, run: Run, error: str = "") -> None:
        self._lines.seek(0)
        lines = self._lines.read().splitlines(keepends=True)
        rows = [json.loads(line) for line in lines if line.endswith("\n") and line.startswith("{")]
        took = {"seconds": round(time.monotonic() - self.began, 1), "rows": rows}
        run.steps[self.step.name] = took | ({"error": error} if error else {})
        run.save()


def environment(smoke: bool) -> dict[str, str]:
    """What the steps find: our code, what is carried, and peers' packages beside this Python."""
    root = HERE.parent
    paths = [CARRIED / "site", root, HERE]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONUNBUFFERED": "1",
        "TRITON_INTERPRET": "1" if smoke else "0",
        "LGN_EDGE_DATA": str(CARRIED / "data"),
        "LGN_EDGE_PEERS_PYTHON": sys.executable,
        "LGN_EDGE_GPU_OUTPUT": os.environ.get("OUT", ""),
    }


def measure(run: Run, wanted: Sequence[str]) -> None:
    """Run the steps, one after the other, as far as time goes."""
    given = environment(run.smoke)
    steps = [step for step in STEPS if not wanted or step.name in wanted]
    behind = {step.name: Process(step, run, given) for step in steps if step.behind}
    for step in steps:
        if step.name not in behind and run.left < step.needs:
            run.steps[step.name] = {"rows": [], "error": f"not run: {run.left:.0f} s were left"}
            run.save()
            continue
        (behind.get(step.name) or Process(step, run, given)).finish(run)
        took = run.steps[step.name]
        show(f"{step.name}, {took['seconds']} s", [row_of(row) for row in took["rows"]])
        if "error" in took:
            print(took["error"], flush=True)


def row_of(values: Mapping[str, Any]) -> Row:
    """A row from its plain values."""
    return Row(**{name: value for name, value in values.items() if name != "holds"})


def main() -> int:
    """Run, prepare or report; 1 if a step failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--prepare", action="store_true", help="gather in build/gpu what a machine without network needs")
    what.add_argument("--report", type=Path, metavar="JSON", help="write benchmarks/results/DATE-CARD from it")
    what.add_argument("--smoke", "--quick", action="store_true", help="the same steps without a GPU; nothing is timed")
    parser.add_argument("--budget", type=float, default=470, help="seconds in all")
    parser.add_argument(
        "--only", nargs="+", default=[], choices=[step.name for step in STEPS], help="these steps alone"
    )
    parser.add_argument("--output", type=Path, default=Path(os.environ.get("OUT", CARRIED / "results")))
    arguments = parser.parse_args()
    if arguments.prepare:
        prepare()
        return 0
    if arguments.report:
        print(write_report(arguments.report, HERE / "results"))
        return 0
    if not arguments.smoke and not find_program("nvidia-smi"):
        parser.error("there is no GPU here (no nvidia-smi); --smoke runs the steps without one")
    arguments.output.mkdir(parents=True, exist_ok=True)
    run = Run(arguments.smoke, arguments.output, time.monotonic() + arguments.budget)
    measure(run, arguments.only)
    return int(any("error" in step for step in run.steps.values()))


if __name__ == "__main__":
    sys.exit(main())
