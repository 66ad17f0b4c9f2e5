"""The encoder's comparisons as integers, so that every machine gives the same bits.

Floats are compared through their bit patterns. That is exact on machines without a floating-point unit, and on machines
whose floating-point unit was told by somebody to flush denormals to zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lgn_edge.network import Threshold
from lgn_edge.network.layers import Int32Array

INFINITY_KEY = 0x7F800000  # the key of +inf; positive NaNs have larger keys, negative ones smaller than -inf


def float_keys(values: NDArray[np.float32]) -> Int32Array:
    """int32 keys in the order of the floats: `x > t` is `key(t) < key(x) <= INFINITY_KEY` for a finite t.

    Sign and magnitude become two's complement by flipping the magnitude of negative values. -0.0 as a threshold takes
    the key of +0.0; as a sample its key is -1, which compares with every threshold as 0 does.
    """
    bits = (values + np.float32(0)).view(np.int32)  # -0.0 + 0.0 is +0.0
    return np.asarray(bits ^ (bits >> 31 & 0x7FFFFFFF), np.int32)


@dataclass(frozen=True)
class Comparisons:
    """The live bits of an encoder: bit i is `sample[feature[i]] > level[i]`, and is loaded into slot i.

    Where `minus[i]` is not -1, it is `sample[feature[i]] - sample[minus[i]] > level[i]`, an edge.

    Attributes:
        n_features: elements of a sample.
        element: "uint8", or "int32" for the bit patterns of float32.
        feature: int32[bits].
        level: int32[bits]; for uint8 -1 (every value is above it) to 255, of an edge -256 to 255; float keys otherwise.
        minus: int32[bits], -1 where nothing is subtracted.
    """

    n_features: int
    element: str
    feature: Int32Array
    level: Int32Array
    minus: Int32Array

    @property
    def is_edge(self) -> NDArray[np.bool_]:
        """bool[bits], those that compare a difference."""
        return np.asarray(self.minus >= 0)

    def of(self, chosen: NDArray[np.bool_]) -> Comparisons:
        """Some of the bits."""
        return replace(self, feature=self.feature[chosen], level=self.level[chosen], minus=self.minus[chosen])


def comparisons(encoder: Threshold, live: Int32Array) -> Comparisons:
    """What must be compared for the encoder's bits `live` (int32[bits], each a bit of the encoder)."""
    feature, threshold = encoder.feature[live], encoder.threshold[live]
    minus = np.full(len(live), -1, np.int32) if encoder.minus is None else encoder.minus[live]
    if encoder.input_dtype == "uint8":
        # x > t for an integer x is x > floor(t); below the least value all are above, from 255 on none
        level = np.clip(np.floor(threshold), np.where(minus < 0, -1, -256), 255).astype(np.int32)
        return Comparisons(encoder.n_features, "uint8", feature, level, minus)
    return Comparisons(encoder.n_features, "int32", feature, float_keys(threshold), minus)
