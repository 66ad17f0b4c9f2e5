"""Logic layers over images: convolution by trees of gates, and pooling by OR.

An image is `channels` planes of `height` rows of `width` signals, channel by channel, row by row: signal
`(channel * height + y) * width + x`. Outside an image every signal is 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from lgn_edge.errors import InputError
from lgn_edge.network.layers import (
    CACHED,
    MAX_SIGNALS,
    ArrayRecord,
    Int32Array,
    check_tables,
    frozen_array,
    keep_whole_numbers,
    signal_index,
)
from lgn_edge.network.truth_table import FALSE, OR, UInt8Array, Words, evaluate_gates

MAX_DEPTH = 8  # levels of a tree: 256 leaves
Pair = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """Where a window of an image may lie: the places are the outputs of a layer, row by row.

    Attributes:
        channels, height, width: of the image.
        size, stride, padding: of the window, (rows, columns); padding is the zeros on each side of the image.
        what: the layer, for messages.

    Raises:
        InputError: a number is too small, the window does not fit the padded image, or there are too many signals.
    """

    channels: int
    height: int
    width: int
    size: Pair
    stride: Pair
    padding: Pair
    what: str

    def __post_init__(self) -> None:
        if min(self.channels, self.height, self.width) < 1:
            raise InputError(
                f"{self.what}: the image has {self.channels} channels of {self.height} x {self.width}; each number"
                " must be at least 1"
            )
        for name, pair, least in (("size", self.size, 1), ("stride", self.stride, 1), ("padding", self.padding, 0)):
            if min(pair) < least:
                raise InputError(f"{self.what}: {name} is {pair[0]} x {pair[1]}; it must be at least {least}")
        padded = [length + 2 * pad for length, pad in zip((self.height, self.width), self.padding, strict=True)]
        if self.size[0] > padded[0] or self.size[1] > padded[1]:
            raise InputError(
                f"{self.what}: a window of {self.size[0]} x {self.size[1]} does not fit into the image of"
                f" {padded[0]} x {padded[1]}, its padding included"
            )
        if self.channels * padded[0] * padded[1] > MAX_SIGNALS:
            raise InputError(
                f"{self.what}: {self.channels:,} channels of {padded[0]:,} x {padded[1]:,} are more than"
                f" {MAX_SIGNALS:,} signals; wiring is int32"
            )

    @property
    def n_inputs(self) -> int:
        """Signals of the image."""
        return self.channels * self.height * self.width

    @property
    def places(self) -> Pair:
        """Rows and columns of places."""
        rows = (self.height + 2 * self.padding[0] - self.size[0]) // self.stride[0] + 1
        columns = (self.width + 2 * self.padding[1] - self.size[1]) // self.stride[1] + 1
        return rows, columns

    def taps(self, image: NDArray[Any], outside: int) -> NDArray[Any]:
        """A view of the image by window: what each cell of the window sees, at every place.

        Args:
            image: [channels * height * width, ...], signals first.
            outside: what the image is surrounded with.

        Returns:
            [channels, window rows, window columns, rows of places, columns of places, ...], read only.
        """
        rest = image.shape[1:]
        planes = image.reshape(self.channels, self.height, self.width, *rest)
        around = [(0, 0), *((pad, pad) for pad in self.padding), *((0, 0) for _ in rest)]
        padded = np.pad(planes, around, constant_values=outside)
        rows, columns = self.places
        span = ((rows - 1) * self.stride[0] + 1, (columns - 1) * self.stride[1] + 1)
        seen = sliding_window_view(padded, span, (1, 2))[..., :: self.stride[0], :: self.stride[1]]
        seen = seen[:, : self.size[0], : self.size[1]]
        return np.moveaxis(seen, (-2, -1), (3, 4))


class _OverImage(ArrayRecord, ABC):
    """A layer that looks at an image through a window, at every place of it.

    Attributes:
        channels, height, width: of the image.
        size: rows and columns of the window, or one number for both.
        stride, padding: of the window, as `size`; outside of the image is 0.
        window: all of these together.
    """

    WHAT: ClassVar[str]  # the layer, for messages
    channels: int
    height: int
    width: int
    size: int | Pair
    stride: int | Pair | None
    padding: int | Pair
    window: Window

    def _set_window(self) -> None:
        """Make plain numbers and pairs of them, and the window of all."""
        keep_whole_numbers(self, self.WHAT, "channels", "height", "width")
        pairs = {name: pair(getattr(self, name), f"{self.WHAT}: {name}") for name in ("size", "stride", "padding")}
        window = Window(self.channels, self.height, self.width, **pairs, what=self.WHAT)
        for name, value in {**pairs, "window": window}.items():
            object.__setattr__(self, name, value)

    @property
    @abstractmethod
    def out_channels(self) -> int:
        """Channels of the output."""

    @property
    def out_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the output."""
        return (self.out_channels, *self.window.places)

    @property
    def n_inputs(self) -> int:
        """Signals of the image."""
        return self.window.n_inputs

    @property
    def n_outputs(self) -> int:
        """Channels of the output times places."""
        return int(np.prod(self.out_shape))


@dataclass(frozen=True, eq=False)
class LogicConv2d(_OverImage):
    """A convolution whose kernels are trees of gates (Petersen et al. 2024, section 3.1).

    Kernel k looks at the image through a window, at every place of it. Its 2^d leaves are cells of the window. Node n
    of its tree is the gate `table[k, n]` of the values 2n and 2n + 1, where the leaves are the first values and the
    nodes, in order, those that follow. The last node is the output, so output `(k * rows + y) * columns + x` is kernel
    k at the place (y, x). A cell outside the image is 0.

    Attributes:
        channels, height, width: of the image.
        size: rows and columns of the window, or one number for both.
        leaf: int32[kernels, 2^d, 3], the cell (channel, row, column) of each leaf.
        table: uint8[kernels, 2^d - 1], truth table ids.
        stride, padding: of the window, as `size`.
    """

    WHAT: ClassVar = "convolution"

    channels: int
    height: int
    width: int
    size: int | Pair
    leaf: Int32Array
    table: UInt8Array
    stride: int | Pair = 1
    padding: int | Pair = 0
    window: Window = field(init=False, repr=False)

    def __post_init__(self) -> None:
        what = self.WHAT
        self._set_window()
        object.__setattr__(self, "leaf", frozen_array(self.leaf, np.int32, f"{what}: leaf", 3))
        object.__setattr__(self, "table", frozen_array(self.table, np.uint8, f"{what}: table", 2))
        kernels, leaves, three = self.leaf.shape
        if three != 3 or kernels < 1 or not 2 <= leaves <= 2**MAX_DEPTH or leaves & (leaves - 1):
            raise InputError(
                f"{what}: leaf has shape {list(self.leaf.shape)}; it must be [kernels, leaves, 3] with 2, 4, 8 or more"
                f" leaves, a power of two up to {2**MAX_DEPTH}"
            )
        if self.table.shape != (kernels, leaves - 1):
            raise InputError(
                f"{what}: table has shape {list(self.table.shape)}; {kernels} kernels of {leaves} leaves have"
                f" [{kernels}, {leaves - 1}]"
            )
        limits = np.array([self.channels, *self.window.size])
        bad = (self.leaf < 0) | (self.leaf >= limits)
        if bad.any():
            kernel, leaf, axis = np.argwhere(bad)[0]
            name = ("channel", "row", "column")[axis]
            raise InputError(
                f"{what}: the {name} of leaf {leaf} of kernel {kernel} is {self.leaf[kernel, leaf, axis]}, outside"
                f" 0..{limits[axis] - 1}"
            )
        check_tables(self.table, f"{what}: table")
        if self.n_outputs > MAX_SIGNALS:
            raise InputError(f"{what}: {self.n_outputs:,} outputs are more than {MAX_SIGNALS:,}; wiring is int32")

    @property
    def kernels(self) -> int:
        """Trees, each a channel of the output."""
        return len(self.leaf)

    @property
    def out_channels(self) -> int:
        """The kernels."""
        return self.kernels

    @property
    def n_distinct(self) -> int:
        """Gates of the kernels, each counted once."""
        return int(self.table.size)

    @property
    def n_applied(self) -> int:
        """Gates of the kernels at all places."""
        rows, columns = self.window.places
        return self.n_distinct * rows * columns

    def arrays(self) -> Iterator[object]:
        """All that decides what the layer computes (see `Layer.arrays`)."""
        w = self.window
        yield from ("conv", w.channels, w.height, w.width, w.size, w.stride, w.padding, self.leaf, self.table)

    def evaluate(self, words: Words) -> Words:
        """Packed outputs [n_outputs, words] of packed inputs [n_inputs, words]."""
        taps = self.window.taps(words, 0)
        channel, row, column = np.moveaxis(self.leaf, 2, 0)
        result = np.empty((self.kernels, self.n_outputs // self.kernels * words.shape[1]), words.dtype)
        at_once = max(1, CACHED // max(1, result.shape[1]))
        for start in range(0, self.kernels, at_once):
            here = slice(start, start + at_once)
            table = self.table[here]
            values = [
                taps[channel[here, leaf], row[here, leaf], column[here, leaf]].reshape(len(table), -1)
                for leaf in range(self.leaf.shape[1])
            ]
            for n in range(table.shape[1]):
                values.append(evaluate_gates(table[:, n], values[2 * n], values[2 * n + 1]))
            result[here] = values[-1]
        return result.reshape(self.n_outputs, words.shape[1])

    def gates(self) -> tuple[UInt8Array, Int32Array, Int32Array, Int32Array]:
        """The layer as a netlist (see `Layer.gates`): the trees at every place, and a 0 for what is outside."""
        _check_netlist(self.n_inputs, self.n_applied, self.WHAT)
        image = signal_index(0, self.n_inputs)
        channel, row, column = np.moveaxis(self.leaf, 2, 0)
        places = self.n_outputs // self.kernels
        taps = self.window.taps(image, self.n_inputs)  # outside is gate 0, the constant
        leaves, nodes = self.leaf.shape[1], self.table.shape[1]
        values = [taps[channel[:, i], row[:, i], column[:, i]].reshape(-1) for i in range(leaves)]
        count = self.n_outputs
        values += [signal_index(self.n_inputs + 1 + n * count, count) for n in range(nodes)]
        zero = np.zeros(1, np.int32)
        return (
            np.concatenate([np.array([FALSE], np.uint8), np.repeat(self.table.T, places, axis=1).reshape(-1)]),
            np.concatenate([zero, *values[: 2 * nodes : 2]]),
            np.concatenate([zero, *values[1 : 2 * nodes : 2]]),
            values[-1],
        )


@dataclass(frozen=True, eq=False)
class OrPool2d(_OverImage):
    """Pooling: output (channel, y, x) is the OR of its channel in a window (Petersen et al. 2024, section 3.2).

    Attributes:
        channels, height, width: of the image.
        size: rows and columns of the window, or one number for both.
        stride: of the window, as `size`; the size itself where it is not given.
        padding: of the image, as `size`; what is outside is 0.
    """

    WHAT: ClassVar = "OR pool"

    channels: int
    height: int
    width: int
    size: int | Pair
    stride: int | Pair | None = None
    padding: int | Pair = 0
    window: Window = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.stride is None:
            object.__setattr__(self, "stride", self.size)
        self._set_window()

    @property
    def out_channels(self) -> int:
        """Those of the image."""
        return self.channels

    @property
    def n_distinct(self) -> int:
        """Gates that a kernel of the layer stores: none, all are OR."""
        return 0

    @property
    def n_applied(self) -> int:
        """The ORs of two of all windows."""
        rows, columns = self.window.size
        return self.n_outputs * (rows * columns - 1)

    def arrays(self) -> Iterator[object]:
        """All that decides what the layer computes (see `Layer.arrays`)."""
        w = self.window
        yield from ("pool", w.channels, w.height, w.width, w.size, w.stride, w.padding)

    def evaluate(self, words: Words) -> Words:
        """Packed outputs [n_outputs, words] of packed inputs [n_inputs, words]."""
        taps = self.window.taps(words, 0)
        rows, columns = self.window.size
        cells = (taps[:, y, x] for y in range(rows) for x in range(columns))
        return np.ascontiguousarray(reduce(np.bitwise_or, cells)).reshape(self.n_outputs, words.shape[1])

    def gates(self) -> tuple[UInt8Array, Int32Array, Int32Array, Int32Array]:
        """The layer as a netlist (see `Layer.gates`): of each window a chain of OR, and a constant 0 for outside."""
        _check_netlist(self.n_inputs, self.n_applied, self.WHAT)
        taps = self.window.taps(signal_index(0, self.n_inputs), self.n_inputs)
        rows, columns = self.window.size
        cells = [taps[:, y, x].reshape(-1) for y in range(rows) for x in range(columns)]
        count = self.n_outputs
        ored = [cells[0], *(signal_index(self.n_inputs + 1 + i * count, count) for i in range(len(cells) - 1))]
        zero = np.zeros(1, np.int32)
        table = np.full(1 + self.n_applied, OR, np.uint8)
        table[0] = FALSE
        return table, np.concatenate([zero, *ored[:-1]]), np.concatenate([zero, *cells[1:]]), ored[-1]


ImageLayer = LogicConv2d | OrPool2d


def pair(value: ArrayLike, what: str) -> Pair:
    """A number for rows and columns, or one for each.

    Raises:
        InputError: it is neither.
    """
    numbers = np.atleast_1d(np.asarray(value))
    if numbers.shape not in ((1,), (2,)) or numbers.dtype.kind not in "iu":
        raise InputError(f"{what} is {value!r}; it must be a whole number, or one for rows and one for columns")
    return int(numbers[0]), int(numbers[-1])


def _check_netlist(inputs: int, gates: int, what: str) -> None:
    """Refuse what int32 wiring cannot hold, before it is made."""
    if inputs + 1 + gates > MAX_SIGNALS:
        raise InputError(
            f"{what}: {gates:,} gates at all places are more than {MAX_SIGNALS:,} signals; wiring is int32"
        )
