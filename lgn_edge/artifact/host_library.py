"""Calling the shared library of an artifact that was built for this machine."""

from __future__ import annotations

import ctypes
import os
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lgn_edge.artifact.threads import Pace
from lgn_edge.errors import InputError, InvariantError, UnsupportedError
from lgn_edge.files import scratch_folder
from lgn_edge.network import Prediction
from lgn_edge.network.truth_table import Words

_PIECES = 8  # of work a thread, where there is enough of it
_E_CPU = -2  # LGN_NAME_E_CPU of the C interface


class HostLibrary:
    """The C interface of one artifact through ctypes. Calls may overlap in time: each has a workspace of its own.

    Args:
        path: the shared library.
        prefix: of its symbols.
        classes: scores of a sample.
        block: samples evaluated together.
        workspace_bytes: memory that a call needs.
        workspace_align: its alignment in bytes.
    """

    def __init__(
        self, path: Path, prefix: str, classes: int, block: int, workspace_bytes: int, workspace_align: int
    ) -> None:
        library = load_library(path)
        self._classes, self._block = classes, block
        self._workspace = workspace_bytes, workspace_align
        # Workspaces of calls that have ended: a new one would cost a page fault for each 4 KiB that it is written to.
        self._memory: deque[NDArray[np.uint8]] = deque()
        self._pace = Pace()
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        self._predict = getattr(library, f"{prefix}_predict_strided_in")
        self._predict.argtypes = [pointer, pointer, ctypes.c_ssize_t, size, pointer, pointer]
        self._predict_packed = getattr(library, f"{prefix}_predict_packed_in")
        self._predict_packed.argtypes = [pointer, pointer, size, pointer, pointer]
        self._library = library
        self._set_level = getattr(library, f"{prefix}_set_level", None)
        self._selftest = getattr(library, f"{prefix}_selftest")
        self._selftest.argtypes, self._selftest.restype = [], ctypes.c_int

    def predict(self, samples: NDArray[Any], threads: int = 1) -> Prediction:
        """Scores and classes of samples [n, features] of the interface's type.

        The features of a sample lie side by side; the samples may lie anywhere (`takes`).

        Several threads take pieces of whole blocks from one queue, so that a slow one does not hold up the others; the
        caller's is one of them, and waits for no thread that has not begun. Where several threads were slower than one,
        calls have one.
        """
        n = len(samples)
        scores, classes = np.empty((n, self._classes), np.int32), np.empty(n, np.uint16)
        stride = samples.strides[0] // samples.itemsize
        blocks = -(-n // self._block)
        threads = self._pace.choose(blocks, max(1, min(threads, blocks)))
        piece = n if threads == 1 else max(1, blocks // (_PIECES * threads)) * self._block
        starts = deque(range(0, n, max(1, piece)))

        def work() -> None:
            while True:
                try:
                    start = starts.popleft()
                except IndexError:
                    return
                stop = min(start + piece, n)
                given = samples[start:stop].ctypes.data, stride, stop - start
                self._call(self._predict, given, scores[start:stop], classes[start:stop])

        begin = time.perf_counter()
        helpers = [self._pool.submit(work) for _ in range(threads - 1)]
        work()
        for helper in helpers:
            if not helper.cancel():
                helper.result()
        self._pace.note(blocks, threads, time.perf_counter() - begin)
        return Prediction(scores, classes)

    def predict_packed(self, words: Words, n: int) -> Prediction:
        """The same from packed bits uint64[bits, ceil(n / 64)], C-contiguous."""
        scores, classes = np.empty((n, self._classes), np.int32), np.empty(n, np.uint16)
        self._call(self._predict_packed, (words.ctypes.data, n), scores, classes)
        return Prediction(scores, classes)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="lgn-edge")

    def selftest(self) -> int:
        """0 when the embedded vectors agree, else 1 + the index of the first that does not."""
        return int(self._selftest())

    def set_level(self, level: int) -> bool:
        """Run the kernels of this level from now on, or the best ones again for 0; every user of the library gets them.

        Returns:
            whether the library and this CPU have the level; nothing changes otherwise.
        """
        return self._set_level is not None and self._set_level(level) == 0

    def takes(self, samples: NDArray[Any]) -> bool:
        """Whether `predict` reads these samples where they lie; else they must be copied."""
        rows, columns = samples.strides
        size = samples.itemsize
        side_by_side = columns == size and rows % size == 0 and abs(rows // size) <= 0x7FFFFFFF // self._block
        return samples.flags.aligned and side_by_side

    def _call(self, function: Any, given: tuple[int, ...], scores: NDArray[Any], classes: NDArray[Any]) -> None:
        size, align = self._workspace
        try:
            memory = self._memory.pop()
        except IndexError:
            memory = np.empty(size + align, np.uint8)
        workspace = memory.ctypes.data + -memory.ctypes.data % align
        code = function(workspace, *given, scores.ctypes.data, classes.ctypes.data)
        self._memory.append(memory)
        if code == _E_CPU:
            raise UnsupportedError("this CPU is older than x86-64-v2, the oldest in the library; build for native")
        if code:
            raise InvariantError(f"the library returned {code} for {len(classes)} samples")


def load_library(path: Path) -> ctypes.CDLL:
    """Load the file that is at `path` now.

    The loader would hand out an older library that was loaded from the same path before the artifact was built again,
    so it gets to see the file under a name of its own.
    """
    with scratch_folder() as folder:
        name = folder / path.name
        name.symlink_to(path.resolve())
        try:
            return ctypes.CDLL(str(name))
        except OSError as error:
            raise InputError(f"{path} cannot be loaded ({error}); build the artifact on this machine") from error
