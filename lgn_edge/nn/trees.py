"""Trees of gates at every place of an image, and pools: one definition, in plain differentiable torch.

A tree is what `network.LogicConv2d` says: the leaves are cells of a window, node n is a gate of the values 2n and 2n +
1. A pool writes the greatest value in its window, which for bits is their OR, and passes the gradient to the first
place that has it (Petersen et al. 2024, section 3.2). What is outside of an image is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor

from lgn_edge.network.convolution import Window
from lgn_edge.nn.gates import gates_of
from lgn_edge.nn.wiring import Connections

MOST_LEAVES: Final = 16  # of a tree, and
MOST_PLACES: Final = 64  # of a pool's window, in the compiled kernels


class Sizes(NamedTuple):
    """The sizes of trees and their pool, in the order of the struct of `kernels/trees.c`.

    Attributes:
        channels, height, width: of the image.
        kernels, leaves: of the trees.
        stride_y, stride_x, pad_y, pad_x: of their window.
        rows, columns: of their places.
        pool_y, pool_x: size of the pool's window.
        step_y, step_x, margin_y, margin_x: its stride and padding.
        out_rows, out_columns: of the output.
    """

    channels: int
    height: int
    width: int
    kernels: int
    leaves: int
    stride_y: int
    stride_x: int
    pad_y: int
    pad_x: int
    rows: int
    columns: int
    pool_y: int
    pool_x: int
    step_y: int
    step_x: int
    margin_y: int
    margin_x: int
    out_rows: int
    out_columns: int

    @property
    def signals(self) -> int:
        """Of the image."""
        return self.channels * self.height * self.width

    @property
    def outputs(self) -> int:
        """Of a kernel."""
        return self.out_rows * self.out_columns

    @property
    def places(self) -> int:
        """Of the trees in a window of the pool."""
        return self.pool_y * self.pool_x

    @property
    def reach_y(self) -> int:
        """Rows of the pool's windows that a place may be in."""
        return -(-self.pool_y // self.step_y)

    @property
    def reach_x(self) -> int:
        """Columns of them."""
        return -(-self.pool_x // self.step_x)


@dataclass(frozen=True, eq=False)
class Trees:
    """Trees at the places of an image with a pool behind them, as kernels want them.

    Attributes:
        window: of the trees.
        leaf: int32 [kernels, leaves, 3], the cell (channel, row, column) of each leaf.
        pool: window of the pool; of one place where there is none.
        candidates: int32 [kernels, leaves, K, 3], cells that each leaf chooses from; None where it learns nothing.
        channels: the channel of each leaf, where somebody keeps this.
    """

    window: Window
    leaf: Tensor
    pool: Window
    candidates: Tensor | None = None
    channels: Connections | None = None

    @property
    def sizes(self) -> Sizes:
        """All of them."""
        image, pool = self.window, self.pool
        kernels, leaves, _ = self.leaf.shape
        trees = (kernels, leaves, *image.stride, *image.padding, *image.places)
        sizes = (image.channels, image.height, image.width, *trees)
        return Sizes(*sizes, *pool.size, *pool.stride, *pool.padding, *pool.places)

    @property
    def readers(self) -> tuple[Tensor, Tensor]:
        """Which leaves read a channel: starts int32 [channels + 1], and numbers kernel * leaves + leaf, int32.

        Channel i is read by `numbers[starts[i] : starts[i + 1]]`, in ascending order.
        """
        return (self.channels or Connections(self.window.channels, channels_of(self.leaf))).readers


def channels_of(leaf: Tensor) -> Tensor:
    """The channels that leaves int32 [kernels, leaves, 3] read, as wires [leaves, kernels]."""
    return leaf[:, :, 0].t()


def single_places(channels: int, height: int, width: int) -> Window:
    """The window of a single cell: that of a pool that does nothing, or of trees that are their only leaf."""
    return Window(channels, height, width, (1, 1), (1, 1), (0, 0), "image")


def trees_definition(
    x: Tensor, leaf: Tensor, window: Window, coefficients: Tensor, share: Tensor | None = None
) -> Tensor:
    """Outputs [batch, kernels, rows, columns] of trees over images [batch, channels, height, width].

    Args:
        x: images, values in [0, 1].
        leaf: int [kernels, leaves, 3], or candidates for each leaf [kernels, leaves, K, 3].
        window: of the trees.
        coefficients: [kernels * (leaves - 1), 4], gates kernel by kernel (see `gates.collapse`).
        share: weights [kernels, leaves, K] of candidates: a leaf is their weighted sum (see `choice.mixture`).
    """
    weight = torch.ones_like(leaf[:, :, :1], dtype=coefficients.dtype) if share is None else share
    cells = leaf.long().reshape(*weight.shape, 3)
    channel, *cell = cells[..., None, None].unbind(3)
    rows, columns = (torch.arange(count, device=leaf.device) for count in window.places)
    y = rows[:, None] * window.stride[0] + cell[0] - window.padding[0]
    column = columns * window.stride[1] + cell[1] - window.padding[1]
    inside = (y >= 0) & (y < window.height) & (column >= 0) & (column < window.width)
    signal = (channel * window.height + y) * window.width + column  # [kernels, leaves, K, rows, columns]
    flat = x.to(coefficients.dtype).flatten(1).t()
    signals = torch.cat([flat, torch.zeros_like(flat[:1])])  # outside is one more signal
    seen = torch.where(inside, signal, window.n_inputs).flatten(3).unbind(1)
    values = [  # [kernels, places * batch]
        (signals[each] * part[..., None, None]).sum(1).flatten(1)
        for each, part in zip(seen, weight.to(coefficients.dtype).unbind(1), strict=True)
    ]
    nodes = coefficients.reshape(leaf.shape[0], len(values) - 1, 4).unbind(1)
    for n, node in enumerate(nodes):
        values.append(gates_of(values[2 * n], values[2 * n + 1], node))
    return values[-1].reshape(leaf.shape[0], *window.places, x.shape[0]).movedim(3, 0)


def pool_definition(x: Tensor, window: Window) -> Tensor:
    """The greatest values [batch, channels, rows, columns] in windows of images [batch, channels, height, width]."""
    down, right = window.padding
    if not down and not right:
        return torch.nn.functional.max_pool2d(x, window.size, window.stride)
    padded = torch.nn.functional.pad(x, (right, right, down, down), value=-torch.inf)
    pooled = torch.nn.functional.max_pool2d(padded, window.size, window.stride)
    return pooled.masked_fill(pooled.isinf(), 0.0)
