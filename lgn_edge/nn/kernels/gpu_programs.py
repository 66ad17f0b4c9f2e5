"""Layers of gates on a GPU, forward and backward, in Triton; `lgn_edge/nn/rows.py` says what the arrays hold.

Signals are rows `[signal][sample]`, so a warp that follows a wire reads neighbouring samples. Where a layer computes
with bits they are packed, `int32 [signal][word]`, bit i of word w being sample 32 w + i.

Wires are pairs, `int32 [gate][2]`: entry 2 * gate is the first input of a gate and entry 2 * gate + 1 the second, so
the other input of an entry is `entry ^ 1`; of gates with k inputs they are `int32 [gate][k]`. Gradients of inputs are
gathered: each signal walks the list of the entries that read it. There are no atomics and each sum has one order, so
the same batch gives the same bits.

Everything is computed and summed in float32, whatever the rows are stored in.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _values(
    x: tl.tensor, signal: tl.tensor, sample: tl.tensor, stride: tl.tensor, here: tl.tensor, BITS: tl.constexpr
) -> tl.tensor:
    """Float32 of signals and samples that broadcast against each other; stride is of a row."""
    row = signal.to(tl.int64) * stride
    if BITS:
        word = tl.load(x + row + sample // 32, here, 0)
        return ((word >> (sample % 32)) & 1).to(tl.float32)
    return tl.load(x + row + sample, here, 0.0).to(tl.float32)


@triton.jit
def forward(
    x: tl.tensor,
    wires: tl.tensor,
    c: tl.tensor,
    y: tl.tensor,
    gates: tl.tensor,
    batch: tl.tensor,
    GATES: tl.constexpr,
    SAMPLES: tl.constexpr,
) -> None:
    """Real-valued gates: c [gate][4] are the coefficients of c0 + ca a + cb b + cab ab; y [gate][batch]."""
    gate = tl.program_id(0) * GATES + tl.arange(0, GATES)
    sample = tl.program_id(1) * SAMPLES + tl.arange(0, SAMPLES)
    real = gate < gates
    here = real[:, None] & (sample < batch)[None, :]
    p = _values(x, tl.load(wires + 2 * gate, real, 0)[:, None], sample[None, :], batch, here, False)
    q = _values(x, tl.load(wires + 2 * gate + 1, real, 0)[:, None], sample[None, :], batch, here, False)
    c0 = tl.load(c + 4 * gate, real, 0.0)[:, None]
    ca = tl.load(c + 4 * gate + 1, real, 0.0)[:, None]
    cb = tl.load(c + 4 * gate + 2, real, 0.0)[:, None]
    cab = tl.load(c + 4 * gate + 3, real, 0.0)[:, None]
    tl.store(y + gate.to(tl.int64)[:, None] * batch + sample[None, :], (c0 + ca * p) + (cb + cab * p) * q, here)


@triton.jit
def bits_forward(
    x: tl.tensor,
    wires: tl.tensor,
    c: tl.tensor,
    y: tl.tensor,
    gates: tl.tensor,
    words: tl.tensor,
    GATES: tl.constexpr,
    WORDS: tl.constexpr,
) -> None:
    """Discrete gates on packed bits: the same polynomial modulo 2, in which a coefficient counts when it is odd."""
    gate = tl.program_id(0) * GATES + tl.arange(0, GATES)
    word = tl.program_id(1) * WORDS + tl.arange(0, WORDS)
    real = gate < gates
    here = real[:, None] & (word < words)[None, :]
    p = tl.load(x + tl.load(wires + 2 * gate, real, 0).to(tl.int64)[:, None] * words + word[None, :], here, 0)
    q = tl.load(x + tl.load(wires + 2 * gate + 1, real, 0).to(tl.int64)[:, None] * words + word[None, :], here, 0)
    m0 = _mask(tl.load(c + 4 * gate, real, 0.0))[:, None]
    ma = _mask(tl.load(c + 4 * gate + 1, real, 0.0))[:, None]
    mb = _mask(tl.load(c + 4 * gate + 2, real, 0.0))[:, None]
    mab = _mask(tl.load(c + 4 * gate + 3, real, 0.0))[:, None]
    y_row = y + gate.to(tl.int64)[:, None] * words + word[None, :]
    tl.store(y_row, m0 ^ (ma & p) ^ (q & (mb ^ (mab & p))), here)


@triton.jit
def _mask(coefficient: tl.tensor) -> tl.tensor:
    """All ones where a whole number is odd."""
    return -(coefficient.to(tl.int32) & 1)


@triton.jit
def coefficient_gradient(
    x: tl.tensor,
    wires: tl.tensor,
    g: tl.tensor,
    gc: tl.tensor,
    gates: tl.tensor,
    batch: tl.tensor,
    stride: tl.tensor,
    BITS: tl.constexpr,
    GATES: tl.constexpr,
    SAMPLES: tl.constexpr,
) -> None:
    """Sums gc [gate][4] over the batch of the gradient g [gate][batch] times 1, a, b and ab."""
    gate = tl.program_id(0) * GATES + tl.arange(0, GATES)
    real = gate < gates
    first = tl.load(wires + 2 * gate, real, 0)[:, None]
    second = tl.load(wires + 2 * gate + 1, real, 0)[:, None]
    s0 = tl.zeros([GATES, SAMPLES], tl.float32)
    sa = tl.zeros([GATES, SAMPLES], tl.float32)
    sb = tl.zeros([GATES, SAMPLES], tl.float32)
    sab = tl.zeros([GATES, SAMPLES], tl.float32)
    for start in range(0, batch, SAMPLES):
        sample = (start + tl.arange(0, SAMPLES))[None, :]
        here = real[:, None] & (sample < batch)
        p = _values(x, first, sample, stride, here, BITS)
        q = _values(x, second, sample, stride, here, BITS)
        r = _values(g, gate[:, None], sample, batch, here, False)
        s0 += r
        sa += r * p
        sb += r * q
        sab += r * p * q
    tl.store(gc + 4 * gate, tl.sum(s0, 1), real)
    tl.store(gc + 4 * gate + 1, tl.sum(sa, 1), real)
    tl.store(gc + 4 * gate + 2, tl.sum(sb, 1), real)
    tl.store(gc + 4 * gate + 3, tl.sum(sab, 1), real)


@triton.jit
def input_gradient(
    x: tl.tensor,
    wires: tl.tensor,
    c: tl.tensor,
    g: tl.tensor,
    starts: tl.tensor,
    readers: tl.tensor,
    gx: tl.tensor,
    batch: tl.tensor,
    stride: tl.tensor,
    BITS: tl.constexpr,
    SAMPLES: tl.constexpr,
) -> None:
    """Sums gx [signal][batch] over the entries that read a signal, `readers[starts[signal] : starts[signal + 1]]`."""
    signal = tl.program_id(0)
    sample = tl.program_id(1) * SAMPLES + tl.arange(0, SAMPLES)
    here = sample < batch
    total = tl.zeros([SAMPLES], tl.float32)
    for i in range(tl.load(starts + signal), tl.load(starts + signal + 1)):
        entry = tl.load(readers + i)
        gate = entry // 2
        slope = tl.load(c + 4 * gate + 1 + entry % 2)
        product = tl.load(c + 4 * gate + 3)
        other = _values(x, tl.load(wires + (entry ^ 1)), sample, stride, here, BITS)
        total += _values(g, gate, sample, batch, here, False) * (slope + product * other)
    tl.store(gx + signal.to(tl.int64) * batch + sample, total, here)


@triton.jit
def choice_gradient(
    x: tl.tensor,
    wires: tl.tensor,
    c: tl.tensor,
    candidates: tl.tensor,
    g: tl.tensor,
    dots: tl.tensor,
    gates: tl.tensor,
    batch: tl.tensor,
    stride: tl.tensor,
    count: tl.tensor,
    CANDIDATES: tl.constexpr,
    SAMPLES: tl.constexpr,
) -> None:
    """Sums dots [2][gate][count] over the batch of a candidate's bit times the gradient of a gate's input."""
    row = tl.program_id(0)
    side = row // gates
    gate = row % gates
    slope = tl.load(c + 4 * gate + 1 + side)
    product = tl.load(c + 4 * gate + 3)
    reads = tl.load(wires + 2 * gate + 1 - side)  # the other input
    k = tl.program_id(1) * CANDIDATES + tl.arange(0, CANDIDATES)
    place = row.to(tl.int64) * count + k
    candidate = tl.load(candidates + place, k < count, 0)[:, None]
    total = tl.zeros([CANDIDATES, SAMPLES], tl.float32)
    for start in range(0, batch, SAMPLES):
        sample = start + tl.arange(0, SAMPLES)
        here = sample < batch
        other = _values(x, reads, sample, stride, here, True)
        gradient = _values(g, gate, sample, batch, here, False) * (slope + product * other)
        both = (k < count)[:, None] & here[None, :]
        total += _values(x, candidate, sample[None, :], stride, both, True) * gradient[None, :]
    tl.store(dots + place, tl.sum(total, 1), k < count)


@triton.jit
def _weights(
    x: tl.tensor,
    wires: tl.tensor,
    gate: tl.tensor,
    sample: tl.tensor,
    batch: tl.tensor,
    without: tl.tensor,
    K: tl.constexpr,
    SAMPLES: tl.constexpr,
) -> tl.tensor:
    """What each corner counts for in each sample, [2^K, SAMPLES]; or its derivative by input `without`, if not -1."""
    corner = tl.arange(0, 2**K)[:, None]
    here = sample < batch
    product = tl.full([2**K, SAMPLES], 1.0, tl.float32)
    for j in tl.static_range(K):
        p = _values(x, tl.load(wires + K * gate + j), sample, batch, here, False)[None, :]
        one = ((corner >> (K - 1 - j)) & 1) == 1
        slope = tl.where(one, 1.0, -1.0)
        product *= tl.where(without == j, slope, tl.where(one, p, 1.0 - p))
    return product


@triton.jit
def lookup_forward(
    x: tl.tensor, wires: tl.tensor, c: tl.tensor, y: tl.tensor, batch: tl.tensor, K: tl.constexpr, SAMPLES: tl.constexpr
) -> None:
    """Real-valued gates of K inputs: interpolation between corners c [gate][2^K], the first input most significant."""
    gate = tl.program_id(0)
    sample = tl.program_id(1) * SAMPLES + tl.arange(0, SAMPLES)
    weights = _weights(x, wires, gate, sample, batch, -1, K, SAMPLES)
    corners = tl.load(c + (gate.to(tl.int64) << K) + tl.arange(0, 2**K))[:, None]
    tl.store(y + gate.to(tl.int64) * batch + sample, tl.sum(corners * weights, 0), sample < batch)


@triton.jit
def lookup_corner_gradient(
    x: tl.tensor,
    wires: tl.tensor,
    g: tl.tensor,
    gc: tl.tensor,
    batch: tl.tensor,
    K: tl.constexpr,
    SAMPLES: tl.constexpr,
) -> None:
    """Sums gc [gate][2^K] over the batch of the gradient g [gate][batch] times what a corner counts for."""
    gate = tl.program_id(0)
    total = tl.zeros([2**K, SAMPLES], tl.float32)
    for start in range(0, batch, SAMPLES):
        sample = start + tl.arange(0, SAMPLES)
        r = _values(g, gate, sample, batch, sample < batch, False)[None, :]
        total += r * _weights(x, wires, gate, sample, batch, -1, K, SAMPLES)
    tl.store(gc + (gate.to(tl.int64) << K) + tl.arange(0, 2**K), tl.sum(total, 1))


@triton.jit
def lookup_input_gradient(
    x: tl.tensor,
    wires: tl.tensor,
    c: tl.tensor,
    g: tl.tensor,
    starts: tl.tensor,
    readers: tl.tensor,
    gx: tl.tensor,
    batch: tl.tensor,
    K: tl.constexpr,
    SAMPLES: tl.constexpr,
) -> None:
    """Sums gx [signal][batch] over the entries that read a signal, as `input_gradient`."""
    signal = tl.program_id(0)
    sample = tl.program_id(1) * SAMPLES + tl.arange(0, SAMPLES)
    here = sample < batch
    total = tl.zeros([SAMPLES], tl.float32)
    for i in range(tl.load(starts + signal), tl.load(starts + signal + 1)):
        entry = tl.load(readers + i)
        gate = entry // K
        slopes = _weights(x, wires, gate, sample, batch, entry % K, K, SAMPLES)
        corners = tl.load(c + (gate.to(tl.int64) << K) + tl.arange(0, 2**K))[:, None]
        total += _values(g, gate, sample, batch, here, False) * tl.sum(corners * slopes, 0)
    tl.store(gx + signal.to(tl.int64) * batch + sample, total, here)


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
    tl.store(y + signal.to(tl.int64) * batch + sample, _values(x, signal, sample, words, here, True), here)


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
        total += _values(x, (part * size + signal)[:, None], sample[None, :], words, here, True)
    tl.store(sums + part * batch + sample, tl.sum(total, 0), sample < batch)
