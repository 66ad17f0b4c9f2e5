"""The sources of a GPU's kernels, as TVM writes them."""

from __future__ import annotations

from collections.abc import Sequence

import tvm
from tvm import tirx

from lgn_edge.kernels.shape import Gpu
from lgn_edge.kernels.tir import Kernel


def gpu_source(kernels: Sequence[Kernel], gpu: Gpu) -> str:
    """One source of kernels with distinct symbols. WGSL has one kernel a source, as its buffers are global."""
    target = tvm.target.Target({"kind": gpu.kind, **gpu.options})
    module = tvm.IRModule({kernel.symbol: kernel.function for kernel in kernels})
    module = tirx.transform.BindTarget(target)(module)
    return str(tvm.get_global_func(f"target.build.{gpu.kind}")(module, target).inspect_source())
