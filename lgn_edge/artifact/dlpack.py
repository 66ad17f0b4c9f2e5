"""Arrays of a GPU's memory, taken from and given to whoever speaks DLPack: torch, CuPy, JAX and others.

Nothing is copied: a capsule holds a pointer, and keeps the memory until its taker is done. This is the protocol's C
structure of version 0, which all producers give who are not asked for another.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final, Protocol

import numpy as np

from lgn_edge.errors import InputError

CPU: Final = 1  # kinds of devices
CUDA: Final = 2
DEFAULT_STREAM: Final = 1  # the protocol's name of CUDA's default stream, as 0 might be two of them
NO_WAITING: Final = -1  # its name of a taker who knows that the array is ready

_CODES: Final = {0: "int", 1: "uint", 2: "float", 6: "bool"}
_NEW: Final = b"dltensor"
_TAKEN: Final = b"used_dltensor"


class DLPack(Protocol):
    """What speaks DLPack."""

    def __dlpack__(self, *, stream: Any = None) -> Any:
        """A capsule, ready for work on `stream`."""

    def __dlpack_device__(self) -> tuple[int, int]:
        """The kind of device, and its index."""


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class _Managed(ctypes.Structure):
    pass


_Deleter = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Managed))
_Managed._fields_ = (("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", _Deleter))

_prototype = ctypes.PYFUNCTYPE
_new_capsule = _prototype(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
    ("PyCapsule_New", ctypes.pythonapi)
)
_set_name = _prototype(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_SetName", ctypes.pythonapi))
_get_pointer = _prototype(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)
# The same for a capsule that is going, of which no more references may be made.
_is_going = _prototype(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_IsValid", ctypes.pythonapi))
_get_going = _prototype(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))


@dataclass(frozen=True)
class Taken:
    """An array of somebody else, kept as long as this is.

    Attributes:
        address: of its first element.
        shape: in elements.
        dtype: such as "float32".
        contiguous: whether its elements lie side by side, row by row.
        device: the index of the GPU.
    """

    address: int
    shape: tuple[int, ...]
    dtype: str
    contiguous: bool
    device: int
    _managed: Any = field(repr=False)

    def __del__(self) -> None:
        """Give it back."""
        self._managed.contents.deleter(self._managed)


def device_of(given: object) -> tuple[int, int] | None:
    """The kind and index of the device that an object's memory is on, where it speaks DLPack."""
    speaks = getattr(given, "__dlpack_device__", None)
    if speaks is None:
        return None
    kind, index = speaks()
    return int(kind), int(index)


def take(given: DLPack, stream: int) -> Taken:
    """The array, when all that was done to it is done for whoever works on `stream`, or at once with NO_WAITING.

    Raises:
        InputError: it is no array of a GPU, or whoever has it does not give it away.
    """
    try:
        capsule = given.__dlpack__(stream=stream)
        pointer = _get_pointer(capsule, _NEW)
    except (BufferError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"the {type(given).__name__} is not given away by DLPack: {error}") from error
    managed = ctypes.cast(pointer, ctypes.POINTER(_Managed))
    _set_name(capsule, _TAKEN)  # from here on it is ours to give back
    tensor = managed.contents.tensor
    shape = tuple(tensor.shape[: tensor.ndim])
    strides = tuple(tensor.strides[: tensor.ndim]) if tensor.strides else None
    taken = Taken(
        address=(tensor.data or 0) + tensor.byte_offset,
        shape=shape,
        dtype=f"{_CODES.get(tensor.code, f'type {tensor.code} of ')}{tensor.bits}"
        + f"x{tensor.lanes}" * (tensor.lanes > 1),
        contiguous=strides is None or _side_by_side(shape, strides),
        device=tensor.device_id,
        _managed=managed,
    )
    if tensor.device_type != CUDA:
        raise InputError(f"the {type(given).__name__} is on no CUDA GPU (DLPack's device {tensor.device_type})")
    return taken


def _side_by_side(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    if 0 in shape:
        return True
    return all(
        size == 1 or stride == prod(shape[i + 1 :]) for i, (size, stride) in enumerate(zip(shape, strides, strict=True))
    )


@dataclass(frozen=True)
class GpuArray:
    """An array in a GPU's memory that is given to whoever speaks DLPack.

    Attributes:
        address: of its first element.
        shape: in elements, row by row.
        device: the index of the GPU.
        owner: what keeps the memory.
        ready: called with the taker's stream, which shall wait for the array.
        dtype: of numpy's, a whole number or a float.
    """

    address: int
    shape: tuple[int, ...]
    device: int
    owner: object = field(repr=False)
    ready: Callable[[int], None] = field(repr=False, default=lambda stream: None)
    dtype: str = "int32"

    def __dlpack_device__(self) -> tuple[int, int]:
        """A GPU."""
        return CUDA, self.device

    def __dlpack__(self, *, stream: int | None = None, **_: Any) -> Any:
        """A capsule of version 0, which every taker knows."""
        if stream != NO_WAITING:
            self.ready(DEFAULT_STREAM if stream is None else stream)
        shape = (ctypes.c_int64 * len(self.shape))(*self.shape)
        kind, bits = np.dtype(self.dtype).kind, 8 * np.dtype(self.dtype).itemsize
        tensor = _Tensor(self.address, CUDA, self.device, len(shape), "iuf".index(kind), bits, 1, shape, None, 0)
        managed = _Managed(tensor, None, _release)
        kept = managed, shape, self
        managed.context = id(kept)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))  # until the taker is done
        return _new_capsule(ctypes.addressof(managed), _NEW, ctypes.cast(_drop, ctypes.c_void_p))


def _give_back(managed: Any) -> None:
    kept = ctypes.cast(managed.contents.context, ctypes.py_object)
    ctypes.pythonapi.Py_DecRef(kept)


def _drop_untaken(capsule: int) -> None:
    """A capsule that nobody took goes, and its array with it."""
    if _is_going(capsule, _NEW):
        _give_back(ctypes.cast(_get_going(capsule, _NEW), ctypes.POINTER(_Managed)))


_release: Final = _Deleter(_give_back)
_drop: Final = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(_drop_untaken)
