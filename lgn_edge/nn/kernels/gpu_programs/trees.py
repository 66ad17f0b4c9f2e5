"""Programs of trees of gates at the places of an image, each with the OR pool behind it.

What a tree and a pool are `trees.c` says: `leaf int32 [kernel][leaf][3]`, `c float [kernel][node][4]`. The sizes S (see
`trees.Sizes`) are constants of a program, so no index costs a division. SIGNALS says what is read: "real" rows, "bits"
of packed rows as 0.0 and 1.0, or whole "words" of them.

Backward, every sample has one place of each pool's window, the first greatest that lies inside. `trees_gradients` runs
the trees backward there, sums what the coefficients get, and leaves the gradients of the leaves, which each signal then
gathers from the leaves that see it. Before the pool there would be four times as many for a window of 2 x 2.
"""

from __future__ import annotations

import triton
import triton.language as tl

from lgn_edge.nn.kernels.gpu_programs.gates import mask
from lgn_edge.nn.kernels.gpu_programs.signals import values


@triton.jit
def _place(output: tl.tensor, i: tl.tensor, S: tl.constexpr) -> tuple[tl.tensor, tl.tensor, tl.tensor]:
    """Place `i` of the pool's window of an output: whether it lies inside, and the first cell of its window."""
    y = output // S.out_columns * S.step_y + i // S.pool_x - S.margin_y
    x = output % S.out_columns * S.step_x + i % S.pool_x - S.margin_x
    inside = (y >= 0) & (y < S.rows) & (x >= 0) & (x < S.columns)
    return inside, y * S.stride_y - S.pad_y, x * S.stride_x - S.pad_x


@triton.jit
def _tree(
    x: tl.tensor,
    leaf: tl.tensor,
    c: tl.tensor,
    kernel: tl.tensor,
    at_y: tl.tensor,
    at_x: tl.tensor,
    column: tl.tensor,
    stride: tl.tensor,
    here: tl.tensor,
    S: tl.constexpr,
    SIGNALS: tl.constexpr,
) -> tuple[tl.tensor, ...]:
    """The values of a tree whose window begins at a cell of the image, the leaves first; outside of the image is 0."""
    leaves: tl.constexpr = S.leaves
    found = ()
    for i in tl.static_range(leaves):
        cell = leaf + 3 * (kernel * leaves + i)
        image_y = at_y + tl.load(cell + 1)
        image_x = at_x + tl.load(cell + 2)
        signal = (tl.load(cell) * S.height + image_y) * S.width + image_x
        seen = here & (image_y >= 0) & (image_y < S.height) & (image_x >= 0) & (image_x < S.width)
        if SIGNALS == "words":
            value = tl.load(x + signal.to(tl.int64) * stride + column, seen, 0)
        else:
            value = values(x, signal, column, stride, seen, SIGNALS == "bits")
        found = found + (value,)
    for n in tl.static_range(leaves - 1):
        gate = c + 4 * (kernel * (leaves - 1) + n)
        p = found[2 * n]
        q = found[2 * n + 1]
        c0 = tl.load(gate)
        ca = tl.load(gate + 1)
        cb = tl.load(gate + 2)
        cab = tl.load(gate + 3)
        if SIGNALS == "words":  # the same polynomial modulo 2
            value = mask(c0) ^ (mask(ca) & p) ^ (q & (mask(cb) ^ (mask(cab) & p)))
        else:
            value = (c0 + ca * p) + (cb + cab * p) * q
        found = found + (value,)
    return found


@triton.jit
def trees_forward(
    x: tl.tensor,
    leaf: tl.tensor,
    c: tl.tensor,
    y: tl.tensor,
    batch: tl.tensor,
    S: tl.constexpr,
    PAIRS: tl.constexpr,
) -> None:
    """Real-valued gates: x [signal][batch], y [kernel][output][batch]; 0 where no place lies inside."""
    kernel = tl.program_id(0)
    pair = tl.program_id(1) * PAIRS + tl.arange(0, PAIRS)
    here = pair < S.outputs * batch
    best = tl.full([PAIRS], float("-inf"), tl.float32)
    for i in range(S.places):
        inside, at_y, at_x = _place(pair // batch, i, S)
        found = _tree(x, leaf, c, kernel, at_y, at_x, pair % batch, batch, here, S, "real")
        best = tl.where(inside & (found[2 * S.leaves - 2] > best), found[2 * S.leaves - 2], best)
    to = y + kernel.to(tl.int64) * S.outputs * batch
    tl.store(to + pair, tl.where(best == float("-inf"), 0.0, best), here)


@triton.jit
def trees_bits_forward(
    x: tl.tensor,
    leaf: tl.tensor,
    c: tl.tensor,
    y: tl.tensor,
    words: tl.tensor,
    S: tl.constexpr,
    PAIRS: tl.constexpr,
) -> None:
    """Discrete gates on packed bits: x [signal][word], y [kernel][output][word]."""
    kernel = tl.program_id(0)
    pair = tl.program_id(1) * PAIRS + tl.arange(0, PAIRS)
    here = pair < S.outputs * words
    some = tl.zeros([PAIRS], tl.int32)
    for i in range(S.places):
        inside, at_y, at_x = _place(pair // words, i, S)
        found = _tree(x, leaf, c, kernel, at_y, at_x, pair % words, words, here, S, "words")
        some = some | tl.where(inside, found[2 * S.leaves - 2], 0)
    tl.store(y + kernel.to(tl.int64) * S.outputs * words + pair, some, here)


@triton.jit
def trees_gradients(
    x: tl.tensor,
    leaf: tl.tensor,
    c: tl.tensor,
    g: tl.tensor,
    gl: tl.tensor,
    place: tl.tensor,
    gc: tl.tensor,
    batch: tl.tensor,
    stride: tl.tensor,
    kernels: tl.tensor,
    parts: tl.tensor,
    S: tl.constexpr,
    BITS: tl.constexpr,
    LEAVES: tl.constexpr,
    PAIRS: tl.constexpr,
) -> None:
    """The trees backward, from the gradient g [kernel][output][batch]: a program for a kernel and a part of its pairs.

    Writes gc [part][kernel][node][4], sums over outputs and samples of the gradient times 1, a, b and ab; and, where
    LEAVES says so, the gradients of the leaves, gl [kernel][leaf][output][batch], and the place that each is at,
    int8 [kernel][output][batch].
    """
    kernel = tl.program_id(0)
    part = tl.program_id(1)
    leaves: tl.constexpr = S.leaves
    nodes: tl.constexpr = leaves - 1
    sums = ()
    for _ in tl.static_range(4 * nodes):
        sums = sums + (tl.zeros([PAIRS], tl.float32),)
    for start in range(part * PAIRS, S.outputs * batch, parts * PAIRS):
        pair = start + tl.arange(0, PAIRS)
        here = pair < S.outputs * batch
        best = tl.full([PAIRS], float("-inf"), tl.float32)
        chosen = tl.full([PAIRS], -1, tl.int32)
        v = ()
        for _ in tl.static_range(leaves + nodes):
            v = v + (tl.zeros([PAIRS], tl.float32),)
        for i in range(S.places):
            inside, at_y, at_x = _place(pair // batch, i, S)
            found = _tree(x, leaf, c, kernel, at_y, at_x, pair % batch, stride, here, S, "bits" if BITS else "real")
            take = inside & (found[2 * nodes] > best)
            best = tl.where(take, found[2 * nodes], best)
            chosen = tl.where(take, i, chosen)
            better = ()
            for j in tl.static_range(leaves + nodes):
                better = better + (tl.where(take, found[j], v[j]),)
            v = better
        row = kernel.to(tl.int64) * S.outputs * batch
        d = (tl.where(chosen >= 0, tl.load(g + row + pair, here, 0.0).to(tl.float32), 0.0),)
        added = ()
        for n in tl.static_range(nodes - 1, -1, -1):
            gate = c + 4 * (kernel * nodes + n)
            p = v[2 * n]
            q = v[2 * n + 1]
            r = d[nodes - 1 - n]  # d begins with the values of node n + 1
            cab = tl.load(gate + 3)
            mine = (sums[4 * n] + r, sums[4 * n + 1] + r * p, sums[4 * n + 2] + r * q, sums[4 * n + 3] + r * p * q)
            added = mine + added
            d = (r * (tl.load(gate + 1) + cab * q), r * (tl.load(gate + 2) + cab * p)) + d
        sums = added
        if LEAVES:
            tl.store(place + row + pair, chosen.to(tl.int8), here)
            for i in tl.static_range(leaves):
                tl.store(gl + (row * leaves + i * S.outputs * batch) + pair, d[i], here)
    for i in tl.static_range(4 * nodes):
        tl.store(gc + (part * kernels + kernel) * 4 * nodes + i, tl.sum(sums[i], 0))


@triton.jit
def trees_input_gradient(
    leaf: tl.tensor,
    starts: tl.tensor,
    readers: tl.tensor,
    gl: tl.tensor,
    place: tl.tensor,
    gx: tl.tensor,
    batch: tl.tensor,
    S: tl.constexpr,
    PAIRS: tl.constexpr,
) -> None:
    """Sums gx [channel][pixel][batch] over the leaves that read a channel, and the outputs that see a pixel by them.

    Channel i is read by the leaves `readers[starts[i] : starts[i + 1]]`, numbers kernel * leaves + leaf.
    """
    channel = tl.program_id(0)
    pair = tl.program_id(1) * PAIRS + tl.arange(0, PAIRS)
    here = pair < S.height * S.width * batch
    pixel = pair // batch
    sample = pair % batch
    total = tl.zeros([PAIRS], tl.float32)
    for number in range(tl.load(starts + channel), tl.load(starts + channel + 1)):
        entry = tl.load(readers + number).to(tl.int64)
        moved_y = pixel // S.width + S.pad_y - tl.load(leaf + 3 * entry + 1)
        moved_x = pixel % S.width + S.pad_x - tl.load(leaf + 3 * entry + 2)
        seen = here & (moved_y >= 0) & (moved_y % S.stride_y == 0) & (moved_x >= 0) & (moved_x % S.stride_x == 0)
        # The place of the tree, counted from the first row and column of the pool's windows.
        y = moved_y // S.stride_y + S.margin_y
        x = moved_x // S.stride_x + S.margin_x
        seen = seen & (y < S.rows + S.margin_y) & (x < S.columns + S.margin_x)
        for i in range(S.reach_y * S.reach_x):  # the window that begins last before the place, and those before it
            out_y = y // S.step_y - i // S.reach_x
            out_x = x // S.step_x - i % S.reach_x
            in_y = y - out_y * S.step_y
            in_x = x - out_x * S.step_x
            there = seen & (out_y >= 0) & (out_y < S.out_rows) & (out_x >= 0) & (out_x < S.out_columns)
            there = there & (in_y < S.pool_y) & (in_x < S.pool_x)
            at = (out_y * S.out_columns + out_x) * batch + sample
            chosen = tl.load(place + entry // S.leaves * S.outputs * batch + at, there, -1)
            mine = there & (chosen == in_y * S.pool_x + in_x)
            total += tl.load(gl + entry * S.outputs * batch + at, mine, 0.0)
    tl.store(gx + channel.to(tl.int64) * S.height * S.width * batch + pair, total, here)


@triton.jit
def trees_choice_gradient(
    x: tl.tensor,
    candidates: tl.tensor,
    gl: tl.tensor,
    place: tl.tensor,
    dots: tl.tensor,
    batch: tl.tensor,
    stride: tl.tensor,
    count: tl.tensor,
    S: tl.constexpr,
    CANDIDATES: tl.constexpr,
    PAIRS: tl.constexpr,
) -> None:
    """Sums dots [kernel][leaf][count] over outputs and samples of a candidate's bit times the gradient of the leaf."""
    entry = tl.program_id(0).to(tl.int64)
    number = tl.program_id(1) * CANDIDATES + tl.arange(0, CANDIDATES)
    real = number < count
    cell = candidates + 3 * (entry * count + number)
    channel = tl.load(cell, real, 0)[:, None]
    row = tl.load(cell + 1, real, 0)[:, None]
    column = tl.load(cell + 2, real, 0)[:, None]
    total = tl.zeros([CANDIDATES, PAIRS], tl.float32)
    for start in range(0, S.outputs * batch, PAIRS):
        pair = start + tl.arange(0, PAIRS)
        here = pair < S.outputs * batch
        chosen = tl.load(place + entry // S.leaves * S.outputs * batch + pair, here, -1).to(tl.int32)
        gradient = tl.load(gl + entry * S.outputs * batch + pair, here, 0.0)
        _, at_y, at_x = _place(pair // batch, chosen, S)
        image_y = at_y[None, :] + row
        image_x = at_x[None, :] + column
        seen = real[:, None] & (here & (chosen >= 0))[None, :] & (image_y >= 0) & (image_y < S.height)
        seen = seen & (image_x >= 0) & (image_x < S.width)
        signal = (channel * S.height + image_y) * S.width + image_x
        total += values(x, signal, (pair % batch)[None, :], stride, seen, True) * gradient[None, :]
    tl.store(dots + entry * count + number, tl.sum(total, 1), real)
