"""The encoder as a module: features to bits by thresholds, fitted from data, and learned where that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from lgn_edge import network
from lgn_edge.checks import of_kind, one_word_of, positive_number, whole_number
from lgn_edge.errors import InputError
from lgn_edge.network.layers import Int32Array
from lgn_edge.network.samples import as_array, kind
from lgn_edge.nn.autograd import apply, once
from lgn_edge.nn.edges import EdgeRecipe
from lgn_edge.nn.module import Module
from lgn_edge.nn.signals import require_samples
from lgn_edge.nn.tracing import traced
from lgn_edge.tables import Table, flag, not_negative, positive, table, whole, word

SPACINGS: Final = ("uniform", "distributive")


@dataclass(frozen=True)
class EncoderRecipe(Table):
    """How an encoder is made for samples.

    Attributes:
        levels: thresholds a feature.
        spacing: of the thresholds, "uniform" or "distributive".
        threshold_rate: learning rate of the thresholds, in ranges of their feature; 0 leaves them as they are fitted.
        threshold_width: of the sigmoid whose gradient a learned threshold gets, likewise.
        planes: thresholds are those of a whole plane of an image, and no bit is left out, so that each level of a plane
            is a channel that a convolution can read.
        edges: bits for the edges of images, behind those for pixels. With `planes` they are channels, too, a level of
            the size of a difference for each of the four directions in which pixels may rise.
    """

    TABLE: ClassVar = "encoder"

    levels: int = whole(3, least=1)
    spacing: str = word("uniform", SPACINGS)
    threshold_rate: float = not_negative(0.0)
    threshold_width: float = positive(0.1)
    planes: bool = flag(False)
    edges: EdgeRecipe = table(EdgeRecipe)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.planes and self.threshold_rate:
            raise InputError(
                "[encoder] threshold_rate lets the thresholds of single features learn, and planes is true; set one of"
                " them otherwise"
            )

    def fit(self, samples: NDArray[Any], multiple: int = 1, image: tuple[int, int] | None = None) -> Threshold:
        """The encoder of samples [n, features].

        Args:
            samples: uint8 or float32 [n, features].
            multiple: a word, of which the bits are a multiple (see `Threshold.filled`); not with `planes`.
            image: rows and columns of the samples, where they are images.

        Raises:
            InputError: it is made for planes or edges, and the samples are no images.
        """
        if not self.planes:
            encoder = self._thermometer(samples, image).filled(multiple)
        elif image is None:
            raise InputError("[encoder] planes is true, but the samples are no images; set it to false")
        else:
            encoder = self._channels(samples, image)
        return self.learning(encoder, samples)

    def _thermometer(self, samples: NDArray[Any], image: tuple[int, int] | None) -> Threshold:
        encoder = Threshold.thermometer(samples, self.levels, spacing=self.spacing)
        if not self.edges.levels:
            return encoder
        plus, minus = self.edges.pairs(samples.shape[1], image)
        return encoder.joined(Threshold.differences(samples, plus, minus, self.edges.levels, spacing=self.spacing))

    def _channels(self, samples: NDArray[Any], image: tuple[int, int]) -> Threshold:
        encoder = Threshold.planes(samples, image, self.levels, spacing=self.spacing)
        if not self.edges.levels:
            return encoder
        plus, minus = self.edges.channels(samples.shape[1], image)
        return encoder.joined(Threshold.rises(samples, plus, minus, self.edges.levels, spacing=self.spacing))

    def shape(self, encoder: Threshold, image: tuple[int, int] | None) -> tuple[int, ...]:
        """The shape of the bits: (channels, rows, columns) of planes, (bits,) otherwise."""
        if not self.planes or image is None:
            return (encoder.out_features,)
        return (encoder.out_features // (image[0] * image[1]), *image)

    def learning(self, encoder: Threshold, samples: NDArray[Any]) -> Threshold:
        """The encoder itself, its thresholds made learnable where the recipe wants that."""
        if self.threshold_rate:
            ranges = torch.from_numpy(np.ptp(samples.astype(np.float32), axis=0))
            encoder.learn(encoder._watched(ranges, torch.add), self.threshold_width)
        return encoder


class Threshold(Module):
    """Bit i of a sample x is `x[feature[i]] > threshold[i]`, compared in float32, as in `network.Threshold`.

    Args:
        n_features: features of a sample.
        feature: int [bits], the feature that each bit watches.
        threshold: float32 [bits], finite.
        input_dtype: "float32" or "uint8", the type of a feature in the model's interface.
        minus: int [bits], the feature that is subtracted from that, -1 where none is; None where no bit has one.

    Attributes:
        offset: float32 [bits], learned; None while thresholds are fixed (see `learn`).

    Raises:
        InputError: what `network.Threshold` refuses.
    """

    feature: Tensor
    threshold: Tensor
    minus: Tensor | None
    scale: Tensor
    offset: nn.Parameter | None

    @torch.inference_mode(False)
    def __init__(
        self,
        n_features: int,
        feature: ArrayLike,
        threshold: ArrayLike,
        input_dtype: str = "float32",
        minus: ArrayLike | None = None,
    ) -> None:
        super().__init__()
        n_features = whole_number(n_features, "encoder: n_features", least=1)
        subtracted = None if minus is None else np.asarray(minus)
        checked = network.Threshold(n_features, np.asarray(feature), np.asarray(threshold), input_dtype, subtracted)
        self.n_features = n_features
        self.input_dtype = input_dtype
        self.register_buffer("feature", torch.from_numpy(checked.feature.copy()))
        self.register_buffer("threshold", torch.from_numpy(checked.threshold.copy()))
        self.register_buffer("minus", None if checked.minus is None else torch.from_numpy(checked.minus.copy()))
        self.register_parameter("offset", None)
        self.width = 0.0

    @classmethod
    def bits(cls, n: int) -> Threshold:
        """The encoder for n inputs that are bits already (uint8 0 or 1)."""
        n = whole_number(n, "encoder: bits", least=1)
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
            multiple: see `filled`.

        Raises:
            InputError: the samples are not such an array, or no feature varies.
        """
        x, levels = _samples(samples, levels, spacing)
        feature, threshold = _fitted(x, levels, spacing)
        return cls(x.shape[1], feature, threshold, x.dtype.name).filled(multiple)

    @classmethod
    def differences(
        cls, samples: ArrayLike, plus: Int32Array, minus: Int32Array, levels: int, *, spacing: str = "distributive"
    ) -> Threshold:
        """The same of differences of two features: `levels` thresholds on each `x[plus[i]] - x[minus[i]]`.

        Raises:
            InputError: the samples are not uint8 [n, features], or no difference varies.
        """
        x, levels = _octets(samples, levels, spacing)
        pair, threshold = _fitted(x[:, plus].astype(np.int16) - x[:, minus], levels, spacing)
        return cls(x.shape[1], plus[pair], threshold, x.dtype.name, minus[pair])

    def joined(self, other: Threshold) -> Threshold:
        """An encoder of the bits of this one, then those of another of the same features; both as they are fitted."""
        return self._of([self, other])

    def filled(self, multiple: int) -> Threshold:
        """The encoder with its bits filled up to a multiple by repeating them from the first on.

        Aligned wiring needs it.

        Raises:
            InputError: the multiple is no whole number from 1 on.
        """
        multiple = whole_number(multiple, "encoder: multiple", least=1)
        n = self.out_features
        if n % multiple == 0:
            return self
        return self._of([self], np.arange(-(-n // multiple) * multiple) % n)

    def _of(self, encoders: Sequence[Threshold], chosen: NDArray[np.intp] | slice = slice(None)) -> Threshold:
        """Some of the bits of encoders, one behind the other."""
        if any(encoder.feature.is_meta for encoder in encoders):
            raise InputError(
                "encoder: thresholds have no values on the device meta; fit it with torch.device('cpu'), and move it"
            )
        feature, threshold = (
            np.concatenate([getattr(encoder, name).numpy() for encoder in encoders])[chosen]
            for name in ("feature", "threshold")
        )
        minus = [
            np.full(encoder.out_features, -1, np.int32) if encoder.minus is None else encoder.minus.numpy()
            for encoder in encoders
        ]
        return Threshold(self.n_features, feature, threshold, self.input_dtype, np.concatenate(minus)[chosen])

    @classmethod
    def planes(
        cls, samples: ArrayLike, image: tuple[int, int], levels: int, *, spacing: str = "distributive"
    ) -> Threshold:
        """A thermometer for images: `levels` thresholds on each plane, the same for all of its pixels.

        Bits are ordered by level, then by plane, then row by row: they are an image of levels * planes channels.

        Args:
            samples: uint8 or float32 [n, planes * rows * columns], finite.
            image: rows and columns.
            levels: thresholds a plane, at least 1.
            spacing: as for `thermometer`, of all pixels of a plane.

        Raises:
            InputError: the samples are not such an array.
        """
        x, levels = _samples(samples, levels, spacing)
        pixels = image[0] * image[1]
        if min(image) < 1 or x.shape[1] % pixels:
            raise InputError(
                f"encoder: samples of {x.shape[1]} features are no images of {image[0]} x {image[1]} pixels"
            )
        planes = x.reshape(len(x), -1, pixels).swapaxes(1, 2).reshape(len(x) * pixels, -1)
        thresholds = np.repeat(_thresholds(planes, levels, spacing), pixels, axis=1)
        return cls(x.shape[1], np.tile(np.arange(x.shape[1]), levels), thresholds.reshape(-1), x.dtype.name)

    @classmethod
    def rises(
        cls, samples: ArrayLike, plus: Int32Array, minus: Int32Array, levels: int, *, spacing: str = "distributive"
    ) -> Threshold:
        """Channels of edges: `levels` thresholds on `x[plus[d, i]] - x[minus[d, i]]`, the same for all of them.

        They are fitted to the sizes of the differences, so that all are at least 0, and a bit is an edge, never the
        lack of one. Bits are ordered by difference, then by level, then by pixel.

        Args:
            samples: uint8 [n, features].
            plus: int32 [differences, pixels], a difference and its opposite being two.
            minus: int32 [differences, pixels], what is subtracted.
            levels: thresholds, at least 1.
            spacing: as for `thermometer`, of all sizes.

        Raises:
            InputError: the samples are not such an array.
        """
        x, levels = _octets(samples, levels, spacing)
        once = np.unique(np.sort([plus.reshape(-1), minus.reshape(-1)], axis=0), axis=1)  # opposites have one size
        a, b = (x[:, pixels] for pixels in once)
        sizes = np.maximum(a, b) - np.minimum(a, b)
        thresholds = np.broadcast_to(_thresholds(sizes.reshape(-1, 1), levels, spacing), (levels, plus.shape[1]))
        feature, subtracted = (np.repeat(pixels, levels, axis=0).reshape(-1) for pixels in (plus, minus))
        return cls(x.shape[1], feature, np.tile(thresholds.reshape(-1), len(plus)), x.dtype.name, subtracted)

    @torch.inference_mode(False)
    def learn(self, scale: Tensor, width: float) -> None:
        """Make thresholds learnable: from now on they are `threshold + scale * offset`, offsets being 0 at first.

        While training, bits have the gradient of `sigmoid((x - threshold) / (width * scale))` with respect to the
        threshold (straight-through: they are still exactly 0 or 1).

        Args:
            scale: float32 [bits], positive; the range of a feature makes one learning rate fit all of them.
            width: of the sigmoid, in scales; samples further from a threshold than a few widths do not move it.

        Raises:
            InputError: scale or width are not such numbers.
        """
        of_kind(scale, Tensor, "encoder: scale", f"a tensor of {len(self.threshold)} numbers")
        if scale.shape != self.threshold.shape or not bool(((scale > 0) & torch.isfinite(scale)).all()):
            raise InputError(f"encoder: scales of thresholds must be {len(self.threshold)} positive finite numbers")
        width = positive_number(width, "encoder: width")
        self.register_buffer("scale", scale.to(torch.float32, copy=True))
        self.offset = nn.Parameter(torch.zeros_like(self.threshold))
        self.width = width

    def fixed(self) -> Threshold:
        """An encoder whose thresholds are what they are now, and not learned."""
        limits, minus = self.limits().detach().numpy(), None if self.minus is None else self.minus.numpy()
        return Threshold(self.n_features, self.feature.numpy(), limits, self.input_dtype, minus)

    def limits(self) -> Tensor:
        """The thresholds as they are now, float32 [bits], whatever type the module was moved to."""
        limits = self.threshold if self.offset is None else self.threshold + self.scale * self.offset
        return limits.to(torch.float32)

    @property
    def out_features(self) -> int:
        """Bits of an encoded sample."""
        return self.feature.shape[0]

    def forward(self, x: Tensor) -> Tensor:
        """Bits float32 0.0 or 1.0 [..., bits] of samples [..., features]; see `encode`.

        What `torch.jit.trace` records of learned thresholds has no gradient.
        """
        learns = self.training and torch.is_grad_enabled() and not traced()
        if self.offset is None or not learns:
            return self.encode(x).to(torch.float32)
        limits = self.limits()
        watched = self._numbers(x)
        bits: Tensor = apply(_Bits, watched, limits, self.scale * self.width)
        return bits

    def encode(self, x: Tensor) -> Tensor:
        """Bits, bool [..., bits] of samples [..., features] of the input type; NaN gives 0. They have no gradient.

        The input type is float32, and then also its halves are taken, or uint8, and then also bool.

        Raises:
            InputError: the samples have another shape or type.
        """
        return self._numbers(x) > self.limits().detach()

    def greatest(self) -> str:
        """The greatest value of a feature, as far as thresholds tell: "1" where features are bits, else ""."""
        return "1" if self.minus is None and bool((self.limits() < 1).all()) else ""

    def _numbers(self, x: Tensor) -> Tensor:
        """What is compared with the threshold of each bit, float32 [..., bits]."""
        require_samples(x, self.n_features, self.input_dtype, self.greatest)
        return self._watched(x.to(torch.float32), torch.sub)

    def _watched(self, values: Tensor, join: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Of a value for each feature [..., features] that of each bit [..., bits], joined with that of its `minus`."""
        watched = values.index_select(-1, self.feature)
        if self.minus is None:
            return watched
        padded = torch.nn.functional.pad(values, (0, 1))
        return join(watched, padded.index_select(-1, self.minus % (self.n_features + 1)))  # -1 is the last one, a 0

    def extra_repr(self) -> str:
        """Sizes and type, for print."""
        return f"n_features={self.n_features}, bits={self.out_features}, input_dtype={self.input_dtype!r}"


class _Bits(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, limits: Tensor, width: Tensor) -> Tensor:
        ctx.save_for_backward(x, limits, width)
        return (x > limits).to(torch.float32)

    @staticmethod
    @once
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor, None]:
        x, limits, width = ctx.saved_tensors
        soft = ((x - limits) / width).sigmoid_()
        slope = (soft * (1 - soft)).nan_to_num_()  # a feature that is not a number has no slope
        return None, -(grad * slope).sum(0) / width, None


def _samples(samples: ArrayLike, levels: int, spacing: str) -> tuple[NDArray[Any], int]:
    """Samples and levels that encoders are fitted to and with.

    Raises:
        InputError: the samples are no such array, or the levels or their spacing are not legal.
    """
    x = as_array(samples, "encoder: samples")
    if x.ndim != 2 or x.dtype not in (np.uint8, np.float32) or not x.size:
        raise InputError(
            f"encoder: samples are {kind(x)} {list(x.shape)}; it is fitted to uint8 or float32 [n, features], so"
            " convert them with .astype('uint8') or .astype('float32')"
        )
    if not np.isfinite(x).all():
        raise InputError("encoder: a sample to fit to is not finite; remove it or fill it in")
    one_word_of(spacing, "encoder: spacing", SPACINGS)
    return x, whole_number(levels, "encoder: levels", least=1)


def _octets(samples: ArrayLike, levels: int, spacing: str) -> tuple[NDArray[np.uint8], int]:
    """The same, whose differences are exact."""
    x, levels = _samples(samples, levels, spacing)
    if x.dtype != np.uint8:
        raise InputError(f"encoder: differences are of uint8 features, and these are {x.dtype}")
    return x, levels


def _fitted(x: NDArray[Any], levels: int, spacing: str) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The column and threshold of each bit of a thermometer of numbers [n, columns] (see `Threshold.thermometer`)."""
    thresholds = _thresholds(x, levels, spacing)
    lowest, highest = x.min(0), x.max(0)
    useful = (thresholds >= lowest) & (thresholds < highest)
    for level in range(1, levels):
        useful[level] &= (thresholds[level] != thresholds[:level]).all(0)
    column = np.nonzero(useful)[1]
    if not len(column):
        raise InputError("encoder: all samples are the same, so no threshold tells them apart; give varied samples")
    return column, thresholds[useful]


def _thresholds(x: NDArray[Any], levels: int, spacing: str) -> NDArray[np.float32]:
    """Candidate thresholds float32 [levels, columns]."""
    share = np.arange(1, levels + 1) / (levels + 1)
    if spacing == "uniform":
        low, high = x.min(0).astype(np.float64), x.max(0).astype(np.float64)
        found = low + share[:, None] * (high - low)
    else:
        found = np.quantile(x.astype(np.float64) if x.dtype == np.float32 else x, share, axis=0)
    return np.asarray(found if x.dtype == np.float32 else np.floor(found), np.float32)
