"""The ONNX file in ONNX Runtime, with its graph optimisations and without."""

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
class OnnxRuntimeBackend:
    """ONNX Runtime on the CPU (see `Backend`).

    Attributes:
        name: how it is called.
        optimize: whether the runtime may rewrite the graph.
    """

    name: str
    optimize: bool
    max_samples: int | None = None
    probe_classes: int = MAX_CLASSES

    def version(self) -> str:
        """The onnxruntime package."""
        return f"onnxruntime {version('onnxruntime')}"

    def available(self, subject: Subject) -> str | None:
        """Always: onnxruntime is a dependency."""
        return None

    def given(self, subject: Subject) -> Path | None:
        """The model file."""
        return subject.model

    @contextmanager
    def prepare(self, subject: Subject) -> Iterator[Runner]:
        """Load the model file, written first when there is none."""
        from lgn_edge.onnx_model.runtime import onnxruntime_session

        with model_file(subject) as path:
            yield onnxruntime_session(path, optimize=self.optimize, threads=1)
