"""What an artifact for GPUs of NVIDIA holds: PTX, machine code where it can be made, and launches to match."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lgn_edge.forms.gpu.launch import Launches
from lgn_edge.forms.gpu.plan import GpuPlan
from lgn_edge.targets.cubin import Assembled, cubin
from lgn_edge.targets.cuda import capability, cuda_version
from lgn_edge.targets.ptx import Ptx, ptx


@dataclass(frozen=True)
class CudaCode:
    """The kernels of a plan.

    Attributes:
        arch: the oldest GPU that runs them, "sm_75".
        ptx: which the driver compiles for it and newer ones.
        cubins: machine code by architecture, or why there is none.
        launches: those of the plan, with the shared memory that the kernels take.
    """

    arch: str
    ptx: Ptx
    cubins: Mapping[str, Assembled | str]
    launches: Launches

    @property
    def images(self) -> dict[str, bytes]:
        """The machine code that there is, by architecture."""
        return {arch: made.code for arch, made in self.cubins.items() if isinstance(made, Assembled)}

    @property
    def notes(self) -> dict[str, str]:
        """What was made for each GPU, for the report."""
        major, minor = self.ptx.version
        needs = cuda_version(self.ptx.version)
        driver = f"needs a driver for CUDA {needs // 1000}.{needs % 1000 // 10} or newer"
        notes = {f"{self.arch} and newer": f"PTX {major}.{minor}, {driver}"}
        for arch, made in self.cubins.items():
            notes[arch] = f"machine code by {made.by}" if isinstance(made, Assembled) else f"PTX only: {made}"
        return notes

    def values(self, prefix: str) -> dict[str, object]:
        """What the templates of the launcher are filled with."""
        rows = [f"    {{{capability(arch)}, {prefix}_{arch}}},\n" for arch in self.images]
        return {
            "capability": capability(self.arch),
            "cuda_version": cuda_version(self.ptx.version),
            "cubins": "".join(rows),
            "cubins_declared": "".join(f"extern const uint8_t {prefix}_{arch}[];\n" for arch in self.images),
        }


def cuda_code(plan: GpuPlan) -> CudaCode:
    """Compile the kernels of a plan."""
    arch = plan.gpu.options["mcpu"]
    made = ptx(plan.kernels(), arch)
    sequences = tuple(
        replace(sequence, launches=tuple(replace(each, shared=made.shared[each.kernel]) for each in sequence.launches))
        for sequence in plan.launches.sequences
    )
    cubins = {name: cubin(made.text, name) for name in plan.gpu.architectures}
    return CudaCode(arch, made, cubins, replace(plan.launches, sequences=sequences))
