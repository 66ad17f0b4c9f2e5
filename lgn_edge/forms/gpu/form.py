"""The forms of GPUs: launches of kernels that depend on no network, and what launches them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from lgn_edge.forms.form import Memory, Sources, Task, Vectors
from lgn_edge.forms.gpu.launch import Launches
from lgn_edge.forms.gpu.plan import GpuPlan, gpu_plan
from lgn_edge.forms.prediction import Cost
from lgn_edge.network.layers import Int32Array
from lgn_edge.templates import render

if TYPE_CHECKING:
    from lgn_edge.forms.gpu.cuda import CudaCode
    from lgn_edge.kernels.tir import Kernel, Table

_LICENCE: Final = "// SPDX-License-Identifier: MIT-0\n"


@dataclass(frozen=True)
class GpuPart:
    """A network as launches (`plan.GpuPlan`)."""

    plan: GpuPlan

    @property
    def form(self) -> str:
        """The launches: "block" where one does everything, "waves" where each does a step."""
        return self.plan.form

    @property
    def why(self) -> str:
        """It is that form."""
        return self.plan.why

    @property
    def n_gates(self) -> int:
        """Gates that run."""
        return self.plan.program.n_gates

    @property
    def n_slots(self) -> int:
        """Places for values of a block or tile."""
        return self.plan.program.n_slots

    @property
    def input_bit(self) -> Int32Array:
        """The encoder's bits that are read."""
        return self.plan.program.input_bit

    @property
    def memory(self) -> Memory:
        """The slots, which are the GPU's."""
        samples = self.plan.samples
        return Memory(block=samples, bytes=self.n_slots * samples // 8, align=4)

    def cost(self) -> Cost | None:
        """Not predicted."""
        return None

    def sources(self, common: Mapping[str, object], vectors: Vectors) -> Sources:
        """What the kind of GPU needs."""
        return _SOURCES[self.plan.gpu.kind](self, common, vectors)

    @cached_property
    def cuda(self) -> CudaCode:
        """The kernels as NVIDIA's GPUs take them."""
        from lgn_edge.forms.gpu.cuda import cuda_code

        return cuda_code(self.plan)

    def compiled(self, prefix: str, vectors: Vectors) -> tuple[Sequence[Kernel], Sequence[Table]]:
        """No kernels for this machine; tables for a launcher in C: the network, the kernels' source, the vectors."""
        from lgn_edge.kernels.tir import Table

        images = _IMAGES.get(self.plan.gpu.kind)
        if images is None:
            return (), ()
        samples = vectors.samples
        return (), (
            *(Table(f"{prefix}_{name}", content) for name, content in self.plan.launches.tables.items()),
            *(Table(f"{prefix}_{name}", np.frombuffer(image, np.uint8)) for name, image in images(self).items()),
            Table(f"{prefix}_selftest_samples", samples.view(f"i{samples.dtype.itemsize}").ravel()),
            Table(f"{prefix}_selftest_scores", vectors.scores.ravel()),
        )


def _launched_by_c(
    launches: Launches, common: Mapping[str, object], kernels: Mapping[str, str], values: Mapping[str, object]
) -> Sources:
    """The launcher in C, and the kernels to look at, by the endings of their files."""
    name = common["name"]
    tables = f"/* SPDX-License-Identifier: MIT-0 */\n/* {name}: what is launched; included by lgn_{name}.c. */\n\n"
    return Sources(
        files={
            f"lgn_{name}_launches.h": tables + launches.to_c(f"lgn_{name}"),
            **{f"lgn_{name}.{ending}": _LICENCE + text for ending, text in kernels.items()},
        },
        templates={"src/lgn_{name}.c": "launcher.c.in", "src/lgn_{name}_selftest.c": "launcher_selftest.c.in"},
        values=values,
    )


def _opencl(part: GpuPart, common: Mapping[str, object], vectors: Vectors) -> Sources:
    values = {"gpu": "OpenCL", "library": "libOpenCL.so.1", "more": "", "more_declared": ""}
    source = _opencl_source(part.plan)
    return _launched_by_c(
        part.plan.launches, common, {"cl": source}, values | {"driver": render("driver_opencl.c.in", common)}
    )


def _opencl_source(plan: GpuPlan) -> str:
    from lgn_edge.targets.gpu_source import gpu_source

    return gpu_source(plan.kernels(), plan.gpu)


def _cuda(part: GpuPart, common: Mapping[str, object], vectors: Vectors) -> Sources:
    code = part.cuda
    given = {**common, **code.values(f"lgn_{common['name']}")}
    values = {
        "gpu": "CUDA",
        "library": "libcuda.so.1",
        "driver": render("driver_cuda.c.in", given),
        "more": render("launcher_cuda.c.in", given),
        "more_declared": render("model_cuda.h.in", given),
    }
    sources = _launched_by_c(code.launches, common, {"ptx": code.ptx.text}, values)
    return replace(sources, notes=code.notes)


def _webgpu(part: GpuPart, common: Mapping[str, object], vectors: Vectors) -> Sources:
    from lgn_edge.targets.gpu_source import gpu_source

    plan = part.plan
    sources = {f"kernels/{kernel.symbol}.wgsl": _LICENCE + gpu_source([kernel], plan.gpu) for kernel in plan.kernels()}
    return Sources(
        data={
            "launches.json": plan.launches.to_json().encode(),
            "tables.bin": plan.launches.table_bytes(),
            "selftest/samples.bin": vectors.samples.tobytes(),
            "selftest/scores.bin": vectors.scores.astype("<i4").tobytes(),
            **{path: text.encode() for path, text in sources.items()},
        }
    )


_SOURCES: Final[Mapping[str, Callable[[GpuPart, Mapping[str, object], Vectors], Sources]]] = {
    "nvptx": _cuda,
    "opencl": _opencl,
    "webgpu": _webgpu,
}
# The kernels that a launcher in C holds, by the names of their tables; sources end with a 0.
_IMAGES: Final[Mapping[str, Callable[[GpuPart], Mapping[str, bytes]]]] = {
    "nvptx": lambda part: {"ptx": part.cuda.ptx.text.encode() + b"\0", **part.cuda.images},
    "opencl": lambda part: {"source": _opencl_source(part.plan).encode() + b"\0"},
}


@dataclass(frozen=True)
class OnGpu:
    """GPUs (`forms.form.Form`). Which of its two forms a network gets is a matter of its size alone."""

    name: str = "gpu"
    stages: tuple[str, ...] = ("encode", "gates", "head")
    unpredicted: tuple[str, ...] = ("speed", "size", "balanced")

    def serves(self, task: Task) -> bool:
        """Targets with a GPU."""
        return task.target.gpu is not None

    def plan(self, task: Task) -> GpuPart:
        """Waves, and where they run."""
        assert task.target.gpu is not None, "served"
        return GpuPart(gpu_plan(task.network, task.circuit, task.target.gpu))
