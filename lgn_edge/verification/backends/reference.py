"""`Network.evaluate` itself; with a model file, of the network that is read from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from lgn_edge.verification.backends.in_process import InProcess
from lgn_edge.verification.subject import Runner, Subject


@dataclass(frozen=True)
class ReferenceBackend(InProcess):
    """The numpy definition (see `Backend`)."""

    name: str = "reference"

    def version(self) -> str:
        """The numpy below it."""
        return f"numpy {np.__version__}"

    @contextmanager
    def prepare(self, subject: Subject) -> Iterator[Runner]:
        """The network, read from the file when there is one."""
        if subject.model is None:
            yield subject.network.evaluate
        else:
            from lgn_edge.onnx_model import read

            yield read(subject.model).evaluate
