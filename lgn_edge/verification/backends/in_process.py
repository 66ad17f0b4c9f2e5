"""What the backends share that run in this process, with packages that lgn-edge always has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lgn_edge.network.heads import MAX_CLASSES
from lgn_edge.verification.subject import Subject


@dataclass(frozen=True)
class InProcess:
    """Always there, as fast as any, and running the model file (see `Backend`).

    Attributes:
        name: how the user and the report call it.
        max_samples: no bound.
        probe_classes: as many as a network may have.
    """

    name: str
    max_samples: int | None = None
    probe_classes: int = MAX_CLASSES

    def available(self, subject: Subject) -> str | None:
        """Always."""
        return None

    def given(self, subject: Subject) -> Path | None:
        """The model file."""
        return subject.model
