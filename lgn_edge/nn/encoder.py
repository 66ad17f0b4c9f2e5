"""The encoder as a module: features to bits by fixed thresholds, fitted from data."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from lgn_edge import network
from lgn_edge.errors import InputError

SPACINGS: Final = ("uniform", "distributive")


class Threshold(nn.Module):
    """Bit i of a sample x is `x[feature[i]] > threshold[i]`, compared in float32, as in `network.Threshold`.

    Args:
        n_features: features of a sample.
        feature: int [bits], the feature that each bit watches.
        threshold: float32 [bits], finite.
        input_dtype: "float32" or "uint8", the type of a feature in the model's interface.

    Raises:
        InputError: what `network.Threshold` refuses.
    """

    feature: Tensor
    threshold: Tensor

    def __init__(self, n_features: int, feature: ArrayLike, threshold: ArrayLike, input_dtype: str = "float32") -> None:
        super().__init__()
        checked = network.Threshold(n_features, np.asarray(feature), np.asarray(threshold), input_dtype)
        self.n_features = n_features
        self.input_dtype = input_dtype
        self.register_buffer("feature", torch.from_numpy(checked.feature.copy()))
        self.register_buffer("threshold", torch.from_numpy(checked.threshold.copy()))

    @classmethod
    def bits(cls, n: int) -> Threshold:
        """The encoder for n inputs that are bits already (uint8 0 or 1)."""
        return cls(n, np.arange(n), np.full(n, 0.5, np.float32), "uint8")

    @classmethod
    def thermometer(
        cls, samples: ArrayLike, levels: int, *, spacing: str = "distributive", multiple: int = 1
    ) -> Threshold:
        """A thermometer fitted to samples: `levels` thresholds on each feature.

        Thresholds on uint8 features are whole numbers. A threshold that repeats another one, or whose bit is the same
        for all samples, is left out. Bits are ordered by level, then by feature.

        Args:
            samples: uint8 or float32 [n, features], finite.
            levels: thresholds a feature, at least 1.
            spacing: "uniform": evenly between a feature's least and greatest value; "distributive": at its quantiles.
            multiple: the number of bits is filled up to a multiple of this by repeating bits from the first on, as
                aligned wiring needs it.

        Raises:
            InputError: the samples are not such an array, or no feature varies.
        """
        x = np.asarray(samples)
        if x.ndim != 2 or x.dtype not in (np.uint8, np.float32) or not x.size:
            raise InputError(
                f"encoder: samples are {x.dtype} {list(x.shape)}; it is fitted to uint8 or float32 [n, features]"
            )
        if not np.isfinite(x).all():
            raise InputError("encoder: a sample to fit to is not finite; remove it or fill it in")
        if levels < 1 or multiple < 1:
            raise InputError(f"encoder: {levels} levels in multiples of {multiple} bits; both must be at least 1")
        thresholds = _thresholds(x, levels, spacing)
        lowest, highest = x.min(0), x.max(0)
        useful = (thresholds >= lowest) & (thresholds < highest)
        for level in range(1, levels):
            useful[level] &= (thresholds[level] != thresholds[:level]).all(0)
        feature = np.nonzero(useful)[1]
        if not len(feature):
            raise InputError("encoder: all samples are the same, so no threshold tells them apart; give varied samples")
        fill = np.arange(-(-len(feature) // multiple) * multiple) % len(feature)
        return cls(x.shape[1], feature[fill], thresholds[useful][fill], x.dtype.name)

    @property
    def out_features(self) -> int:
        """Bits of an encoded sample."""
        return len(self.feature)

    def forward(self, x: Tensor) -> Tensor:
        """Bits float32 0.0 or 1.0 [batch, bits] of samples [batch, features]; see `encode`."""
        return self.encode(x).to(torch.float32)

    def encode(self, x: Tensor) -> Tensor:
        """Bits, bool [batch, bits] of samples [batch, features] of the input type; NaN gives 0.

        Raises:
            InputError: the samples have another shape or type.
        """
        if x.ndim != 2 or x.shape[1] != self.n_features or x.dtype != getattr(torch, self.input_dtype):
            raise InputError(
                f"encoder: samples are {str(x.dtype).removeprefix('torch.')} {list(x.shape)};"
                f" the model takes {self.input_dtype} [n, {self.n_features}]"
            )
        return x.to(torch.float32).index_select(1, self.feature) > self.threshold

    def extra_repr(self) -> str:
        """Sizes and type, for print."""
        return f"n_features={self.n_features}, bits={self.out_features}, input_dtype={self.input_dtype!r}"


def _thresholds(x: NDArray[Any], levels: int, spacing: str) -> NDArray[np.float32]:
    """Candidate thresholds float32 [levels, features]."""
    share = np.arange(1, levels + 1) / (levels + 1)
    if spacing == "uniform":
        low, high = x.min(0).astype(np.float64), x.max(0).astype(np.float64)
        found = low + share[:, None] * (high - low)
    elif spacing == "distributive":
        found = np.quantile(x.astype(np.float64), share, axis=0)
    else:
        raise InputError(f"encoder: spacing is {spacing!r}, not one of {', '.join(SPACINGS)}")
    whole = np.floor(found) if x.dtype == np.uint8 else found
    return np.asarray(whole, np.float32)
