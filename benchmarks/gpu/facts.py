"""What the machine is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version

import torch
from harness import Options, Row, machine, run

from lgn_edge.nn.kernels import gpu
from lgn_edge.programs import find_program


def measure(options: Options) -> Iterator[Row]:
    """The card, its driver, and the versions of what runs there."""
    yield fact("processor", machine())
    yield fact("python", sys.version.split()[0])
    yield fact("torch", torch.__version__)
    yield fact("triton", gpu.missing() or version("triton"))
    if not torch.cuda.is_available():
        yield fact("card", "none")
        return
    card = torch.cuda.get_device_properties(0)
    yield fact("card", card.name)
    yield Row("multiprocessors", card.multi_processor_count, "")
    yield Row("second cache", card.L2_cache_size / 2**20, "MiB")
    yield Row("memory", card.total_memory / 2**30, "GiB")
    if find_program("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=driver_version,clocks.max.sm,clocks.max.mem", "--format=csv,noheader"]
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
        yield fact("driver, greatest clocks of processors and memory", done.stdout.strip())


def fact(name: str, what: str) -> Row:
    """A row without a figure."""
    return Row(name, None, "", note=what)


if __name__ == "__main__":
    run("facts", measure)
