"""Compiled kernels for logic layers, on a CPU and on a GPU; the torch functions beside them are the definition."""

from __future__ import annotations

from lgn_edge.nn.kernels import cpu, gpu


def missing(device_type: str) -> str | None:
    """Why a device ("cpu", "cuda") has no compiled kernels here, or None; layers then compute with torch."""
    return cpu.missing() if device_type == "cpu" else gpu.missing()
