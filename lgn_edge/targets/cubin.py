"""PTX to machine code of one GPU, where NVIDIA's assembler ptxas is at hand: in a wheel, or on the PATH."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from lgn_edge.errors import InvariantError
from lgn_edge.files import scratch_folder
from lgn_edge.programs import find_program

# Where wheels have it: triton's comes with every torch for GPUs, the others are nvidia-cuda-nvcc of CUDA 12 and 13.
_WHEELS: Final = (
    ("triton", "backends/nvidia/bin/ptxas"),
    ("triton", "backends/nvidia/bin/ptxas-blackwell"),
    ("nvidia", "cuda_nvcc/bin/ptxas"),
    ("nvidia", "cu13/bin/ptxas"),
)
_UNKNOWN: Final = "is not defined for option 'gpu-name'"  # what it says of a GPU that is newer, or older, than it


@dataclass(frozen=True)
class Assembled:
    """Machine code.

    Attributes:
        code: an ELF image that the driver takes.
        by: what made it, such as "ptxas 12.8.93".
    """

    code: bytes
    by: str


def cubin(ptx: str, arch: str) -> Assembled | str:
    """The machine code of PTX for a GPU such as "sm_90", or why there is none.

    Raises:
        InvariantError: an assembler knows the GPU, and does not take the PTX.
    """
    found = tuple(assemblers())
    for program in found:
        with scratch_folder() as folder:
            source, output = folder / "kernels.ptx", folder / "kernels.cubin"
            source.write_text(ptx)
            command = [str(program), f"-arch={arch}", str(source), "-o", str(output)]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if result.returncode == 0:
                return Assembled(output.read_bytes(), f"ptxas {_version(program)}")
            said = result.stdout + result.stderr
            if _UNKNOWN not in said:
                raise InvariantError(f"{program} does not take the PTX for {arch}: {said.strip()[-1000:]}")
    if not found:
        return "no ptxas is at hand; install the package triton or nvidia-cuda-nvcc"
    versions = ", ".join(_version(program) for program in found)
    return f"ptxas {versions} does not know {arch}; install a newer nvidia-cuda-nvcc"


def assemblers() -> Iterator[Path]:
    """Every ptxas, those of wheels first, so that the same packages give the same code."""
    for package, place in _WHEELS:
        yield from wheel_program(package, place)
    on_path = find_program("ptxas")
    if on_path:
        yield Path(on_path)


def wheel_program(package: str, place: str) -> Iterator[Path]:
    """The program at a place in an installed package, if it is there."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder, place)).is_file():
            yield path


@cache
def _version(program: Path) -> str:
    said = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\bV([0-9.]+)", said)
    return found.group(1) if found else "of an unknown version"
