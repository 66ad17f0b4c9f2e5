"""Every way to run a network, one a file, and the list of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lgn_edge.errors import InputError
from lgn_edge.verification.backends.artifact import ArtifactBackend
from lgn_edge.verification.backends.circuit import CircuitBackend
from lgn_edge.verification.backends.onnx_reference import OnnxReferenceBackend
from lgn_edge.verification.backends.onnxruntime import OnnxRuntimeBackend
from lgn_edge.verification.backends.onnxruntime_written import OnnxRuntimeWrittenBackend
from lgn_edge.verification.backends.reference import ReferenceBackend
from lgn_edge.verification.backends.torch import TorchBackend
from lgn_edge.verification.backends.web import WebBackend
from lgn_edge.verification.subject import Backend
from lgn_edge.words import meant

DEFAULT_BACKENDS: Final[tuple[Backend, ...]] = (
    ReferenceBackend(),
    CircuitBackend(),
    TorchBackend(),
    OnnxReferenceBackend(),
    OnnxRuntimeBackend("onnxruntime", optimize=True),
    OnnxRuntimeBackend("onnxruntime-plain", optimize=False),
    OnnxRuntimeWrittenBackend("onnxruntime-standard", ops="standard"),
    OnnxRuntimeWrittenBackend("onnxruntime-library", ops="custom", library=True),
    OnnxRuntimeWrittenBackend("onnxruntime-fused", ops="fused", library=True),
    ArtifactBackend("native"),
    ArtifactBackend("cortex-m4"),
)
"""Those that `verify` runs when nobody says which."""
NAMED_BACKENDS: Final[tuple[Backend, ...]] = (
    WebBackend(),
    ArtifactBackend("cuda"),
    ArtifactBackend("opencl"),
    ArtifactBackend("webgpu"),
)
"""Those that it runs besides where they are asked for; each target is one too."""


def find_backends(names: Sequence[str]) -> tuple[Backend, ...]:
    """The backends of these names; every target is one too.

    Raises:
        InputError: no such backend; names the ones that come near.
    """
    return tuple(_find(name) for name in names)


def _find(name: str) -> Backend:
    from lgn_edge.targets.registry import ALIASES, TARGETS

    target = ALIASES.get(name, name)
    for backend in (*DEFAULT_BACKENDS, *NAMED_BACKENDS):
        if backend.name == target:
            return backend
    if target in TARGETS:
        return ArtifactBackend(target)
    backends = (*DEFAULT_BACKENDS, *NAMED_BACKENDS)
    known = list(dict.fromkeys([*(backend.name for backend in backends), *TARGETS, *ALIASES]))
    raise InputError(f"no backend {name!r}; {meant(name, known)}")


__all__ = ["DEFAULT_BACKENDS", "NAMED_BACKENDS", "ArtifactBackend", "find_backends"]
