"""Running an artifact for NVIDIA's GPUs from Python: on arrays of this machine's memory, and of a GPU's."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lgn_edge.artifact import dlpack
from lgn_edge.artifact.dlpack import DEFAULT_STREAM, NO_WAITING, DLPack, GpuArray, Taken, device_of, take
from lgn_edge.artifact.gpu_library import GpuLibrary
from lgn_edge.artifact.manifest import Manifest
from lgn_edge.errors import InputError, UnsupportedError

CUDA: Final = "cuda"
DRIVER: Final = "libcuda.so.1"
_WORD_BITS: Final = 32
_ITEM_BYTES: Final = 4  # of int32


@dataclass(frozen=True)
class GpuPrediction:
    """What an artifact returns for n samples of a GPU's memory, in that memory.

    It is there when all work is done that the stream was given. Tensors of torch where the samples were one; else
    arrays that speak DLPack, such as `cupy.from_dlpack` takes.

    Attributes:
        scores: int32[n, outputs of the head].
        decision: int32[n], the class of each sample; None where the network has no classes.
    """

    scores: Any
    decision: Any


class CudaLibrary(GpuLibrary):
    """An artifact on one GPU. Calls go one after the other; those on several streams wait for each other.

    Args:
        folder: of the artifact.
        manifest: its interface.
        index: of the GPU.

    Raises:
        UnsupportedError: there is no driver or no such GPU, or it does not take the kernels; says what it said.
    """

    def __init__(self, folder: Path, manifest: Manifest, index: int = 0) -> None:
        path = folder / "lib" / f"liblgn_{manifest.name}.so"
        super().__init__(path, f"lgn_{manifest.name}", manifest.classes, DRIVER, index)
        self._manifest, self._index = manifest, index
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        for name in ("predict_device", "predict_packed_device"):
            self._function(name).argtypes = [pointer, pointer, pointer, size, pointer, pointer]

    def predict_device(self, samples: DLPack, stream: int | None = None) -> GpuPrediction:
        """Scores and classes of samples [n, features] in the GPU's memory, of the interface's type; nothing is copied.

        Args:
            samples: of torch, CuPy or whoever speaks DLPack.
            stream: a cudaStream_t as a number, behind whose work this goes; by default torch's current one for a tensor
                of torch, and the default stream for others.

        Raises:
            InputError: another type, shape, layout or device.
            UnsupportedError: the GPU failed.
        """
        manifest = self._manifest
        given, on = self._taken(samples, stream, manifest.input_dtype, "samples", f"[n, {manifest.features}]")
        if len(given.shape) != 2 or given.shape[1] != manifest.features:
            raise InputError(f"samples have shape {list(given.shape)}; the artifact takes [n, {manifest.features}]")
        return self._there("predict_device", samples, given, given.shape[0], on)

    def predict_packed_device(self, words: DLPack, n: int, stream: int | None = None) -> GpuPrediction:
        """The same from packed bits int32[bits, ceil(n / 32)]: sample s is bit s % 32 of word s // 32."""
        shape = (self._manifest.bits, -(-n // _WORD_BITS))
        given, on = self._taken(words, stream, "int32", "packed bits", str(list(shape)))
        if given.shape != shape:
            raise InputError(f"packed bits have shape {list(given.shape)}; {n} samples take {list(shape)}")
        return self._there("predict_packed_device", words, given, n, on)

    def call_device(self, function: str, stream: int, given: int, n: int, scores: int, classes: int) -> None:
        """`lgn_NAME_FUNCTION` of the C interface on addresses of the GPU, which nobody checks.

        Args:
            function: "predict_device" or "predict_packed_device".
            stream: a cudaStream_t as a number.
            given: address of samples, or of words.
            n: samples.
            scores: address of int32[n, classes].
            classes: address of int32[n].

        Raises:
            UnsupportedError: the GPU failed.
        """
        self._run(function, stream, given, n, scores, classes)

    def _taken(self, array: DLPack, stream: int | None, dtype: str, what: str, shape: str) -> tuple[Taken, int]:
        """The array where it lies, and the stream that works on it."""
        if stream is None and _of_torch(array):
            stream = int(_torch().cuda.current_stream(self._index).cuda_stream)
            given = take(array, NO_WAITING)  # as torch's work on it is in that stream
        else:
            stream = stream or 0
            given = take(array, stream or DEFAULT_STREAM)
        if given.device != self._index:
            raise InputError(f"the {what} are on GPU {given.device}, and the artifact is open on GPU {self._index}")
        if given.dtype != dtype:
            raise InputError(f"the {what} are {given.dtype}; the artifact takes {dtype} {shape}: convert them first")
        if not given.contiguous:
            raise InputError(f"the {what} do not lie row by row; copy them first, as torch's contiguous() does")
        return given, stream

    def _there(self, function: str, array: DLPack, given: Taken, n: int, stream: int) -> GpuPrediction:
        owner = (given, array)  # which must stay until the kernels are done
        scores = self._made(array, (n, self._classes), stream, owner)
        classes = self._made(array, (n,), stream, owner)
        if n:
            self.call_device(function, stream, given.address, n, _at(scores), _at(classes))
        return GpuPrediction(scores, classes if self._manifest.decides else None)

    def _made(self, like: DLPack, shape: tuple[int, ...], stream: int, owner: object) -> Any:
        """An array of int32 for results: torch's for torch's samples."""
        if _of_torch(like):
            torch = _torch()
            return torch.empty(shape, dtype=torch.int32, device=f"cuda:{self._index}")
        return _allocated(shape, self._index, stream, owner)


def gpu_of(samples: object) -> int | None:
    """The index of the NVIDIA GPU whose memory an array is in; None for all others."""
    device = device_of(samples)
    return device[1] if device is not None and device[0] == dlpack.CUDA else None


def missing_cuda() -> str | None:
    """Why no code for NVIDIA's GPUs runs here, or None."""
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError:
        return "no CUDA driver is here: NVIDIA's libcuda.so.1 comes with the driver of the GPU"
    code, count = int(driver.cuInit(0)), ctypes.c_int()
    if code or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return f"the CUDA driver finds no GPU (its error {code})"
    return None


def _of_torch(array: object) -> bool:
    return type(array).__module__.partition(".")[0] == "torch"


def _torch() -> Any:
    return sys.modules["torch"]  # which a tensor comes from


def _at(array: Any) -> int:
    return array.address if isinstance(array, GpuArray) else int(array.data_ptr())


class _Memory:
    """Memory of a GPU, given back with this."""

    def __init__(self, size: int, index: int) -> None:
        self.address, self._context = ctypes.c_uint64(), _Context(index)
        with self._context as driver:
            code = driver.cuMemAlloc_v2(ctypes.byref(self.address), ctypes.c_size_t(size))
        if code:
            raise UnsupportedError(f"GPU {index} has no {size:,} bytes for the results (the driver's error {code})")

    def __del__(self) -> None:
        if self.address.value:
            with self._context as driver:
                driver.cuMemFree_v2(self.address)


class _Context:
    """The primary context of a GPU, current in this thread for as long as the block lasts."""

    def __init__(self, index: int) -> None:
        self._driver, self._index = ctypes.CDLL(DRIVER), ctypes.c_int(index)

    def __enter__(self) -> ctypes.CDLL:
        context = ctypes.c_void_p()
        code = self._driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), self._index)
        code = code or self._driver.cuCtxPushCurrent_v2(context)
        if code:
            raise UnsupportedError(f"GPU {self._index.value} cannot be used (the driver's error {code})")
        return self._driver

    def __exit__(self, *_: object) -> None:
        self._driver.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))
        self._driver.cuDevicePrimaryCtxRelease_v2(self._index)


def _allocated(shape: tuple[int, ...], index: int, stream: int, owner: object) -> GpuArray:
    size = _ITEM_BYTES
    for each in shape:
        size *= each
    memory = _Memory(max(size, _ITEM_BYTES), index)

    def ready(taker: int) -> None:
        """A taker that works on another stream gets the results when they are there."""
        if taker != (stream or DEFAULT_STREAM):
            with _Context(index) as driver:
                driver.cuStreamSynchronize(ctypes.c_void_p(stream))

    return GpuArray(memory.address.value, shape, index, (memory, owner), ready)
