"""Programs on signals: rows read, bits packed, unpacked and summed."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def values(
    x: tl.tensor, signal: tl.tensor, sample: tl.tensor, stride: tl.tensor, here: tl.tensor, BITS: tl.constexpr
) -> tl.tensor:
    """Float32 of signals and samples that broadcast against each other; stride is of a row."""
    row = signal.to(tl.int64) * stride
    if BITS:
        word = tl.load(x + row + (sample >> 5), here, 0)
        return ((word >> (sample & 31)) & 1).to(tl.float32)
    return tl.load(x + row + sample, here, 0.0).to(tl.float32)


@triton.jit
def pack(
    x: tl.tensor, y: tl.tensor, batch: tl.tensor, signals: tl.tensor, words: tl.tensor, SIGNALS: tl.constexpr
) -> None:
    """Bits y [signal][word] of bytes x [sample][signal], 0 or 1; those behind the batch are 0."""
    signal = tl.program_id(0) * SIGNALS + tl.arange(0, SIGNALS)
    word = tl.program_id(1)
    lane = tl.arange(0, 32)
    sample = word * 32 + lane
    here = (sample < batch)[:, None] & (signal < signals)[None, :]
    bit = tl.load(x + sample.to(tl.int64)[:, None] * signals + signal[None, :], here, 0).to(tl.int32)
    tl.store(y + signal.to(tl.int64) * words + word, tl.sum(bit << lane[:, None], 0), signal < signals)


@triton.jit
def unpack(
    x: tl.tensor,
    y: tl.tensor,
    signals: tl.tensor,
    batch: tl.tensor,
    words: tl.tensor,
    SIGNALS: tl.constexpr,
    SAMPLES: tl.constexpr,
) -> None:
    """Bits x [signal][word] as 0.0 and 1.0, y [signal][batch]."""
    signal = (tl.program_id(0) * SIGNALS + tl.arange(0, SIGNALS))[:, None]
    sample = (tl.program_id(1) * SAMPLES + tl.arange(0, SAMPLES))[None, :]
    here = (signal < signals) & (sample < batch)
    tl.store(y + signal.to(tl.int64) * batch + sample, values(x, signal, sample, words, here, True), here)


@triton.jit
def count(
    x: tl.tensor,
    sums: tl.tensor,
    size: tl.tensor,
    batch: tl.tensor,
    words: tl.tensor,
    SIGNALS: tl.constexpr,
    SAMPLES: tl.constexpr,
) -> None:
    """Ones in each part of `size` signals: x [signal][word], sums [part][batch]."""
    part = tl.program_id(0)
    sample = tl.program_id(1) * SAMPLES + tl.arange(0, SAMPLES)
    total = tl.zeros([SIGNALS, SAMPLES], tl.float32)  # whole numbers, exact up to 2^24
    for first in range(0, size, SIGNALS):
        signal = first + tl.arange(0, SIGNALS)
        here = (signal < size)[:, None] & (sample < batch)[None, :]
        total += values(x, (part * size + signal)[:, None], sample[None, :], words, here, True)
    tl.store(sums + part * batch + sample, tl.sum(total, 0), sample < batch)
