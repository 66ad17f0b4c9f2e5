"""The ONNX file evaluated node by node by `onnx.reference.ReferenceEvaluator`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from lgn_edge.network.layers import MAX_CLASSES
from lgn_edge.verify.backends.model_file import model_file
from lgn_edge.verify.subject import Runner, Subject


@dataclass(frozen=True)
class OnnxReferenceBackend:
    """The onnx package's own evaluator (see `Backend`)."""

    name: str = "onnx-reference"
    max_samples: int | None = None
    probe_classes: int = MAX_CLASSES

    def version(self) -> str:
        """The onnx package."""
        return f"onnx {version('onnx')}"

    def available(self, subject: Subject) -> str | None:
        """Always: onnx is a dependency."""
        return None

    def given(self, subject: Subject) -> Path | None:
        """The model file."""
        return subject.model

    @contextmanager
    def prepare(self, subject: Subject) -> Iterator[Runner]:
        """Load the model file, written first when there is none."""
        from lgn_edge.onnx_model.runtime import reference_session

        with model_file(subject) as path:
            yield reference_session(path)
