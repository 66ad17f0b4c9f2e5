"""What `build` writes for a target, run from Python: on this CPU, or in an emulator of the target's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from lgn_edge.errors import UnsupportedError
from lgn_edge.files import scratch_folder
from lgn_edge.network.heads import MAX_CLASSES
from lgn_edge.verification.subject import Runner, Subject

_EMULATED_SAMPLES = 512
_EMULATED_CLASSES = 256  # a device has little memory, and a probe has one class a gate


@dataclass(frozen=True)
class ArtifactBackend:
    """The artifact for one target (see `Backend`).

    Attributes:
        name: the target's name.
    """

    name: str

    @property
    def max_samples(self) -> int | None:
        """A bounded number in an emulator."""
        return None if self._runs_here else _EMULATED_SAMPLES

    @property
    def probe_classes(self) -> int:
        """Fewer on a device."""
        return MAX_CLASSES if self._runs_here else _EMULATED_CLASSES

    @property
    def _runs_here(self) -> bool:
        from lgn_edge.host import runs_here
        from lgn_edge.targets.registry import find_target

        try:
            target = find_target(self.name)
            return target.gpu is not None or runs_here(target.triple)
        except UnsupportedError:
            return False

    def version(self) -> str:
        """The compiler's."""
        return f"tvm {version('apache-tvm')}"

    def available(self, subject: Subject) -> str | None:
        """What is missing here to build or execute for the target."""
        from lgn_edge import toolchain
        from lgn_edge.artifact.executed_by import not_executed
        from lgn_edge.targets.registry import find_target

        try:
            target = find_target(self.name)
        except UnsupportedError as error:
            return str(error)
        unbuildable = toolchain.missing() if self.given(subject) is None else None
        return unbuildable or not_executed(target)

    def given(self, subject: Subject) -> Path | None:
        """The folder of the artifact."""
        return subject.artifacts.get(self.name)

    @contextmanager
    def prepare(self, subject: Subject) -> Iterator[Runner]:
        """Load the artifact, built first when there is none."""
        from lgn_edge.artifact import build, load_artifact

        given = self.given(subject)
        if given is not None:
            yield load_artifact(given).predict
            return
        with scratch_folder() as folder:
            yield build(subject.network, self.name, folder / "artifact", name="verified").predict
