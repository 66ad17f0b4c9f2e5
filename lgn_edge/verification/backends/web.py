"""The JavaScript module that `build` writes for the web, on WebAssembly in Node.js."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lgn_edge.files import scratch_folder
from lgn_edge.network.heads import MAX_CLASSES
from lgn_edge.verification.subject import Runner, Subject

_TARGET: Final = "web"


@dataclass(frozen=True)
class WebBackend:
    """The module for the web in a JavaScript engine (see `Backend`).

    Attributes:
        name: how the user and the report call it.
        max_samples: no bound: engines compile WebAssembly.
        probe_classes: as many as a network may have.
    """

    name: str = "web-wasm"
    max_samples: int | None = None
    probe_classes: int = MAX_CLASSES

    def version(self) -> str:
        """Of Node.js."""
        from lgn_edge.artifact.javascript import node_version

        return f"node {node_version()}"

    def available(self, subject: Subject) -> str | None:
        """Node.js is missing, or what builds the module."""
        from lgn_edge import toolchain
        from lgn_edge.programs import missing_program

        return (toolchain.missing() if self.given(subject) is None else None) or missing_program("node")

    def given(self, subject: Subject) -> Path | None:
        """The folder of the artifact for the web."""
        return subject.artifacts.get(_TARGET)

    @contextmanager
    def prepare(self, subject: Subject) -> Iterator[Runner]:
        """Load the artifact, built first when there is none."""
        from lgn_edge.artifact import build, load_artifact
        from lgn_edge.artifact.javascript import predict_in_node

        with scratch_folder() as folder:
            given = self.given(subject)
            artifact = (
                build(subject.network, _TARGET, folder / "artifact", name="verified")
                if given is None
                else load_artifact(given)
            )
            yield lambda samples: predict_in_node(artifact, samples)
