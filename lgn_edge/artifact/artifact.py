"""An artifact's folder from Python: what it is, and running it as the device would."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lgn_edge.artifact.cuda import CUDA, CudaLibrary, GpuPrediction, gpu_of
from lgn_edge.artifact.dlpack import DLPack
from lgn_edge.artifact.gpu_library import GpuLibrary
from lgn_edge.artifact.host_library import HostLibrary
from lgn_edge.artifact.manifest import Manifest, read_manifest
from lgn_edge.artifact.opencl import find_opencl
from lgn_edge.artifact.report import REPORT_JSON
from lgn_edge.artifact.threads import worthwhile_threads
from lgn_edge.artifact.webgpu import WEBGPU, WebGpuModel
from lgn_edge.checks import MOST_THREADS, any_path, whole_number
from lgn_edge.errors import InputError, UnsupportedError
from lgn_edge.host import require_here, runs_here
from lgn_edge.network import Prediction
from lgn_edge.network.bits import words_for
from lgn_edge.network.samples import check_samples
from lgn_edge.network.truth_table import Words

if TYPE_CHECKING:
    from lgn_edge.emulate import Firmware


class Library(Protocol):
    """What runs an artifact on this machine."""

    def predict(self, samples: NDArray[Any], threads: int = 1) -> Prediction:
        """Scores and classes of samples [n, features]."""

    def predict_packed(self, words: Words, n: int) -> Prediction:
        """The same from packed bits uint64[bits, ceil(n / 64)], C-contiguous."""

    def selftest(self) -> int:
        """0 when the embedded vectors agree."""

    def takes(self, samples: NDArray[Any]) -> bool:
        """Whether `predict` reads these samples where they lie."""


@dataclass(frozen=True)
class Artifact:
    """A folder that `build` wrote.

    Attributes:
        folder: where it is.
        manifest: its interface and origin.
        report: what it holds and what was measured, as in report.json.
        seconds: wall time of each step of the build that made it; empty when it was loaded.
    """

    folder: Path
    manifest: Manifest
    report: Mapping[str, Any]
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The model's C identifier."""
        return self.manifest.name

    @property
    def target(self) -> str:
        """The name of the target."""
        return self.manifest.target

    @property
    def execution(self) -> str:
        """How it runs: "host", or "emulated" where this machine has another processor than the target."""
        manifest = self.manifest
        here = manifest.execution in ("host", CUDA, WEBGPU) or runs_here(manifest.triple)
        return "host" if here else "emulated"

    def predict(self, samples: ArrayLike, *, threads: int | None = None, scale: float | None = None) -> Prediction:
        """Scores and classes of samples [n, features], computed by the artifact's own code.

        A library for this machine is called; firmware runs in an emulator.

        Args:
            samples: of the artifact's input type, or one that converts to it without loss. A library reads rows of
                features where they lie (slices of rows, columns side by side, any step); other layouts are copied.
            threads: that share the work at most, for a library; by default one a physical core, fewer for a call that
                is over before they are awake. Where they turn out slower than one thread, calls have one. Emulated
                firmware has one.
            scale: multiply the samples by this first, and round them for uint8: features of 0..1 to those of training.

        Raises:
            InputError: the samples have another shape or type, or `threads` is below 1.
            UnsupportedError: nothing on this machine runs it.
        """
        manifest = self.manifest
        gpu = gpu_of(samples)
        if gpu is not None:
            raise InputError(
                f"the samples are in the memory of GPU {gpu}; give them to `predict_device` of an artifact for cuda, or"
                " copy them to this machine's, as torch's cpu() does"
            )
        checked = check_samples(
            samples, manifest.features, manifest.input_dtype, "the artifact", trained=manifest.scale, scale=scale
        )
        if threads is not None:
            whole_number(threads, "threads", least=1, most=MOST_THREADS)
        if self.execution == "host":
            # a library reads rows where they lie
            array = checked if self.library.takes(checked) else np.ascontiguousarray(checked)
            blocks = -(-len(array) // self.manifest.block)
            threads = threads or worthwhile_threads(blocks, self.manifest.workspace_bytes)
            return self._decided(self.library.predict(array, threads))
        from lgn_edge import emulate

        return self._decided(emulate.predict(self.firmware, np.ascontiguousarray(checked))[0])

    __call__ = predict

    def predict_packed(self, words: NDArray[np.uint64], n: int) -> Prediction:
        """Scores and classes of n samples whose bits are packed already, uint64[bits, ceil(n / 64)].

        Raises:
            InputError: another shape or type.
            UnsupportedError: the artifact does not run on this machine.
        """
        if self.execution != "host":
            raise UnsupportedError(f"packed input from Python needs an artifact for this machine, not {self.target}")
        shape = (self.manifest.bits, words_for(whole_number(n, "n", least=0)))
        if words.dtype != np.uint64 or words.shape != shape:
            raise InputError(
                f"packed input is {words.dtype} {list(words.shape)}; {n} samples take uint64 {list(shape)}"
            )
        return self._decided(self.library.predict_packed(np.ascontiguousarray(words), n))

    def predict_device(self, samples: DLPack, *, stream: int | None = None) -> GpuPrediction:
        """Scores and classes of samples [n, features] that are in an NVIDIA GPU's memory, in that memory.

        Nothing is copied, and nobody waits: the work goes behind what the stream was given before.

        Args:
            samples: of the artifact's input type, row by row: a tensor of torch, or anything that speaks DLPack.
            stream: a cudaStream_t as a number; by default torch's current one for a tensor of torch, and the default
                stream for others.

        Raises:
            InputError: another type, shape or layout, or in no GPU's memory.
            UnsupportedError: the artifact is for another target, or the GPU does not run it.
        """
        return self._gpu_of(samples).predict_device(samples, stream)

    def predict_packed_device(self, words: DLPack, n: int, *, stream: int | None = None) -> GpuPrediction:
        """The same of n samples whose bits are packed, int32[bits, ceil(n / 32)], bit s % 32 of word s // 32."""
        return self._gpu_of(words).predict_packed_device(words, whole_number(n, "n", least=0), stream)

    def _gpu_of(self, array: DLPack) -> CudaLibrary:
        """The artifact on the GPU that an array is in the memory of."""
        if self.manifest.execution != CUDA:
            raise UnsupportedError(f"an artifact for {self.target} takes no memory of a GPU; build one for cuda")
        index = gpu_of(array)
        if index is None:
            raise InputError(
                f"the {type(array).__name__} is in no memory of an NVIDIA GPU; `predict` takes other arrays"
            )
        return self._on_gpu(index)

    def _on_gpu(self, index: int) -> CudaLibrary:
        """The artifact on a GPU, which stays open."""
        require_here(self.manifest.triple)
        if index not in self._gpus:
            self._gpus[index] = CudaLibrary(self.folder, self.manifest, index)
        return self._gpus[index]

    @cached_property
    def _gpus(self) -> dict[int, CudaLibrary]:
        """Those that are open, by their indices."""
        return {}

    def _decided(self, given: Prediction) -> Prediction:
        """What the C interface gives, with its classes only where the model has some."""
        return given if self.manifest.decides else replace(given, decision=None)

    def selftest(self) -> bool:
        """Whether the vectors that the artifact carries come out right."""
        if self.execution == "host":
            return self.library.selftest() == 0
        return self.firmware.start().call(f"{self.firmware.prefix}_selftest").result == 0

    @cached_property
    def library(self) -> Library:
        """The shared library, loaded; for a GPU, with the first of its devices open.

        Raises:
            UnsupportedError: it is for another kind of machine, or there is no such device.
        """
        manifest = self.manifest
        if manifest.execution == WEBGPU:
            return WebGpuModel.load(self.folder, manifest.features, manifest.input_dtype, manifest.classes)
        require_here(manifest.triple)
        path = self.folder / "lib" / f"liblgn_{self.name}.so"
        if manifest.execution == CUDA:
            return self._on_gpu(0)
        if manifest.target == "opencl":
            return GpuLibrary(path, f"lgn_{self.name}", manifest.classes, find_opencl().open())
        return HostLibrary(
            path,
            f"lgn_{self.name}",
            manifest.classes,
            manifest.block,
            manifest.workspace_bytes,
            manifest.workspace_align,
        )

    @cached_property
    def firmware(self) -> Firmware:
        """The library linked into an image that the emulator runs."""
        from lgn_edge.artifact.measure import link

        return link(self.folder, self.manifest)


def load_artifact(folder: str | os.PathLike[str]) -> Artifact:
    """Open an artifact.

    Raises:
        InputError: not an artifact, written by another version, or a file of it is missing or changed.
    """
    path = any_path(folder, "artifact", "the path of its folder")
    manifest = read_manifest(path)
    try:
        report = json.loads((path / REPORT_JSON).read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path / REPORT_JSON} cannot be read ({error}); build the artifact again") from error
    return Artifact(path, manifest, report)
