"""Calling the shared library of an artifact that launches kernels on a GPU."""

from __future__ import annotations

import ctypes
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lgn_edge.artifact.host_library import load_library
from lgn_edge.errors import UnsupportedError
from lgn_edge.network import Prediction
from lgn_edge.network.truth_table import Words


class GpuLibrary:
    """The C interface of one artifact for GPUs through ctypes, with one device open, which takes one call at a time.

    Args:
        path: the shared library.
        prefix: of its symbols.
        classes: scores of a sample.
        driver: path of the driver's library, or the name by which the system finds it.
        index: of the device.

    Raises:
        UnsupportedError: there is no driver or no device, or it does not take the kernels; says what it said.
    """

    def __init__(self, path: Path, prefix: str, classes: int, driver: str, index: int = 0) -> None:
        self._library, self._prefix, self._classes = load_library(path), prefix, classes
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        self._function("open").argtypes = [pointer, ctypes.c_char_p, ctypes.c_uint]
        self._function("close").argtypes = [pointer]
        self._function("message").argtypes, self._function("message").restype = [pointer], ctypes.c_char_p
        self._function("chunk").argtypes, self._function("chunk").restype = [pointer], size
        self._function("selftest").argtypes = [pointer]
        for name in ("predict", "predict_packed"):
            self._function(name).argtypes = [pointer, pointer, size, pointer, pointer]
        self._device, self._turn = pointer(), threading.Lock()
        code = self._function("open")(ctypes.byref(self._device), driver.encode(), index)
        self.device = self._message()
        if code:
            raise UnsupportedError(f"{path.name} opens no device: {self.device}")

    def __del__(self) -> None:
        """Close the device."""
        if getattr(self, "_device", None):
            self._function("close")(self._device)

    @property
    def chunk(self) -> int:
        """Samples that the last call took at once."""
        return int(self._function("chunk")(self._device))

    def predict(self, samples: NDArray[Any], threads: int = 1) -> Prediction:
        """Scores and classes of samples [n, features] of the interface's type, C-contiguous; threads are the GPU's."""
        return self._call("predict", samples, len(samples))

    def predict_packed(self, words: Words, n: int) -> Prediction:
        """The same from packed bits uint64[bits, ceil(n / 64)]."""
        halves = words.astype("<u8").view(np.uint32)[:, : -(-n // 32)]
        return self._call("predict_packed", np.ascontiguousarray(halves), n)

    def selftest(self) -> int:
        """0 when the embedded vectors agree, else 1 + the index of the first that does not.

        Raises:
            UnsupportedError: the device failed.
        """
        return self._run("selftest")

    def takes(self, samples: NDArray[Any]) -> bool:
        """Whether `predict` reads these samples where they lie; else they must be copied."""
        return bool(samples.flags.c_contiguous and samples.flags.aligned)

    def _call(self, name: str, given: NDArray[Any], n: int) -> Prediction:
        scores, classes = np.empty((n, self._classes), np.int32), np.empty(n, np.uint16)
        self._run(name, given.ctypes.data, n, scores.ctypes.data, classes.ctypes.data)
        return Prediction(scores, classes)

    def _run(self, name: str, *arguments: int) -> int:
        """What a function gives, when the calls of other threads are over."""
        with self._turn:
            code = int(self._function(name)(self._device, *arguments))
            if code < 0:
                raise UnsupportedError(f"the device failed: {self._message()}")
            return code

    def _message(self) -> str:
        return bytes(self._function("message")(self._device)).decode(errors="replace")

    def _function(self, name: str) -> Any:
        return getattr(self._library, f"{self._prefix}_{name}")
