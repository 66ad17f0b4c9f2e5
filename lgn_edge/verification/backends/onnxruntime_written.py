"""A file in other ops, written for the occasion, in ONNX Runtime: with the library of `ai.lgn`, or without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lgn_edge.files import scratch_folder
from lgn_edge.verification.backends.onnxruntime import OnnxRuntimeBackend
from lgn_edge.verification.subject import Runner, Subject


@dataclass(frozen=True)
class OnnxRuntimeWrittenBackend(OnnxRuntimeBackend):
    """ONNX Runtime on the CPU, of a file that it writes itself (see `Backend`).

    Attributes:
        ops: of the file (see `Form`).
        library: whether the session has the library of the domain: a kernel for each node, or one for the network.
    """

    ops: str = "standard"
    library: bool = False

    def available(self, subject: Subject) -> str | None:
        """Where the library, if it takes part, is or can be built."""
        if self.library:
            from lgn_edge.errors import LgnError
            from lgn_edge.onnx_library import onnx_library_path

            try:
                onnx_library_path()
            except LgnError as error:
                return str(error)
        return None

    def given(self, subject: Subject) -> Path | None:
        """Nothing: a file that is given may be of other ops, and is what the others run."""
        return None

    @contextmanager
    def prepare(self, subject: Subject) -> Iterator[Runner]:
        """Write the file and load it."""
        from lgn_edge.onnx_library import onnx_session
        from lgn_edge.onnx_model import Form, write
        from lgn_edge.onnx_model.runtime import onnxruntime_session, predicting, session_run

        with scratch_folder() as folder:
            path = folder / f"{self.ops}.onnx"
            write(subject.network, path, Form(self.ops))
            if self.library:
                yield predicting(session_run(onnx_session(path, threads=1)))
            else:
                yield onnxruntime_session(path, threads=1)
