"""The library of the domain `ai.lgn` in ONNX Runtime: a kernel for each node of the file, or one for the network."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from lgn_edge.verify.backends.in_process import InProcess
from lgn_edge.verify.subject import Runner, Samples, Subject


@dataclass(frozen=True)
class OnnxRuntimeLibraryBackend(InProcess):
    """ONNX Runtime on the CPU with the library (see `Backend`).

    Attributes:
        ops: "custom" or "fused", of the file that is written for the occasion.
    """

    ops: str = "custom"

    def available(self, subject: Subject) -> str | None:
        """Where the library is, or can be built."""
        from lgn_edge.errors import LgnError
        from lgn_edge.onnx_library import onnx_library_path

        try:
            onnx_library_path()
        except LgnError as error:
            return str(error)
        return None

    def version(self) -> str:
        """The onnxruntime package."""
        return f"onnxruntime {version('onnxruntime')}"

    def given(self, subject: Subject) -> Path | None:
        """Nothing: a file that is given may be of other ops."""
        return None

    @contextmanager
    def prepare(self, subject: Subject) -> Iterator[Runner]:
        """Write the file and load it."""
        from lgn_edge.network import Prediction
        from lgn_edge.onnx_library import onnx_session
        from lgn_edge.onnx_model import Form, write
        from lgn_edge.onnx_model.runtime import session_run

        with tempfile.TemporaryDirectory(prefix="lgn-edge-") as folder:
            path = Path(folder) / "model.onnx"
            write(subject.network, path, Form(self.ops, outputs=("scores", "class")))
            run = session_run(onnx_session(path, threads=1))

            def predict(samples: Samples) -> Prediction:
                outputs = run(samples)
                return Prediction(outputs["scores"], outputs["class"].astype("uint16"))

            yield predict
