"""The ONNX file in ONNX Runtime, with its graph optimisations and without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version

from lgn_edge.verification.backends.in_process import InProcess
from lgn_edge.verification.backends.model_file import model_file
from lgn_edge.verification.subject import Runner, Subject


@dataclass(frozen=True)
class OnnxRuntimeBackend(InProcess):
    """ONNX Runtime on the CPU (see `Backend`).

    Attributes:
        optimize: whether the runtime may rewrite the graph.
    """

    optimize: bool = True

    def version(self) -> str:
        """The onnxruntime package."""
        return f"onnxruntime {version('onnxruntime')}"

    @contextmanager
    def prepare(self, subject: Subject) -> Iterator[Runner]:
        """Load the model file, written first when there is none."""
        from lgn_edge.onnx_model.runtime import onnxruntime_session

        with model_file(subject) as path:
            yield onnxruntime_session(path, optimize=self.optimize, threads=1)
