"""What the memory of the GPU gives: a copy, and rows gathered in random order, as wires read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import torch
from harness import Options, Row, run

from gpu.timing import DEVICE, seconds

NUMBERS: Final = 2**29  # 2 GiB, far more than any cache


def copied_bytes_a_second(numbers: int = NUMBERS) -> float | None:
    """Bytes read and written a second by a copy of random float32; None without a GPU."""
    x = torch.rand(numbers, device=DEVICE)
    y = torch.empty_like(x)
    took = seconds(lambda: y.copy_(x))
    return took and 2 * x.nbytes / took


def measure(options: Options) -> Iterator[Row]:
    """Bytes read and written a second."""
    numbers = 2**16 if options.quick else NUMBERS
    note = "" if DEVICE == "cuda" else "not timed: no GPU"
    rate = copied_bytes_a_second(numbers)
    yield Row("copy", rate and rate / 1e9, "GB/s", note=note)
    x = torch.rand(numbers, device=DEVICE)
    for width in (128, 512):
        rows = x.view(-1, width)
        order, y = torch.randperm(len(rows), device=DEVICE), torch.empty_like(rows)
        took = seconds(lambda rows=rows, order=order, y=y: torch.index_select(rows, 0, order, out=y))
        yield Row(f"rows of {4 * width} bytes, gathered", took and 2 * x.nbytes / took / 1e9, "GB/s", note=note)


if __name__ == "__main__":
    run("bandwidth", measure)
