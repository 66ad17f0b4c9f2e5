"""The vectors that an artifact carries to test itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lgn_edge.network import Network


def selftest_samples(network: Network, count: int) -> NDArray[Any]:
    """Samples [count, features] of the network's input type: one below all thresholds, one above, the rest around them.

    Each feature of the others is drawn from the values just above and just below its thresholds, so every bit of the
    encoder takes both values often.
    """
    encoder = network.encoder
    rng = np.random.default_rng(20250101)
    order = np.argsort(encoder.feature, kind="stable")
    first = np.searchsorted(encoder.feature[order], np.arange(encoder.n_features))
    number = np.bincount(encoder.feature, minlength=encoder.n_features)
    choice = first + (rng.random((count, encoder.n_features)) * number).astype(np.int64)
    around = encoder.threshold[order[np.minimum(choice, len(order) - 1)]]
    around = np.where(number == 0, np.float32(0), around).astype(np.float32)
    around[:1] = encoder.threshold.min()
    above = rng.random(around.shape) < 0.5
    above[0], above[1:2] = False, True
    around[1:2] = encoder.threshold.max()
    if encoder.input_dtype == "uint8":
        octets: NDArray[np.uint8] = np.clip(np.floor(around) + above, 0, 255).astype(np.uint8)
        return octets
    largest = np.finfo(np.float32).max
    floats: NDArray[np.float32] = np.where(above, np.nextafter(around, largest), around).astype(np.float32)
    return floats
