"""Samples on their way into a network: on a device, encoded, and changed at random where a recipe says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lgn_edge.nn import Threshold

CHUNK: Final = 1024  # samples encoded or evaluated at a time


class Samples:
    """Labelled samples on a device.

    Args:
        encoder: of the network that reads them, on the device.
        x: [n, features] of the encoder's input type.
        y: int64 [n].
        once: encode them now, once for all, and keep only the bits.

    Attributes:
        y: the labels on the device.
    """

    def __init__(self, encoder: Threshold, x: NDArray[Any], y: NDArray[np.int64], *, once: bool) -> None:
        device = encoder.threshold.device
        self.y = torch.from_numpy(y).to(device)
        self._encoder, self._once = encoder, once
        kept = torch.from_numpy(x).to(device)
        self._kept = torch.cat([encoder.encode(kept[part]) for part in self.parts()]) if once else kept

    def __len__(self) -> int:
        return len(self.y)

    def parts(self) -> Iterator[slice]:
        """All samples, some at a time."""
        return (slice(start, start + CHUNK) for start in range(0, len(self), CHUNK))

    def bits(self, chosen: Tensor | slice) -> Tensor:
        """Bits [chosen, bits] of some samples, with the gradient that the encoder gives them in its present mode."""
        return self._kept[chosen] if self._once else self._encoder(self._kept[chosen])

    def raw(self, chosen: Tensor | slice) -> Tensor:
        """Some samples as they are [chosen, n_features]; there are none where they were encoded once."""
        assert not self._once
        return self._kept[chosen]


def augmented(x: Tensor, image: tuple[int, int], shift: int, flip: bool) -> Tensor:
    """Images changed at random, each in all its planes alike. Every device has the random numbers of the CPU.

    Args:
        x: [n, planes * rows * columns].
        image: rows and columns.
        shift: each image moves by up to so many pixels down or up and right or left; 0 comes in.
        flip: every other image, on average, is mirrored first.
    """
    rows, columns = image
    planes = x.reshape(len(x), -1, rows, columns)
    if flip:
        mirrored = torch.rand(len(x), 1, 1, 1) < 0.5
        planes = torch.where(mirrored.to(x.device), planes.flip(3), planes)
    n, count, wide = len(x), planes.shape[1], columns + 2 * shift
    padded = torch.nn.functional.pad(planes, (shift,) * 4).flatten(2)
    down, right = torch.randint(2 * shift + 1, (2, n, 1, 1))
    places = (torch.arange(rows)[:, None] + down) * wide + torch.arange(columns) + right
    return padded.gather(2, places.to(x.device).flatten(1)[:, None].expand(n, count, -1)).flatten(1)
