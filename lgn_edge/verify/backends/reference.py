"""`Network.evaluate` itself; with a model file, of the network that is read from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lgn_edge.network.layers import MAX_CLASSES
from lgn_edge.verify.subject import Runner, Subject


@dataclass(frozen=True)
class ReferenceBackend:
    """The numpy definition (see `Backend`)."""

    name: str = "reference"
    max_samples: int | None = None
    probe_classes: int = MAX_CLASSES

    def version(self) -> str:
        """The numpy below it."""
        return f"numpy {np.__version__}"

    def available(self, subject: Subject) -> str | None:
        """Always."""
        return None

    def given(self, subject: Subject) -> Path | None:
        """The model file."""
        return subject.model

    @contextmanager
    def prepare(self, subject: Subject) -> Iterator[Runner]:
        """The network, read from the file when there is one."""
        if subject.model is None:
            yield subject.network.evaluate
        else:
            from lgn_edge.onnx_model import read

            yield read(subject.model).evaluate
