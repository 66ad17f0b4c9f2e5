"""What all tests share."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings

from lgn_edge.programs import programs_hidden

# Tests run in several processes: threads of torch and numpy would only wait for each other.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
# Triton reads it when it is first imported: kernels for a GPU are executed by its interpreter, on the CPU.
os.environ.setdefault("TRITON_INTERPRET", "1")

# Machines differ in speed and are shared: no deadline, and the examples are the same in every run.
settings.register_profile(
    "quick", deadline=None, derandomize=True, max_examples=15, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("full", settings.get_profile("quick"), max_examples=100)
settings.load_profile("quick")


def _started(event: str, arguments: tuple[Any, ...]) -> None:
    """A program that no wheel has is not there, for whoever does not ask `tests.outside`."""
    if event != "subprocess.Popen":
        return
    program = Path(os.fsdecode(arguments[0]))
    ours = (sys.prefix, tempfile.gettempdir())  # of the environment, or compiled by a test
    if program.name != "make" and not str(program).startswith(ours):
        raise FileNotFoundError(f"{program} is hidden; whoever needs it asks for it, see tests/outside.py")


if programs_hidden():
    sys.addaudithook(_started)
