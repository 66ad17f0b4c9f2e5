"""The forms of GPUs: launches of kernels that depend on no network, and what launches them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from lgn_edge.forms.form import Memory, Sources, Task, Vectors
from lgn_edge.forms.gpu.plan import GpuPlan, gpu_plan
from lgn_edge.forms.prediction import Cost
from lgn_edge.network.layers import Int32Array
from lgn_edge.templates import render

if TYPE_CHECKING:
    from lgn_edge.kernels.tir import Kernel, Table


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
        return _SOURCES[self.plan.gpu.kind](self.plan, common, vectors)

    def compiled(self, prefix: str, vectors: Vectors) -> tuple[Sequence[Kernel], Sequence[Table]]:
        """No kernels for this machine; tables for a launcher in C: the network, the kernels' source, the vectors."""
        from lgn_edge.kernels.tir import Table
        from lgn_edge.targets.gpu_source import gpu_source

        if self.plan.gpu.kind not in _LAUNCHED_BY_C:
            return (), ()
        source = gpu_source(self.plan.kernels(), self.plan.gpu).encode() + b"\0"
        samples = vectors.samples
        return (), (
            *(Table(f"{prefix}_{name}", content) for name, content in self.plan.launches.tables.items()),
            Table(f"{prefix}_source", np.frombuffer(source, np.uint8)),
            Table(f"{prefix}_selftest_samples", samples.view(f"i{samples.dtype.itemsize}").ravel()),
            Table(f"{prefix}_selftest_scores", vectors.scores.ravel()),
        )


def _opencl(plan: GpuPlan, common: Mapping[str, object], vectors: Vectors) -> Sources:
    from lgn_edge.targets.gpu_source import gpu_source

    name = common["name"]
    tables = f"/* SPDX-License-Identifier: MIT-0 */\n/* {name}: what is launched; included by lgn_{name}.c. */\n\n"
    return Sources(
        files={
            f"lgn_{name}_launches.h": tables + plan.launches.to_c(f"lgn_{name}"),
            f"lgn_{name}.cl": gpu_source(plan.kernels(), plan.gpu),
        },
        templates={"src/lgn_{name}.c": "launcher.c.in", "src/lgn_{name}_selftest.c": "launcher_selftest.c.in"},
        values={"gpu": "OpenCL", "library": "libOpenCL.so.1", "driver": render("driver_opencl.c.in", common)},
    )


def _webgpu(plan: GpuPlan, common: Mapping[str, object], vectors: Vectors) -> Sources:
    from lgn_edge.targets.gpu_source import gpu_source

    sources = {f"kernels/{kernel.symbol}.wgsl": gpu_source([kernel], plan.gpu) for kernel in plan.kernels()}
    return Sources(
        data={
            "launches.json": plan.launches.to_json().encode(),
            "tables.bin": plan.launches.table_bytes(),
            "selftest/samples.bin": vectors.samples.tobytes(),
            "selftest/scores.bin": vectors.scores.astype("<i4").tobytes(),
            **{path: text.encode() for path, text in sources.items()},
        }
    )


_SOURCES: Final[Mapping[str, Callable[[GpuPlan, Mapping[str, object], Vectors], Sources]]] = {
    "opencl": _opencl,
    "webgpu": _webgpu,
}
_LAUNCHED_BY_C: Final = ("opencl",)


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
