"""What all tests share."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Triton reads it when it is first imported: kernels for a GPU are executed by its interpreter, on the CPU.
os.environ.setdefault("TRITON_INTERPRET", "1")

# Machines differ in speed and are shared: no deadline, and the examples are the same in every run.
settings.register_profile(
    "lgn", deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("lgn")
