"""How many threads a call should have here."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from pathlib import Path
from statistics import median
from typing import Final

_BYTES_A_THREAD = 1 << 20  # of rows that are gone through; takes some 0.3 ms, and waking a thread some 0.05 ms
_TRIES: Final = 3  # calls of a kind that are timed before one is chosen
_AGAIN: Final = 64  # the slower one is tried again, as the machine may have become less busy, in 1/64 of the time
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
        self._since: defaultdict[tuple[int, int], float] = defaultdict(
            float
        )  # that others took since a kind's last call

    def choose(self, blocks: int, threads: int) -> int:
        """1 or `threads`, for a call with so many blocks: what was faster, or what was not timed often enough.

        Threads must be faster in most calls than one was in its best: on a busy machine a call may be lucky.
        """
        if threads == 1:
            return 1
        one, several = ((blocks.bit_length(), number) for number in (1, threads))
        for kind in (one, several):
            if len(self._seconds[kind]) < _TRIES:
                return kind[1]
        helps = median(self._seconds[several]) < min(self._seconds[one])
        faster, slower = (several, one) if helps else (one, several)
        is_due = self._since[slower] > _AGAIN * max(self._seconds[slower])
        return (slower if is_due else faster)[1]

    def note(self, blocks: int, threads: int, seconds: float) -> None:
        """A call with so many blocks and threads took so long."""
        if not blocks:
            return
        noted = blocks.bit_length(), threads
        for kind in tuple(self._seconds):  # calls may overlap, and add to it
            if kind[0] == noted[0] and kind != noted:
                self._since[kind] += seconds / blocks
        self._seconds[noted].append(seconds / blocks)
        self._since[noted] = 0.0
