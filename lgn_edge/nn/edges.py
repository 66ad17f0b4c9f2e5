"""Edges of images: differences of the neighbours of a pixel, right and left of it, below and above it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lgn_edge.errors import InputError
from lgn_edge.network.layers import Int32Array
from lgn_edge.tables import Table, whole


@dataclass(frozen=True)
class EdgeRecipe(Table):
    """Bits for edges, beside those for pixels.

    Attributes:
        levels: thresholds an edge; 0 for none.
        plane: of the image, such as 1 for green.
    """

    TABLE: ClassVar = "encoder.edges"

    levels: int = whole(0, least=0)
    plane: int = whole(0, least=0)

    def pairs(self, n_features: int, image: tuple[int, int] | None) -> tuple[Int32Array, Int32Array]:
        """The pixels of each edge: int32[edges], and those that are subtracted from them.

        A pixel has an edge in each direction in which it has two neighbours: at the border there is none.

        Args:
            n_features: pixels of all planes.
            image: rows and columns; None where samples are no images.

        Raises:
            InputError: there are no edges in such samples.
        """
        pixel = self._pixels(n_features, image, least=3)
        plus = np.concatenate([pixel[:, 2:].ravel(), pixel[2:].ravel()])
        minus = np.concatenate([pixel[:, :-2].ravel(), pixel[:-2].ravel()])
        return plus, minus

    def channels(self, n_features: int, image: tuple[int, int] | None) -> tuple[Int32Array, Int32Array]:
        """The same for whole channels, int32[4, pixels]: which pixels are added, and which are subtracted.

        Channels rise to the right, to the left, downwards and upwards. At the border a pixel takes the place of the
        neighbour that it does not have.

        Raises:
            InputError: there are no edges in such samples.
        """
        pixel = self._pixels(n_features, image, least=2)
        padded = np.pad(pixel, 1, mode="edge")
        left, right = padded[1:-1, :-2], padded[1:-1, 2:]
        above, below = padded[:-2, 1:-1], padded[2:, 1:-1]
        plus, minus = (right, left, below, above), (left, right, above, below)
        return np.stack(plus).reshape(4, -1), np.stack(minus).reshape(4, -1)

    def _pixels(self, n_features: int, image: tuple[int, int] | None, least: int) -> Int32Array:
        """The features int32[rows, columns] of the plane."""
        if image is None:
            raise InputError("[encoder.edges] are of images, and the data set says of no image; set levels = 0")
        rows, columns = image
        planes = n_features // (rows * columns)
        if self.plane >= planes:
            raise InputError(f"[encoder.edges] plane is {self.plane}; the image has {planes}, counted from 0")
        if max(rows, columns) < least:
            raise InputError(f"[encoder.edges] an image of {rows} x {columns} pixels has no edges; set levels = 0")
        return np.asarray(np.arange(n_features, dtype=np.int32).reshape(planes, rows, columns)[self.plane])
