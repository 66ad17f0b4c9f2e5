"""The ONNX file evaluated node by node by `onnx.reference.ReferenceEvaluator`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version

from lgn_edge.verification.backends.in_process import InProcess
from lgn_edge.verification.backends.model_file import model_file
from lgn_edge.verification.subject import Runner, Subject


@dataclass(frozen=True)
class OnnxReferenceBackend(InProcess):
    """The onnx package's own evaluator (see `Backend`)."""

    name: str = "onnx-reference"

    def version(self) -> str:
        """The onnx package."""
        return f"onnx {version('onnx')}"

    @contextmanager
    def prepare(self, subject: Subject) -> Iterator[Runner]:
        """Load the model file, written first when there is none."""
        from lgn_edge.onnx_model.runtime import reference_session

        with model_file(subject) as path:
            yield reference_session(path)
