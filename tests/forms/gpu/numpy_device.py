"""A device whose kernels are functions of numpy arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Memory = NDArray[np.uint32]


@dataclass
class NumpyDevice:
    """Kernels get the blocks of the grid, then the arguments: uint32[...] of a buffer, or a number."""

    kernels: Mapping[str, Callable[..., None]]
    launched: list[tuple[str, tuple[int, int]]] = field(default_factory=list)

    def allocate(self, size: int) -> Memory:
        return np.full(size // 4, 0xDEADBEEF, np.uint32)  # what nobody wrote is seen

    def write(self, buffer: Memory, values: NDArray[Any]) -> None:
        buffer.view(np.uint8)[: values.nbytes] = values.reshape(-1).view(np.uint8)

    def read(self, buffer: Memory, size: int) -> bytes:
        return buffer.tobytes()[:size]

    def launch(
        self, kernel: str, arguments: Sequence[Memory | int], threads: int, blocks: tuple[int, int], shared: int
    ) -> None:
        self.launched.append((kernel, blocks))
        self.kernels[kernel](blocks, *arguments)
