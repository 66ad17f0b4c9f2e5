"""What is verified, and what a way of running it looks like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from lgn_edge.network import Network, Prediction

Samples = NDArray[Any]
Runner = Callable[[Samples], Prediction]


@dataclass(frozen=True)
class Subject:
    """A network and the forms of it that exist already.

    A backend runs the form that is given; where none is, it makes its own from `network` in a temporary folder.

    Attributes:
        network: the definition of correct.
        model: an ONNX file of the network.
        checkpoint: a folder with the torch module that the network came from.
        artifacts: folders that `build` wrote, by target.
    """

    network: Network
    model: Path | None = None
    checkpoint: Path | None = None
    artifacts: Mapping[str, Path] = field(default_factory=dict)


class Backend(Protocol):
    """One way to run a network. It never compares: `compare` does, for all of them."""

    @property
    def name(self) -> str:
        """How the user and the report call it."""

    @property
    def max_samples(self) -> int | None:
        """The most samples worth giving it, or None; emulators are slow."""

    @property
    def probe_classes(self) -> int:
        """The most classes of a network that it is asked to run when a difference is located."""

    def version(self) -> str:
        """What does the work, with its version, such as "onnxruntime 1.22.0"."""

    def available(self, subject: Subject) -> str | None:
        """Why it cannot run this subject here, or None."""

    def given(self, subject: Subject) -> Path | None:
        """The file or folder of the subject that it runs, or None when it makes its own."""

    def prepare(self, subject: Subject) -> AbstractContextManager[Runner]:
        """Load or build; inside the context the runner predicts samples [n, features], any n."""
