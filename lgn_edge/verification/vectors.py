"""The samples that every backend is asked about: named, seeded, the same in every run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import numpy as np

from lgn_edge.artifact.selftest import near_differences
from lgn_edge.network import Network, Threshold
from lgn_edge.verification.subject import Samples

BATCH_SIZES: Final = (0, 1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 511, 512, 513)  # around the words of every target
MAX_EXHAUSTIVE: Final = 2**12  # distinct inputs up to which all of them are tried


@dataclass(frozen=True, eq=False)
class Vector:
    """Samples given to a backend in one call.

    Attributes:
        name: says what is special about them.
        samples: [n, features] of the encoder's input type.
        whole: the number of samples is the point; never thin it out.
    """

    name: str
    samples: Samples
    whole: bool = False


def make_vectors(
    network: Network, *, samples: int = 1000, data: Samples | None = None, seed: int = 0
) -> tuple[Vector, ...]:
    """All vectors for a network, real data first.

    Args:
        network: whose encoder says what a sample is.
        samples: the most samples of a vector of real data or random ones.
        data: real samples [n, features], or None.
        seed: of everything random.
    """
    encoder = network.encoder
    levels = _levels(encoder)
    rng = np.random.default_rng(seed)
    vectors = [] if data is None else [Vector("data", thin(network.check(data), samples))]
    if encoder.minus is None and math.prod(len(level) for level in levels) <= MAX_EXHAUSTIVE:
        vectors.append(Vector("exhaustive", np.array(list(product(*levels)), encoder.input_dtype)))
    low, high = (np.array([level[end] for level in levels], encoder.input_dtype)[None] for end in (0, -1))
    vectors += [
        Vector("all-low", low),
        Vector("all-high", high),
        Vector("walking", _walking(low, high, samples)),
        Vector("thresholds", _near_thresholds(encoder, samples, rng)),
        Vector("random", _random(encoder, samples, rng)),
    ]
    if encoder.input_dtype == "float32":
        vectors.append(Vector("special", _special(encoder, min(samples, 256), rng)))
    vectors += [Vector(f"batch-{n}", _near_thresholds(encoder, n, rng), whole=True) for n in BATCH_SIZES]
    return tuple(vectors)


def limit(vectors: Sequence[Vector], budget: int) -> tuple[Vector, ...]:
    """At most `budget` samples of the vectors, in their order.

    Vectors whose size is their point stay whole, the small ones first, in half of the budget, or are left out; the
    others share the rest and are thinned out evenly.
    """
    if sum(len(vector.samples) for vector in vectors) <= budget:
        return tuple(vectors)
    kept: dict[int, Vector] = {}
    order = sorted(range(len(vectors)), key=lambda i: len(vectors[i].samples))
    left = budget // 2
    for i in order:
        if vectors[i].whole and len(vectors[i].samples) <= left:
            kept[i] = vectors[i]
            left -= len(vectors[i].samples)
    left += budget - budget // 2
    thinned = [i for i in order if not vectors[i].whole]
    for position, i in enumerate(thinned):
        share = left // (len(thinned) - position)
        if share:
            kept[i] = replace(vectors[i], samples=thin(vectors[i].samples, share))
            left -= len(kept[i].samples)
    return tuple(kept[i] for i in sorted(kept))


def thin(samples: Samples, most: int) -> Samples:
    """At most `most` rows, evenly spaced."""
    if len(samples) <= most:
        return samples
    return np.ascontiguousarray(samples[np.linspace(0, len(samples) - 1, most).astype(np.int64)])


def _levels(encoder: Threshold) -> list[Samples]:
    """For each feature one value for each pattern of its bits that can occur, lowest first.

    The value is the threshold itself where it can be, since that is where an encoder goes wrong. A feature of which
    differences are compared has all values.
    """
    if encoder.input_dtype == "uint8":
        whole = np.arange(256)
        pattern = [np.searchsorted(t, whole, "left") for t in _thresholds(encoder)]
        edge = encoder.is_edge
        for feature in np.unique([encoder.feature[edge], encoder.minus[edge]]) if encoder.minus is not None else []:
            pattern[feature] = whole
        return [whole[np.unique(value, return_index=True)[1]] for value in pattern]
    return [
        np.append(t, _next(t[-1], np.float32(np.inf))) if len(t) else np.zeros(1, np.float32)
        for t in _thresholds(encoder)
    ]


def _thresholds(encoder: Threshold) -> list[Samples]:
    """The distinct thresholds of each feature, ascending; not those of differences."""
    plain = np.flatnonzero(~encoder.is_edge)
    order = plain[np.lexsort((encoder.threshold[plain], encoder.feature[plain]))]
    bounds = np.searchsorted(encoder.feature[order], np.arange(1, encoder.n_features))
    return [np.unique(group) for group in np.split(encoder.threshold[order], bounds)]


def _walking(low: Samples, high: Samples, most: int) -> Samples:
    """Each feature alone above all its thresholds."""
    features = thin(np.arange(low.shape[1]), most)
    walking = np.repeat(low, len(features), axis=0)
    walking[np.arange(len(features)), features] = high[0, features]
    return walking


def _near_thresholds(encoder: Threshold, n: int, rng: np.random.Generator) -> Samples:
    """Every feature on one of its thresholds or the next value on either side, and differences near theirs."""
    thresholds = _thresholds(encoder)
    columns = [rng.choice(t, n) if len(t) else rng.integers(0, 2, n).astype(np.float32) for t in thresholds]
    x = np.stack(columns, axis=1).astype(np.float32)
    side = rng.integers(-1, 2, x.shape)
    if encoder.input_dtype == "uint8":
        return near_differences(encoder, np.clip(np.floor(x) + side, 0, 255).astype(np.uint8), rng)
    return np.where(side == 0, x, _next(x, np.where(side < 0, np.float32(-np.inf), np.float32(np.inf))))


def _next(values: Samples, towards: Samples | np.float32) -> Samples:
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.nextafter(values, towards, dtype=np.float32))


def _random(encoder: Threshold, n: int, rng: np.random.Generator) -> Samples:
    """Uniform over the range of the thresholds and a little more; over all values for uint8."""
    shape = (n, encoder.n_features)
    if encoder.input_dtype == "uint8":
        return rng.integers(0, 256, shape).astype(np.uint8)
    low, high = float(encoder.threshold.min()), float(encoder.threshold.max())
    margin = max(1.0, 0.1 * (high - low))
    limit32 = float(np.finfo(np.float32).max)
    return rng.uniform(max(low - margin, -limit32), min(high + margin, limit32), shape).astype(np.float32)


def _special(encoder: Threshold, n: int, rng: np.random.Generator) -> Samples:
    """NaN, infinities, signed zeros, the smallest and largest numbers: everywhere, then among ordinary ones."""
    info = np.finfo(np.float32)
    values = np.array(
        [np.nan, np.inf, -np.inf, 0.0, -0.0, info.smallest_subnormal, -info.smallest_subnormal, info.max, info.min],
        np.float32,
    )
    everywhere = np.repeat(values[:, None], encoder.n_features, axis=1)
    mixed = _near_thresholds(encoder, n, rng)
    at = rng.random(mixed.shape) < 0.3
    mixed[at] = rng.choice(values, int(at.sum()))
    return np.concatenate([everywhere, mixed])
