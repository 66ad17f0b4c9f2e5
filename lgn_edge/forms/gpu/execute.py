"""The loop over launches, on any device: what every launcher does, in Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lgn_edge.forms.gpu.launch import BUFFER, CLASSES, COUNT, SCORES, TABLE, WORDS, Launches
from lgn_edge.network.layers import Int32Array

Handle = Any


class Device(Protocol):
    """What launches need of a device."""

    def allocate(self, size: int) -> Handle:
        """Memory of so many bytes."""

    def write(self, buffer: Handle, values: NDArray[Any]) -> None:
        """Fill the beginning of a buffer."""

    def read(self, buffer: Handle, size: int) -> bytes:
        """The first bytes of a buffer, when all launches before are done."""

    def launch(
        self, kernel: str, arguments: Sequence[Handle | int], threads: int, blocks: tuple[int, int], shared: int
    ) -> None:
        """Run a kernel behind all that were launched before; numbers are int32."""


def execute(
    launches: Launches, device: Device, given: NDArray[Any], count: int, takes: str
) -> tuple[Int32Array, Int32Array]:
    """Scores int32[count, classes] and classes int32[count].

    Args:
        launches: the network.
        device: runs them.
        given: samples [count, features] of the input type, or words uint32[bits, ceil(count / 32)].
        count: samples.
        takes: SAMPLES or WORDS, which of them.
    """
    sequence = launches.sequence(takes, count)
    most = min(max(count, 1), sequence.most)
    if takes == WORDS and most < count:
        most = most // 32 * 32  # pieces begin with a word
    handles = [device.allocate(buffer.bytes(most)) for buffer in launches.buffers]
    for buffer, handle in zip(launches.buffers, handles, strict=True):
        if buffer.role == TABLE:
            device.write(handle, launches.tables[buffer.name])
    role = {buffer.role: handle for buffer, handle in zip(launches.buffers, handles, strict=True)}
    width = next(buffer.each // 4 for buffer in launches.buffers if buffer.role == SCORES)
    scores, classes = np.empty((count, width), np.int32), np.empty(count, np.int32)
    for start in range(0, count, most):
        n = min(most, count - start)
        piece = given[start : start + n] if takes != WORDS else given[:, start // 32 : -(-(start + n) // 32)]
        device.write(role[takes], np.ascontiguousarray(piece))
        for launch in sequence.launches:
            arguments = [
                handles[a.value] if a.kind == BUFFER else n if a.kind == COUNT else a.value for a in launch.arguments
            ]
            device.launch(launch.kernel, arguments, launch.threads, launch.blocks(n), launch.shared)
        for values, handle in ((scores, role[SCORES]), (classes, role[CLASSES])):
            part = values[start : start + n]
            part[...] = np.frombuffer(device.read(handle, part.nbytes), np.int32).reshape(part.shape)
    return scores, classes
