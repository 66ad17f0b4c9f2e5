"""External data: constants in one file beside the model, for models that are too big for one message.

Each tensor names the file (`location`), where its bytes are (`offset`, `length`), and the SHA-1 of the file
(`checksum`), so a model never reads the data of another.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import StringStringEntryProto, TensorProto

from lgn_edge.errors import InputError

_PAGE: Final = 4096  # offsets are multiples of it, so a runtime may map the file
_CHUNK: Final = 1 << 20
_KEYS: Final = frozenset({"location", "offset", "length", "checksum"})


def little_endian(array: NDArray[Any]) -> NDArray[Any]:
    """The array in the byte order of ONNX files."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<"))


def write(arrays: Mapping[str, NDArray[Any]], path: Path, location: str) -> dict[str, list[StringStringEntryProto]]:
    """Write the arrays to `path` and say by name where each is.

    Args:
        arrays: vectors by name; written in this order, each at a multiple of 4096 bytes.
        path: the file to write.
        location: the name the file will have beside the model.

    Returns:
        the `external_data` of each tensor.
    """
    digest, offsets, end = hashlib.sha1(usedforsecurity=False), {}, 0
    with path.open("wb") as file:
        for name, array in arrays.items():
            padding = bytes(-end % _PAGE)
            for part in (padding, little_endian(array).view(np.uint8).data):
                file.write(part)
                digest.update(part)
            offsets[name] = end + len(padding)
            end = offsets[name] + array.nbytes
    return {
        name: [
            StringStringEntryProto(key="location", value=location),
            StringStringEntryProto(key="offset", value=str(offset)),
            StringStringEntryProto(key="length", value=str(arrays[name].nbytes)),
            StringStringEntryProto(key="checksum", value=digest.hexdigest()),
        ]
        for name, offset in offsets.items()
    }


def check(tensors: Iterable[TensorProto], folder: Path | None) -> None:
    """Check that every external file is a plain file beside the model and has the bytes the model was written with.

    Raises:
        InputError: names the tensor and the file.
    """
    expected: dict[Path, str] = {}
    for tensor in tensors:
        if tensor.data_location == TensorProto.EXTERNAL:
            path = _path(tensor, folder)
            checksum = _entries(tensor).get("checksum", "").lower()
            if checksum and expected.setdefault(path, checksum) != checksum:
                raise InputError(f"initializers name different checksums of {path.name}; write the model again")
    for path, checksum in expected.items():
        if _sha1(path) != checksum:
            raise InputError(
                f"{path} is not the data that its model was written with; keep a model and its data together"
            )


def read(tensor: TensorProto, dtype: np.dtype[Any], folder: Path | None) -> NDArray[Any]:
    """The values of one external tensor.

    Raises:
        InputError: the file is missing, too short, or not beside the model.
    """
    path = _path(tensor, folder)
    entries = _entries(tensor)
    count = math.prod(tensor.dims)
    length = count * dtype.itemsize
    offset = _number(tensor, entries.get("offset", "0"))
    if _number(tensor, entries.get("length", str(length))) != length:
        raise InputError(f"the initializer {tensor.name!r} needs {length} bytes; its length says {entries['length']}")
    try:
        size = path.stat().st_size
        if offset + length > size:
            raise InputError(
                f"the initializer {tensor.name!r} ends at byte {offset + length} of {path}, which has only {size};"
                " copy the whole file"
            )
        return np.fromfile(path, dtype.newbyteorder("<"), count, offset=offset)
    except OSError as error:
        raise InputError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error


def _path(tensor: TensorProto, folder: Path | None) -> Path:
    location = _entries(tensor).get("location", "")
    if folder is None:
        raise InputError(f"the initializer {tensor.name!r} is external data; read the model from its file")
    plain = all(kind(location).name == location for kind in (PurePosixPath, PureWindowsPath))
    if not plain or location in ("", ".", "..") or not location.isprintable():
        raise InputError(
            f"the initializer {tensor.name!r} lies at {location!r}; external data must be a file beside the model,"
            " named without a folder"
        )
    path = folder / location
    if path.is_symlink():
        raise InputError(f"{path} is a symbolic link; external data must be a plain file beside the model")
    if not path.is_file():
        raise InputError(f"{path} is missing; keep the data of a model beside it")
    return path


def _entries(tensor: TensorProto) -> dict[str, str]:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    if len(entries) != len(tensor.external_data) or not entries.keys() <= _KEYS:
        raise InputError(
            f"the initializer {tensor.name!r} has the external data keys"
            f" {[entry.key for entry in tensor.external_data]}; legal are {sorted(_KEYS)}, once each"
        )
    return entries


def _number(tensor: TensorProto, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InputError(f"the initializer {tensor.name!r} has {text!r} where external data needs a number of bytes")
    return int(text)


def _sha1(path: Path) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    try:
        with path.open("rb") as file:
            while part := file.read(_CHUNK):
                digest.update(part)
    except OSError as error:
        raise InputError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    return digest.hexdigest()
