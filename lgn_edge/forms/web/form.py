"""The form of pages: rows of samples on the processor, and beside them what launches the network on a GPU by WebGPU."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from lgn_edge.errors import UnsupportedError
from lgn_edge.forms.form import Sources, Task, Vectors
from lgn_edge.forms.gpu.launch import SAMPLES
from lgn_edge.forms.gpu.plan import GpuPlan, gpu_plan
from lgn_edge.forms.rows.form import Rows, RowsPart
from lgn_edge.forms.rows.split import single_gates

_MOST_UNROLLED: Final = 2_000_000  # gates of kernels at all places, which a GPU runs as single ones


@dataclass(frozen=True)
class WebPart(RowsPart):
    """A network in rows, and the same on a GPU.

    Attributes:
        gpu: what the GPU runs; None where it cannot run the network.
        without_gpu: why it cannot.
    """

    gpu: GpuPlan | None = None
    without_gpu: str = ""

    def sources(self, common: Mapping[str, object], vectors: Vectors) -> Sources:
        """Those of rows, and the files that a page fetches where it has WebGPU."""
        sources = super().sources(common, vectors)
        values = {**sources.values, "without_webgpu": json.dumps(self.without_gpu)}
        data = _launched(self.gpu, vectors, f"lgn_{common['name']}_webgpu") if self.gpu else {}
        return replace(sources, values=values, data=data)


def _launched(gpu: GpuPlan, vectors: Vectors, name: str) -> dict[str, bytes]:
    """NAME.json, which `Launches.to_json` and the kernels' sources are in, and NAME.bin: tables, samples of a test."""
    from lgn_edge.targets.gpu_source import gpu_source

    launches = json.loads(gpu.launches.to_json())
    launches["sequences"] = [each for each in launches["sequences"] if each["takes"] == SAMPLES]
    launched = {launch["kernel"] for each in launches["sequences"] for launch in each["launches"]}
    kernels = {each.symbol: gpu_source([each], gpu.gpu) for each in gpu.kernels() if each.symbol in launched}
    tables, samples = gpu.launches.table_bytes(), vectors.samples
    content = tables + samples.astype(samples.dtype.newbyteorder("<")).tobytes()
    document = {**launches, "kernels": kernels, "selftest": [len(tables), len(content)]}
    return {f"{name}.json": json.dumps(document, indent=1).encode() + b"\n", f"{name}.bin": content}


@dataclass(frozen=True)
class Web(Rows):
    """Rows of samples with a GPU beside them (`forms.form.Form`)."""

    name: str = "web"

    def serves(self, task: Task) -> bool:
        """What is loaded where there may be a GPU."""
        return task.target.gpu_beside is not None

    def plan(self, task: Task) -> WebPart:
        """Rows, and launches where the GPU can run the network."""
        rows = super().plan(task)
        gpu, without = _beside(task)
        why = f"WebGPU has no form of it: {without}" if gpu is None else f"on WebGPU {gpu.form}: {gpu.why}"
        return WebPart(
            rows.network, rows.convolutions, rows.program, rows.target, why=why, gpu=gpu, without_gpu=without
        )


def _beside(task: Task) -> tuple[GpuPlan | None, str]:
    """What the GPU runs, or why it runs nothing."""
    gpu, network = task.target.gpu_beside, task.network
    assert gpu is not None, "served"
    if task.convolutions and network.n_gates > _MOST_UNROLLED:
        return None, f"its image layers would become {network.n_gates:,} gates, and {_MOST_UNROLLED:,} are tried"
    try:
        return gpu_plan(network, single_gates(network) if task.convolutions else task.circuit, gpu), ""
    except UnsupportedError as error:
        return None, str(error)
