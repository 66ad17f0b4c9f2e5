"""What executes a target's code on this machine: its CPU, an emulator, a GPU."""

from __future__ import annotations

from lgn_edge import emulate
from lgn_edge.artifact.cuda import CUDA, missing_cuda
from lgn_edge.artifact.opencl import missing_opencl
from lgn_edge.artifact.webgpu import WEBGPU, missing_webgpu
from lgn_edge.errors import UnsupportedError
from lgn_edge.host import require_here, runs_here
from lgn_edge.targets.target import Target


def executed_by(target: Target) -> str | None:
    """Its name, installed or not; None where nothing here can, and for sources, which run where they are compiled."""
    if target.execution == CUDA:
        return "an NVIDIA GPU"
    if target.gpu:
        return "wgpu" if target.execution == WEBGPU else "a device of OpenCL"
    if runs_here(target.triple):
        return "this CPU"
    return None if target.execution == "host" else emulate.emulator(target.execution)


def not_executed(target: Target) -> str | None:
    """Why a target's code cannot be executed here, or None."""
    if target.execution == CUDA:
        return missing_cuda()
    if target.gpu:
        return missing_webgpu() if target.execution == WEBGPU else missing_opencl()
    if runs_here(target.triple):
        return None
    try:
        if target.execution == "host":
            require_here(target.triple)
    except UnsupportedError as error:
        return str(error)
    return emulate.available(target.execution)
