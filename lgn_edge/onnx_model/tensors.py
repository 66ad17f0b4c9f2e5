"""Constant vectors of a model: arrays to `TensorProto` and, without trusting anything, back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from lgn_edge.errors import InputError
from lgn_edge.onnx_model import external

_ELEMENT: Final = {
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
    "float32": TensorProto.FLOAT,
}


def describe(name: str, array: NDArray[Any]) -> TensorProto:
    """The tensor without its values: name, element type, dimensions."""
    return TensorProto(name=name, data_type=_ELEMENT[array.dtype.name], dims=array.shape)


def inline(name: str, array: NDArray[Any]) -> TensorProto:
    """The tensor with its values inside."""
    tensor = describe(name, array)
    tensor.raw_data = external.little_endian(array).tobytes()
    return tensor


@dataclass(frozen=True)
class Initializers:
    """The constants of a graph.

    Attributes:
        by_name: each tensor; nothing of it is trusted.
        folder: where external data may lie; None when the model did not come from a file.
    """

    by_name: Mapping[str, TensorProto]
    folder: Path | None

    def array(self, name: str, dtype: type[np.generic], rank: int = 1) -> NDArray[Any]:
        """The array of that name.

        Raises:
            InputError: there is none, it has another type or rank, its values are not complete, or they lie outside
                the folder of the model.
        """
        tensor = self.by_name.get(name)
        if tensor is None:
            raise InputError(f"its input {name!r} must be a constant initializer of the model, and is not")
        want = np.dtype(dtype)
        if tensor.data_type != _ELEMENT[want.name]:
            found = TensorProto.DataType.Name(tensor.data_type) if tensor.data_type in _KNOWN else tensor.data_type
            raise InputError(f"the initializer {name!r} is {found}; it must be {want.name}")
        if len(tensor.dims) != rank or any(size < 0 for size in tensor.dims):
            wanted = "one dimension" if rank == 1 else f"{rank} dimensions"
            raise InputError(f"the initializer {name!r} has shape {list(tensor.dims)}; it must have {wanted}")
        if tensor.HasField("segment"):
            raise InputError(f"the initializer {name!r} is a segment of a tensor; store it whole")
        values = self._values(tensor, want)
        count = math.prod(tensor.dims)
        if len(values) != count:
            raise InputError(f"the initializer {name!r} holds {len(values)} values; its shape says {count}")
        return values.reshape(tuple(tensor.dims))

    def _values(self, tensor: TensorProto, dtype: np.dtype[Any]) -> NDArray[Any]:
        if tensor.data_location == TensorProto.EXTERNAL:
            return external.read(tensor, dtype, self.folder)
        if tensor.raw_data:
            if len(tensor.raw_data) % dtype.itemsize:
                raise InputError(f"the initializer {tensor.name!r} ends inside a value; write the model again")
            return np.frombuffer(tensor.raw_data, dtype.newbyteorder("<"))
        if dtype.name == "float32":
            return np.array(tensor.float_data, np.float32)
        if dtype.name == "int64":
            return np.array(tensor.int64_data, np.int64)
        values = np.array(tensor.int32_data, np.int32)
        if dtype.name == "uint8" and len(values) and (values.min() < 0 or values.max() > 255):
            raise InputError(f"the initializer {tensor.name!r} holds values that are not uint8; legal are 0..255")
        return values.astype(dtype)


_KNOWN: Final = frozenset(TensorProto.DataType.values())
