"""The ONNX file of a subject, written to a temporary folder when it has none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lgn_edge.files import scratch_folder
from lgn_edge.verification.subject import Subject


@contextmanager
def model_file(subject: Subject) -> Iterator[Path]:
    """The path of the model, valid inside the context."""
    if subject.model is not None:
        yield subject.model
        return
    from lgn_edge.onnx_model import write

    with scratch_folder() as folder:
        path = folder / "model.onnx"
        write(subject.network, path)
        yield path
