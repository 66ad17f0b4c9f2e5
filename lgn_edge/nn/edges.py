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
        if image is None:
            raise InputError("[encoder.edges] are of images, and the data set says of no image; set levels = 0")
        rows, columns = image
        planes = n_features // (rows * columns)
        if self.plane >= planes:
            raise InputError(f"[encoder.edges] plane is {self.plane}; the image has {planes}, counted from 0")
        if max(rows, columns) < 3:
            raise InputError(f"[encoder.edges] an image of {rows} x {columns} pixels has no edges; set levels = 0")
        pixel = np.arange(n_features, dtype=np.int32).reshape(planes, rows, columns)[self.plane]
        plus = np.concatenate([pixel[:, 2:].ravel(), pixel[2:].ravel()])
        minus = np.concatenate([pixel[:, :-2].ravel(), pixel[:-2].ravel()])
        return plus, minus
