"""CIFAR-10: the files of its binary version, or the same images packed without loss.

An image is three planes, red, green and blue, of 32 x 32 bytes row by row, as in the binary version: `data_batch_1.bin`
to `data_batch_5.bin` and `test_batch.bin`. Where these are not there, the packed files `data_batch_N.medxz` with
`train_labels.u8`, and `test_first1000.medxz` with `test_labels.u8`, give the same bytes; either way they are held
against SHA-256 digests.
"""

from __future__ import annotations

import hashlib
import lzma
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.errors import InputError, MissingDataError
from lgn_edge.training.sources import DATA_VARIABLE

NAMES: Final = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE: Final = 32
TRAINED: Final = 45_000  # training images that are trained on; those behind them are the test set here
_BATCH: Final = 10_000
_TESTS: Final = 1_000
_RECORD: Final = 1 + 3 * SIDE * SIDE  # a label and its image
_SHA256: Final = {
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch.bin": "8314c96d7cd65618193bab23acdd5d4c4af15bf6dd00a1781d55beedf3be1ef5",  # of the first 1,000 records
}


def load_training(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The 50,000 training images in their official order.

    Args:
        folder: holds the files.

    Returns:
        images uint8 [50000, 3072] and labels int64 [50000].

    Raises:
        InputError: a file is missing, damaged or another one.
    """
    parts = []
    for i in range(5):
        labels = folder / "train_labels.u8", i * _BATCH
        parts.append(_records(folder / f"data_batch_{i + 1}.bin", folder / f"data_batch_{i + 1}.medxz", labels, _BATCH))
    return _split(np.concatenate(parts))


def load_official_test(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The first 1,000 of the official test images, images uint8 [1000, 3072] and labels int64 [1000].

    Raises:
        InputError: a file is missing, damaged or another one.
    """
    labels = folder / "test_labels.u8", 0
    return _split(_records(folder / "test_batch.bin", folder / "test_first1000.medxz", labels, _TESTS))


def unpacked(data: bytes) -> NDArray[np.uint8]:
    """Images [n, 3, 32, 32] of a packed file.

    A packed file is xz around the residuals of three planes, green, red - green and blue - green, each predicted from
    the neighbours left, above and between by the median of JPEG-LS, modulo 256; beyond the edges all neighbours are 0.

    Raises:
        lzma.LZMAError, ValueError: it is no such file.
    """
    residuals = np.frombuffer(lzma.decompress(data), np.uint8).reshape(-1, 3, SIDE, SIDE)
    planes = residuals.transpose(1, 2, 3, 0).astype(np.int16)  # [plane, row, column, image]
    green = _plane(planes[0], np.zeros_like(planes[0]))
    red, blue = (_plane(plane, green) + green for plane in planes[1:])
    return np.stack([red, green, blue]).transpose(3, 0, 1, 2).astype(np.uint8)


def _plane(residuals: NDArray[np.int16], base: NDArray[np.int16]) -> NDArray[np.int16]:
    """Values [row, column, image] of which residuals are given, such that value + base is a byte."""
    values = np.zeros((SIDE + 1, SIDE + 1, residuals.shape[2]), np.int16)  # with a row above and a column to the left
    for row in range(SIDE):
        for column in range(SIDE):
            left, above, between = values[row + 1, column], values[row, column + 1], values[row, column]
            low, high = np.minimum(left, above), np.maximum(left, above)
            value = np.clip(left + above - between, low, high) + residuals[row, column]
            values[row + 1, column + 1] = ((value + base[row, column]) & 255) - base[row, column]
    return values[1:, 1:]


def _records(plain: Path, packed: Path, labels: tuple[Path, int], count: int) -> NDArray[np.uint8]:
    """The first records [count, 3073] of a file of the binary version, from itself or from the packed one.

    Args:
        plain: the file of the binary version.
        packed: the one read where that is absent.
        labels: the file of the packed images' labels, and where theirs begin.
        count: of records.
    """
    if plain.exists():
        data = _read(plain)[: count * _RECORD]
    else:
        if not packed.exists():
            raise MissingDataError(
                f"data set cifar10: {plain.name} not found in {plain.parent}; unpack cifar-10-binary.tar.gz of"
                f" https://www.cs.toronto.edu/~kriz/cifar.html there, and set {DATA_VARIABLE} (or the data option) to"
                " the folder that holds it"
            )
        file, start = labels
        try:
            images = unpacked(_read(packed)).reshape(-1, _RECORD - 1)
        except (lzma.LZMAError, ValueError, EOFError) as error:
            raise InputError(f"{packed} is damaged ({error}); get it again") from error
        values = np.frombuffer(_read(file), np.uint8)[start : start + len(images)]
        if len(values) < len(images):
            missing = len(images) - len(values)
            raise InputError(f"{file} has no labels for {missing} of {packed.name}'s images; get it again")
        data = np.concatenate([values[:, None], images], axis=1)[:count].tobytes()
    if hashlib.sha256(data).hexdigest() != _SHA256[plain.name]:
        source = plain if plain.exists() else packed
        raise InputError(f"{source} is damaged or another file (the SHA-256 of its images differs); get it again")
    return np.frombuffer(data, np.uint8).reshape(count, _RECORD)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error


def _split(records: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    return np.ascontiguousarray(records[:, 1:]), records[:, 0].astype(np.int64)
