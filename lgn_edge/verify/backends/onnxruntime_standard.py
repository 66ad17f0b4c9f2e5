"""The network exported in standard ops, in ONNX Runtime: gates sorted by kind, counted by carry-save adders."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from lgn_edge.verify.backends.in_process import InProcess
from lgn_edge.verify.subject import Runner, Subject


@dataclass(frozen=True)
class OnnxRuntimeStandardBackend(InProcess):
    """ONNX Runtime on the CPU, of a file in standard ops (see `Backend`)."""

    name: str = "onnxruntime-standard"

    def version(self) -> str:
        """The onnxruntime package."""
        return f"onnxruntime {version('onnxruntime')}"

    def given(self, subject: Subject) -> Path | None:
        """Nothing: the file is written for the occasion. A standard file that is given is what the others run."""
        return None

    @contextmanager
    def prepare(self, subject: Subject) -> Iterator[Runner]:
        """Write the standard file and load it."""
        from lgn_edge.onnx_model import Form, write
        from lgn_edge.onnx_model.runtime import onnxruntime_session

        with tempfile.TemporaryDirectory(prefix="lgn-edge-") as folder:
            path = Path(folder) / "standard.onnx"
            write(subject.network, path, Form("standard"))
            yield onnxruntime_session(path, threads=1)
