"""Programs of a layer of two-input gates with free wiring."""

from __future__ import annotations

import triton
import triton.language as tl

from lgn_edge.nn.kernels.gpu_programs.signals import values


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
    p = values(x, tl.load(wires + 2 * gate, real, 0)[:, None], sample[None, :], batch, here, False)
    q = values(x, tl.load(wires + 2 * gate + 1, real, 0)[:, None], sample[None, :], batch, here, False)
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
    m0 = mask(tl.load(c + 4 * gate, real, 0.0))[:, None]
    ma = mask(tl.load(c + 4 * gate + 1, real, 0.0))[:, None]
    mb = mask(tl.load(c + 4 * gate + 2, real, 0.0))[:, None]
    mab = mask(tl.load(c + 4 * gate + 3, real, 0.0))[:, None]
    y_row = y + gate.to(tl.int64)[:, None] * words + word[None, :]
    tl.store(y_row, m0 ^ (ma & p) ^ (q & (mb ^ (mab & p))), here)


@triton.jit
def mask(coefficient: tl.tensor) -> tl.tensor:
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
        p = values(x, first, sample, stride, here, BITS)
        q = values(x, second, sample, stride, here, BITS)
        r = values(g, gate[:, None], sample, batch, here, False)
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
    ends: tl.tensor,
    readers: tl.tensor,
    gx: tl.tensor,
    batch: tl.tensor,
    stride: tl.tensor,
    BITS: tl.constexpr,
    SAMPLES: tl.constexpr,
) -> None:
    """Sums gx [signal][batch] over the entries that read a signal, `readers[starts[signal] : ends[signal]]`."""
    signal = tl.program_id(0)
    sample = tl.program_id(1) * SAMPLES + tl.arange(0, SAMPLES)
    here = sample < batch
    total = tl.zeros([SAMPLES], tl.float32)
    for i in range(tl.load(starts + signal), tl.load(ends + signal)):
        entry = tl.load(readers + i)
        gate = entry >> 1
        slope = tl.load(c + 4 * gate + 1 + (entry & 1))
        product = tl.load(c + 4 * gate + 3)
        other = values(x, tl.load(wires + (entry ^ 1)), sample, stride, here, BITS)
        total += values(g, gate, sample, batch, here, False) * (slope + product * other)
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
        other = values(x, reads, sample, stride, here, True)
        gradient = values(g, gate, sample, batch, here, False) * (slope + product * other)
        both = (k < count)[:, None] & here[None, :]
        total += values(x, candidate, sample[None, :], stride, both, True) * gradient[None, :]
    tl.store(dots + place, tl.sum(total, 1), k < count)


@triton.jit
def chosen_readers(
    starts: tl.tensor,
    numbers: tl.tensor,
    which: tl.tensor,
    ends: tl.tensor,
    readers: tl.tensor,
    gates: tl.tensor,
    K: tl.constexpr,
    NUMBERS: tl.constexpr,
) -> None:
    """Of the candidates that are a signal, `numbers[starts[signal] : starts[signal + 1]]`, the entries that chose it.

    Candidate k of input i of a gate is the number 2 * (gate * K + k) + i, and which [i][gate] is the k of each input.
    The entries are written to `readers[starts[signal] : ends[signal]]`, gate by gate; nobody reads what lies behind.
    """
    signal = tl.program_id(0)
    to = tl.load(starts + signal)
    end = tl.load(starts + signal + 1)
    for start in range(to, end, NUMBERS):
        i = start + tl.arange(0, NUMBERS)
        number = tl.load(numbers + i, i < end, 0)
        gate = (number >> 1) // K
        side = number & 1
        mine = (i < end) & (tl.load(which + side * gates + gate, i < end, -1) == (number >> 1) % K)
        place = tl.cumsum(mine.to(tl.int32), 0) - 1
        tl.store(readers + to + place, 2 * gate + side, mine)
        to += tl.sum(mine.to(tl.int32), 0)
    tl.store(ends + signal, to)
