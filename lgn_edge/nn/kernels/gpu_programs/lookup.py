"""Programs of a layer of real-valued gates of 3 to 6 inputs."""

from __future__ import annotations

import triton
import triton.language as tl

from lgn_edge.nn.kernels.gpu_programs.signals import values


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
        p = values(x, tl.load(wires + K * gate + j), sample, batch, here, False)[None, :]
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
        r = values(g, gate, sample, batch, sample < batch, False)[None, :]
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
        total += values(g, gate, sample, batch, here, False) * tl.sum(corners * slopes, 0)
    tl.store(gx + signal.to(tl.int64) * batch + sample, total, here)
