"""OpenCL: one source for the GPUs of all vendors, compiled by their drivers, and a C library that launches it."""

from __future__ import annotations

from dataclasses import replace

from lgn_edge.kernels.shape import Gpu, Shape
from lgn_edge.targets.native import native
from lgn_edge.targets.target import Level, Target


def opencl() -> Target:
    """The target for a GPU of this machine.

    Raises:
        UnsupportedError: not Linux on x86-64 or aarch64.
    """
    host = native()
    return replace(
        host,
        name="opencl",
        family="opencl",
        description="OpenCL 1.2 and newer, any GPU: kernels compiled by its driver, launched from this machine",
        levels=(Level("opencl"),),
        shape=Shape(word_bits=32, lanes=32),
        gpu=Gpu("opencl", shared_bytes=32 << 10, words=2),
    )
