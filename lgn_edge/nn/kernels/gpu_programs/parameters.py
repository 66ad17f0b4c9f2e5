"""Programs between the weights of two-input gates and their coefficients.

`parametrization` and `estimator` define them; KIND is the parametrisation. With NOISE, weights get the noise of an
estimator, drawn from a seed, so that the backward pass draws the same again. A program has GATES gates, and of each
number of a gate a vector.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def coefficients(
    w: tl.tensor,
    seed: tl.tensor,
    c: tl.tensor,
    gates: tl.tensor,
    temperature: tl.tensor,
    KIND: tl.constexpr,
    DISCRETE: tl.constexpr,
    NOISE: tl.constexpr,
    GATES: tl.constexpr,
) -> None:
    """Coefficients c [gate][4] of weights w [gate][numbers], of soft or of DISCRETE gates."""
    gate = tl.program_id(0) * GATES + tl.arange(0, GATES)
    v = _numbers(w, seed, gate, gates, KIND, NOISE)
    f = ()
    if KIND == "raw" and DISCRETE:
        best = v[0]
        table = tl.zeros([GATES], tl.int32)
        for i in tl.static_range(1, 16):
            table = tl.where(v[i] > best, i, table)  # the first one among equals
            best = tl.maximum(best, v[i])
        for j in tl.static_range(4):
            f = f + (((table >> (3 - j)) & 1).to(tl.float32),)
    elif KIND == "raw":
        p = _softmax(v, temperature)
        for j in tl.static_range(4):
            total = tl.zeros([GATES], tl.float32)
            for i in tl.static_range(16):
                if (i >> (3 - j)) & 1:
                    total += p[i]
            f = f + (total,)
    else:
        for j in tl.static_range(4):
            if DISCRETE:
                angle = tl.sin(v[j]) if KIND == "light-sine" else v[j]
                f = f + (tl.where(angle > 0, 1.0, 0.0),)
            elif KIND == "light-sine":
                f = f + (0.5 + 0.5 * tl.sin(v[j]),)
            else:
                f = f + (tl.sigmoid(v[j] / temperature),)
    to = c + 4 * gate
    tl.store(to, f[0], gate < gates)
    tl.store(to + 1, f[2] - f[0], gate < gates)
    tl.store(to + 2, f[1] - f[0], gate < gates)
    tl.store(to + 3, f[0] - f[1] - f[2] + f[3], gate < gates)


@triton.jit
def weight_gradient(
    w: tl.tensor,
    seed: tl.tensor,
    gc: tl.tensor,
    gw: tl.tensor,
    gates: tl.tensor,
    temperature: tl.tensor,
    KIND: tl.constexpr,
    NOISE: tl.constexpr,
    GATES: tl.constexpr,
) -> None:
    """Gradients gw [gate][numbers] of the weights from those of the coefficients, gc [gate][4], by the soft gate."""
    gate = tl.program_id(0) * GATES + tl.arange(0, GATES)
    v = _numbers(w, seed, gate, gates, KIND, NOISE)
    g0 = tl.load(gc + 4 * gate, gate < gates, 0.0)
    ga = tl.load(gc + 4 * gate + 1, gate < gates, 0.0)
    gb = tl.load(gc + 4 * gate + 2, gate < gates, 0.0)
    gab = tl.load(gc + 4 * gate + 3, gate < gates, 0.0)
    g = (g0 - ga - gb + gab, gb - gab, ga - gab, gab)  # of the corners
    if KIND == "raw":
        p = _softmax(v, temperature)
        along = ()
        mean = tl.zeros([GATES], tl.float32)
        for i in tl.static_range(16):
            slope = tl.zeros([GATES], tl.float32)
            for j in tl.static_range(4):
                if (i >> (3 - j)) & 1:
                    slope += g[j]
            along = along + (slope,)
            mean += p[i] * slope
        for i in tl.static_range(16):
            tl.store(gw + 16 * gate + i, p[i] * (along[i] - mean) / temperature, gate < gates)
    else:
        d = ()
        for j in tl.static_range(4):
            if KIND == "light-sine":
                d = d + (g[j] * 0.5 * tl.cos(v[j]),)
            else:
                s = tl.sigmoid(v[j] / temperature)
                d = d + (g[j] * s * (1 - s) / temperature,)
        if KIND == "walsh":
            d = _walsh(d[0], d[1], d[2], d[3])
        for j in tl.static_range(4):
            tl.store(gw + 4 * gate + j, d[j], gate < gates)


@triton.jit
def _numbers(
    w: tl.tensor, seed: tl.tensor, gate: tl.tensor, gates: tl.tensor, KIND: tl.constexpr, NOISE: tl.constexpr
) -> tuple[tl.tensor, ...]:
    """What a gate is made of, with noise: logits, angles, or of Walsh coefficients the logits that they stand for."""
    numbers: tl.constexpr = 16 if KIND == "raw" else 4
    v = ()
    for i in tl.static_range(numbers):
        v = v + (tl.load(w + numbers * gate.to(tl.int64) + i, gate < gates, 0.0),)
    if KIND == "walsh":
        v = _walsh(v[0], v[1], v[2], v[3])
    if NOISE:
        start = tl.load(seed)
        noisy = ()
        for i in tl.static_range(numbers):
            u = tl.maximum(tl.rand(start, numbers * gate + i), 2.0**-32)
            other = -tl.log(u) if KIND == "raw" else 1.0 - u
            noisy = noisy + (v[i] - tl.log(other) if KIND == "raw" else v[i] + tl.log(u) - tl.log(other),)
        v = noisy
    return v


@triton.jit
def _walsh(w0: tl.tensor, wa: tl.tensor, wb: tl.tensor, wab: tl.tensor) -> tuple[tl.tensor, ...]:
    """The Walsh-Hadamard transform with its sign changed: logits at the corners of coefficients, and back to these."""
    return -(w0 + wa + wb + wab), -(w0 + wa - wb - wab), -(w0 - wa + wb - wab), -(w0 - wa - wb + wab)


@triton.jit
def _softmax(v: tl.tuple, temperature: tl.tensor) -> tuple[tl.tensor, ...]:
    """Of the sixteen logits divided by a temperature."""
    most = v[0]
    for i in tl.static_range(1, 16):
        most = tl.maximum(most, v[i])
    total = most * 0.0
    raised = ()
    for i in tl.static_range(16):
        raised = raised + (tl.exp((v[i] - most) / temperature),)
        total += raised[i]
    shares = ()
    for i in tl.static_range(16):
        shares = shares + (raised[i] / total,)
    return shares
