"""Packed bits: `[signal, word]`, sample s is bit `s % B` of word `s // B`, least significant first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lgn_edge.network.truth_table import Words

BoolArray = NDArray[np.bool_]


def word_bits(dtype: DTypeLike) -> int:
    """Bits of one word of an unsigned integer dtype."""
    return int(np.dtype(dtype).itemsize * 8)


def words_for(samples: int, dtype: DTypeLike = np.uint64) -> int:
    """Words a signal needs for that many samples."""
    return -(-samples // word_bits(dtype))


def pack(bits: NDArray[Any], dtype: DTypeLike = np.uint64) -> Words:
    """Pack one bit a sample and signal into words.

    Args:
        bits: bool (or 0/1) [samples, signals].
        dtype: unsigned integer type of a word.

    Returns:
        words [signals, ceil(samples / word bits)]; the bits behind the last sample are 0.
    """
    samples, signals = bits.shape
    size = np.dtype(dtype).itemsize
    padded = np.zeros((signals, words_for(samples, dtype) * size * 8), np.bool_)
    padded[:, :samples] = bits.T
    little = np.dtype(dtype).newbyteorder("<")
    octets = np.packbits(padded, axis=1, bitorder="little").reshape(signals, padded.shape[1] // 8)
    return octets.view(little).astype(dtype)


def unpack(words: Words, samples: int) -> BoolArray:
    """Inverse of `pack`: bool [samples, signals] from words [signals, words]."""
    little = np.ascontiguousarray(words, words.dtype.newbyteorder("<"))
    octets = little.view(np.uint8).reshape(len(words), words.shape[1] * words.dtype.itemsize)
    bits = np.unpackbits(octets, axis=1, count=samples, bitorder="little")
    return np.ascontiguousarray(bits.T).view(np.bool_)
