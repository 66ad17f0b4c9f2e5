"""How many threads are worth starting here."""

from __future__ import annotations

import os
from pathlib import Path

_BYTES_A_THREAD = 1 << 20  # of rows that are gone through; takes some 0.3 ms, and waking a thread some 0.05 ms
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
