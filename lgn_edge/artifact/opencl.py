"""Where OpenCL is on this machine: the system's loader and the drivers that it knows, or PoCL's wheels, for CPUs."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lgn_edge.errors import UnsupportedError
from lgn_edge.programs import programs_hidden

_SYSTEM: Final = "libOpenCL.so.1"
_WHEELS: Final = ("pyopencl", "pocl_binary_distribution")
_MISSING: Final = (
    "no OpenCL device is here: install the driver of the GPU, or pip install 'lgn-edge[opencl]' for PoCL, which runs"
    " on the CPU"
)


@dataclass(frozen=True)
class OpenCl:
    """A loader of OpenCL.

    Attributes:
        library: its path, or the name by which the system finds it.
        driver: of the wheels, to be loaded before; None where the loader finds its drivers itself.
    """

    library: str
    driver: Path | None = None

    def open(self) -> str:
        """Load the driver where that is needed, and return `library`."""
        if self.driver:
            # the loader of the wheel asks for its driver by its name alone, and finds the folder by this variable
            os.environ.setdefault("PYOPENCL_HOME", str(self.driver.parents[1]))
            ctypes.CDLL(str(self.driver), mode=ctypes.RTLD_LOCAL)
        return self.library


def find_opencl() -> OpenCl:
    """The system's loader where it knows a device's driver, else that of the wheels.

    Raises:
        UnsupportedError: neither is there; says how to get one.
    """
    if not programs_hidden() and _platforms(_SYSTEM):
        return OpenCl(_SYSTEM)
    places = [importlib.util.find_spec(wheel) for wheel in _WHEELS]
    if None in places or places[0] is None or places[0].origin is None:
        raise UnsupportedError(_MISSING)
    folder = Path(places[0].origin).parent / ".libs"
    loaders, drivers = sorted(folder.glob("libOpenCL*")), sorted(folder.glob("libpocl*"))
    if not loaders or not drivers:
        raise UnsupportedError(_MISSING)
    return OpenCl(str(loaders[0]), drivers[0])


def missing_opencl() -> str | None:
    """Why no code for OpenCL runs here, or None."""
    try:
        find_opencl()
    except UnsupportedError as error:
        return str(error)
    return None


def _platforms(library: str) -> int:
    """Drivers that a loader knows; 0 where there is no such loader."""
    number = ctypes.c_uint32()
    try:
        ctypes.CDLL(library).clGetPlatformIDs(0, None, ctypes.byref(number))
    except (OSError, AttributeError):
        return 0
    return number.value
