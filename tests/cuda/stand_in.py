"""A driver of CUDA without a GPU (driver.c): it runs PTX on this CPU, and fails where it is told to."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lgn_edge import toolchain
from lgn_edge.artifact.dlpack import GpuArray
from lgn_edge.files import scratch_folder
from lgn_edge.native import cached_library

HERE = Path(__file__).parent
MACHINE = toolchain.LINUX["x86_64"]


class StandIn:
    """The driver, with one GPU that has compute capability 9.0 and 4 GiB of memory."""

    def __init__(self) -> None:
        sources = [HERE / name for name in ("ptx.c", "driver.c")]
        contents = [path.read_bytes() for path in sorted(HERE.glob("*.[ch]"))]
        self.path = cached_library("cuda_stand_in", contents, lambda library: _compile(sources, library))
        self._library = ctypes.CDLL(str(self.path))
        self._library.test_log.restype = self._library.test_problem.restype = ctypes.c_char_p
        self._library.test_device.argtypes = [ctypes.c_int] * 3 + [ctypes.c_uint32, ctypes.c_size_t]
        self._library.test_copy.argtypes = [ctypes.c_uint64, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        self._library.test_reset()

    def device(
        self, count: int = 1, driver: int = 13000, capability: int = 90, shared: int = 227 << 10, memory: int = 1 << 32
    ) -> None:
        """Another GPU, or another driver."""
        self._library.test_device(count, driver, capability, shared, memory)

    def fail(self, function: str, code: int, after: int = 0) -> None:
        """The call of a function behind the next `after` ones fails."""
        self._library.test_fail(function.encode(), code, after)

    @property
    def calls(self) -> list[str]:
        """Functions that were called since this was last asked, with what they were given."""
        said = self._library.test_log().decode().splitlines()
        self._library.test_forget()
        return said

    @property
    def problem(self) -> str:
        """What a kernel or copy did wrong."""
        return self._library.test_problem().decode()

    @property
    def live(self) -> int:
        """What was made and not given back."""
        return self._library.test_live()

    @property
    def waiting(self) -> int:
        """Work of streams that nobody has waited for."""
        return self._library.test_waiting()

    def stream(self) -> int:
        """A new one."""
        made = ctypes.c_void_p()
        with self._context():
            assert self._library.cuStreamCreate(ctypes.byref(made), 0) == 0
        assert made.value
        return made.value

    def name_of(self, stream: int) -> int:
        """Its number in `calls`."""
        return ctypes.c_int.from_address(stream).value

    def destroy(self, stream: int) -> None:
        with self._context():
            self._library.cuStreamDestroy_v2(ctypes.c_void_p(stream))

    def wait(self, stream: int) -> int:
        with self._context():
            return self._library.cuStreamSynchronize(ctypes.c_void_p(stream))

    def give(self, values: NDArray[Any], index: int = 0) -> GpuArray:
        """An array of the GPU's memory with these values, as another library would have it."""
        memory = _Memory(self, values.nbytes)
        data = np.ascontiguousarray(values)
        assert self._library.test_copy(memory.address, data.ctypes.data, data.nbytes, 0) == 0
        return GpuArray(memory.address, values.shape, index, memory, dtype=values.dtype.name)

    def read(self, array: GpuArray) -> NDArray[Any]:
        """What is there now, whether somebody waited or not."""
        values = np.empty(array.shape, array.dtype)
        assert self._library.test_copy(array.address, values.ctypes.data, values.nbytes, 1) == 0
        return values

    def _context(self) -> _Context:
        return _Context(self._library)


class _Context:
    def __init__(self, library: Any) -> None:
        self._library = library

    def __enter__(self) -> None:
        context = ctypes.c_void_p()
        self._library.cuInit(0)
        assert self._library.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0) == 0
        assert self._library.cuCtxPushCurrent_v2(context) == 0

    def __exit__(self, *_: object) -> None:
        self._library.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))
        self._library.cuDevicePrimaryCtxRelease_v2(0)


class _Memory:
    def __init__(self, driver: StandIn, size: int) -> None:
        self._driver, address = driver, ctypes.c_uint64()
        with driver._context():
            assert driver._library.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(max(size, 1))) == 0
        self.address = address.value

    def __del__(self) -> None:
        with self._driver._context():
            self._driver._library.cuMemFree_v2(ctypes.c_uint64(self.address))


def _compile(sources: list[Path], library: Path) -> None:
    with scratch_folder() as folder:
        objects = []
        for source in sources:
            objects.append(folder / f"{source.stem}.o")
            toolchain.compile_c(source, objects[-1], MACHINE)
        toolchain.link_library(objects, library, MACHINE)
