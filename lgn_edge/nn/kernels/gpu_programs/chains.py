"""Programs of a layer of two-input gates that walk along its chains; `lgn_edge/nn/chains.py` says what the slots hold.

A program has CHAIN slots in a row. Each row of x is read once for the gates on both sides of a slot, and backward one
program has all that a visit's gradient is made of, so that rows of gradients are read and written once, too. Only what
lies next to the CHAIN slots is read by two programs, which run at about the same time.

Each step loads all that it needs before it computes, so that many rows are under way at once.
"""

from __future__ import annotations

import triton
import triton.language as tl

from lgn_edge.nn.kernels.gpu_programs.gates import mask


@triton.jit
def chains_forward(
    x: tl.tensor,
    signals: tl.tensor,
    entries: tl.tensor,
    visits: tl.tensor,
    c: tl.tensor,
    y: tl.tensor,
    slots: tl.tensor,
    columns: tl.tensor,
    BITS: tl.constexpr,
    CHAIN: tl.constexpr,
    GROUP: tl.constexpr,
    COLUMNS: tl.constexpr,
) -> None:
    """Gates y [gate][column] of x [signal][column]: real-valued ones of samples, or BITS of words of packed samples."""
    first = (tl.program_id(0) * GROUP + tl.arange(0, GROUP)) * CHAIN
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    here = column < columns
    entry = ()
    read = ()
    for i in tl.static_range(CHAIN + 1):  # from the slot before the first one
        slot = first + (i - 1)
        real = (slot >= 0) & (slot < slots)
        entry = entry + (tl.load(entries + slot, real, -1),)
        signal = tl.load(signals + slot, real, 0).to(tl.int64)
        read = read + (tl.load(x + signal[:, None] * columns + column, here & real[:, None], 0),)
    for i in tl.static_range(1, CHAIN + 1):
        slot = first + (i - 1)
        real = entry[i] >= 0
        own = real & (tl.load(visits + slot, slot < slots, -1) >= 0)
        gate = entry[i].to(tl.int64) >> 1
        side = entry[i] & 1
        c0 = tl.load(c + 4 * gate, real, 0.0)[:, None]
        cp = tl.load(c + 4 * gate + 2 - side, real, 0.0)[:, None]
        cq = tl.load(c + 4 * gate + 1 + side, real, 0.0)[:, None]
        cpq = tl.load(c + 4 * gate + 3, real, 0.0)[:, None]
        p = read[i - 1]
        q = read[i]
        if BITS:  # the same polynomial modulo 2
            value = mask(c0) ^ (mask(cp) & p) ^ (q & (mask(cq) ^ (mask(cpq) & p)))
        else:
            value = (c0 + cp * p.to(tl.float32)) + (cq + cpq * p.to(tl.float32)) * q.to(tl.float32)
        tl.store(y + gate[:, None] * columns + column, value, here & own[:, None])


@triton.jit
def _row(
    x: tl.tensor,
    row: tl.tensor,
    stride: tl.tensor,
    lane: tl.tensor,
    each: tl.tensor,
    batch: tl.tensor,
    real: tl.tensor,
    BITS: tl.constexpr,
) -> tl.tensor:
    """Float32 of the samples `lane + each` of a row, where it is a real one; with BITS, a word has all of a lane."""
    at = x + row.to(tl.int64) * stride
    if BITS:
        word = tl.load(at + (lane >> 5), (lane < batch) & real, 0)
        return ((word >> ((lane & 31) + each)) & 1).to(tl.float32)
    return tl.load(at + lane + each, (lane + each < batch) & real, 0.0).to(tl.float32)


@triton.jit
def chains_backward(
    x: tl.tensor,
    signals: tl.tensor,
    entries: tl.tensor,
    visits: tl.tensor,
    c: tl.tensor,
    g: tl.tensor,
    gx: tl.tensor,
    gc: tl.tensor,
    slots: tl.tensor,
    batch: tl.tensor,
    stride: tl.tensor,
    BITS: tl.constexpr,
    INPUTS: tl.constexpr,
    COEFFICIENTS: tl.constexpr,
    CHAIN: tl.constexpr,
    LANES: tl.constexpr,
    EACH: tl.constexpr,
) -> None:
    """All gradients of a layer, from that of its gates, g [gate][batch].

    With INPUTS gx [visit][batch], of the signals at each visit. With COEFFICIENTS gc [gate][4], sums over the batch of
    the gradient times 1, a, b and ab. A stride is of x, rows of samples or of BITS.
    """
    first = tl.program_id(0) * CHAIN
    entry = ()
    visit = ()
    signal = ()
    cp = ()
    cq = ()
    cpq = ()
    for i in tl.static_range(CHAIN + 2):  # from the slot before the first one to the slot behind the last one
        slot = first + (i - 1)
        real = (slot >= 0) & (slot < slots)
        joins = tl.load(entries + slot, real, -1)
        entry = entry + (joins,)
        signal = signal + (tl.load(signals + slot, real, 0),)
        visit = visit + (tl.load(visits + slot, real, -1),)
        gate = c + 4 * (joins >> 1)
        cp = cp + (tl.load(gate + 2 - (joins & 1), joins >= 0, 0.0),)
        cq = cq + (tl.load(gate + 1 + (joins & 1), joins >= 0, 0.0),)
        cpq = cpq + (tl.load(gate + 3, joins >= 0, 0.0),)
    lane = tl.arange(0, LANES)[:, None] * EACH
    each = tl.arange(0, EACH)[None, :]
    sums = ()
    for _ in tl.static_range(4 * CHAIN):
        sums = sums + (tl.zeros([LANES], tl.float32),)
    for start in range(0, batch, LANES * EACH):
        at = start + lane
        read = ()
        r = ()
        for i in tl.static_range(CHAIN + 2):
            slot = first + (i - 1)
            real = (slot >= 0) & (slot < slots)
            joined = (entry[i] >= 0) & (i > 0)
            read = read + (_row(x, signal[i], stride, at, each, batch, real, BITS),)
            r = r + (_row(g, entry[i] >> 1, batch, at, each, batch, joined, False),)
        added = ()
        for i in tl.static_range(1, CHAIN + 1):
            if INPUTS:
                behind = r[i] * (cq[i] + cpq[i] * read[i - 1])
                ahead = r[i + 1] * (cp[i + 1] + cpq[i + 1] * read[i + 1])
                to = gx + visit[i].to(tl.int64) * batch + (at + each)
                tl.store(to, behind + ahead, (at + each < batch) & (visit[i] >= 0))
            if COEFFICIENTS:
                rp = r[i] * read[i - 1]
                added = added + (
                    sums[4 * i - 4] + tl.sum(r[i], 1),
                    sums[4 * i - 3] + tl.sum(rp, 1),
                    sums[4 * i - 2] + tl.sum(r[i] * read[i], 1),
                    sums[4 * i - 1] + tl.sum(rp * read[i], 1),
                )
        if COEFFICIENTS:
            sums = added
    if COEFFICIENTS:
        for i in tl.static_range(1, CHAIN + 1):
            own = (entry[i] >= 0) & (visit[i] >= 0)
            to = gc + 4 * (entry[i] >> 1)
            tl.store(to, tl.sum(sums[4 * i - 4], 0), own)
            tl.store(to + 2 - (entry[i] & 1), tl.sum(sums[4 * i - 3], 0), own)
            tl.store(to + 1 + (entry[i] & 1), tl.sum(sums[4 * i - 2], 0), own)
            tl.store(to + 3, tl.sum(sums[4 * i - 1], 0), own)


@triton.jit
def visit_sums(
    v: tl.tensor,
    starts: tl.tensor,
    gx: tl.tensor,
    batch: tl.tensor,
    SAMPLES: tl.constexpr,
) -> None:
    """Sums gx [signal][batch] of the rows v [visit][batch] of each signal, `starts[signal] : starts[signal + 1]`."""
    signal = tl.program_id(0)
    sample = tl.program_id(1) * SAMPLES + tl.arange(0, SAMPLES)
    here = sample < batch
    begin = tl.load(starts + signal)
    at = v + begin.to(tl.int64) * batch + sample
    total = tl.zeros([SAMPLES], tl.float32)
    for _ in range(begin, tl.load(starts + signal + 1)):
        total += tl.load(at, here, 0.0)
        at += batch
    tl.store(gx + signal.to(tl.int64) * batch + sample, total, here)
