"""Trees of gates at every place of an image, and pools: one definition, in plain differentiable torch.

A tree is what `network.LogicConv2d` says: the leaves are cells of a window, node n is a gate of the values 2n and 2n +
1. A pool writes the greatest value in its window, which for bits is their OR, and passes the gradient to the first
place that has it (Petersen et al. 2024, section 3.2). What is outside of an image is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from lgn_edge.network.convolution import Window
from lgn_edge.nn.gates import gates_of

MOST_LEAVES: Final = 16  # of a tree, and
MOST_PLACES: Final = 64  # of a pool's window, in the compiled kernels


@dataclass(frozen=True, eq=False)
class Trees:
    """Trees at the places of an image with a pool behind them, as kernels want them.

    Attributes:
        window: of the trees.
        leaf: int32 [kernels, leaves, 3], the cell (channel, row, column) of each leaf.
        pool: window of the pool; of one place where there is none.
    """

    window: Window
    leaf: Tensor
    pool: Window

    @property
    def shape(self) -> list[int]:
        """The struct of `kernels/trees.c`."""
        image, pool = self.window, self.pool
        kernels, leaves, _ = self.leaf.shape
        trees = (kernels, leaves, *image.stride, *image.padding, *image.places)
        sizes = (image.channels, image.height, image.width, *trees)
        return [*sizes, *pool.size, *pool.stride, *pool.padding, *pool.places]


def single_places(channels: int, height: int, width: int) -> Window:
    """The window of a single cell: that of a pool that does nothing, or of trees that are their only leaf."""
    return Window(channels, height, width, (1, 1), (1, 1), (0, 0), "image")


def trees_definition(x: Tensor, leaf: Tensor, window: Window, coefficients: Tensor) -> Tensor:
    """Outputs [batch, kernels, rows, columns] of trees over images [batch, channels, height, width].

    Args:
        x: images, values in [0, 1].
        leaf: int [kernels, leaves, 3].
        window: of the trees.
        coefficients: [kernels * (leaves - 1), 4], gates kernel by kernel (see `gates.collapse`).
    """
    kernels, leaves, _ = leaf.shape
    rows, columns = window.places
    span = [(count - 1) * step + 1 for count, step in zip(window.places, window.stride, strict=True)]
    (down, right), (y_step, x_step) = window.padding, window.stride
    padded = torch.nn.functional.pad(x.to(coefficients.dtype), (right, right, down, down))
    taps = padded.unfold(2, span[0], 1).unfold(3, span[1], 1)[..., ::y_step, ::x_step]
    channel, row, column = leaf.long().unbind(2)
    values = taps[:, channel, row, column].flatten(3).movedim(0, 2)  # [kernels, leaves, batch, places]
    gates = coefficients.reshape(kernels, leaves - 1, 4)
    first = 0
    while values.shape[1] > 1:  # level by level
        count = values.shape[1] // 2
        level = gates[:, first : first + count].reshape(-1, 4)
        first_inputs, second_inputs = (values[:, i::2].flatten(0, 1).flatten(1) for i in (0, 1))
        values = gates_of(first_inputs, second_inputs, level).reshape(kernels, count, len(x), rows * columns)
        first += count
    return values.squeeze(1).movedim(1, 0).reshape(len(x), kernels, rows, columns)


def pool_definition(x: Tensor, window: Window) -> Tensor:
    """The greatest values [batch, channels, rows, columns] in windows of images [batch, channels, height, width]."""
    down, right = window.padding
    if not down and not right:
        return torch.nn.functional.max_pool2d(x, window.size, window.stride)
    padded = torch.nn.functional.pad(x, (right, right, down, down), value=-torch.inf)
    pooled = torch.nn.functional.max_pool2d(padded, window.size, window.stride)
    return pooled.masked_fill(pooled.isinf(), 0.0)
