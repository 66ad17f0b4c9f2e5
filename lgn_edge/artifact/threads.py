"""How many threads a call should have here."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from pathlib import Path
from typing import Final

_BYTES_A_THREAD = 1 << 20  # of rows that are gone through; takes some 0.3 ms, and waking a thread some 0.05 ms
_TRIES: Final = 3  # calls of a kind that are timed before one is chosen
_AGAIN: Final = 64  # calls after which the slower one is tried again: the machine may have become less busy
_TOPOLOGY = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def physical_cores() -> int:
    """Physical cores that this process may run on; hardware threads of one core count once.

    Where the system does not tell (no Linux, no sysfs), the number of processors that it may run on.
    """
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    processors = os.sched_getaffinity(0)
    try:
        return len({Path(_TOPOLOGY.format(processor)).read_text() for processor in processors})
    except OSError:
        return len(processors)


def worthwhile_threads(blocks: int, workspace_bytes: int) -> int:
    """How many threads a call should have: one a physical core, but none that has too little to do.

    Args:
        blocks: of samples in the call.
        workspace_bytes: of a block, which its time grows with.
    """
    return max(1, min(physical_cores(), blocks * workspace_bytes // _BYTES_A_THREAD))


class Pace:
    """How fast calls were, so that threads that do not help are left out.

    Threads can be slower than one: where two processors share a core or a memory, where other programs run, where a
    call is short. No number that the system tells says so; timing the calls themselves does, and costs nothing. Calls
    of about the same size are compared with each other.
    """

    def __init__(self) -> None:
        self._seconds: defaultdict[tuple[int, int], deque[float]] = defaultdict(lambda: deque(maxlen=_TRIES))
        self._calls: defaultdict[tuple[int, int], int] = defaultdict(int)

    def choose(self, blocks: int, threads: int) -> int:
        """1 or `threads`, for a call with so many blocks: what was faster, or what was not timed often enough."""
        if threads == 1:
            return 1
        one, several = ((blocks.bit_length(), number) for number in (1, threads))
        for kind in (one, several):
            if len(self._seconds[kind]) < _TRIES:
                return kind[1]
        faster, slower = sorted((one, several), key=lambda kind: min(self._seconds[kind]))
        self._calls[several] += 1
        return (slower if self._calls[several] % _AGAIN == 0 else faster)[1]

    def note(self, blocks: int, threads: int, seconds: float) -> None:
        """A call with so many blocks and threads took so long."""
        if blocks:
            self._seconds[blocks.bit_length(), threads].append(seconds / blocks)
