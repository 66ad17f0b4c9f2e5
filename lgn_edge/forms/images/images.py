"""Image layers that stay what they are: kernels over rows of samples, the same at every place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lgn_edge.forms.images.trees import HALVES, ROOTS, Trees, half_value
from lgn_edge.network.convolution import Pair
from lgn_edge.network.layers import Int32Array
from lgn_edge.network.truth_table import Words
from lgn_edge.passes.push_complements import EXECUTE


@dataclass(frozen=True)
class Image:
    """Where the signals of an image lie: each in a row of samples, planes one behind the other.

    Rows of the image share the columns of zeros between them, planes the rows of zeros, so that a cell of a window is
    as far from the first one at every place.

    Attributes:
        first: the row of samples where the zeros above the first plane begin.
        channel: int32[channels], the plane of each channel; -1 where nobody reads it, and it has none.
        height, width: of the image.
        padding: rows of zeros between two planes, and zeros between two rows of signals.
    """

    first: int
    channel: Int32Array
    height: int
    width: int
    padding: Pair

    @property
    def pitch(self) -> int:
        """Rows of samples from a signal to the one below it."""
        return self.width + self.padding[1]

    @property
    def size(self) -> int:
        """Rows of samples in all, with zeros on all sides."""
        planes = int(self.channel.max(initial=-1)) + 1
        return (planes * (self.height + self.padding[0]) + self.padding[0]) * self.pitch + self.padding[1]

    def row(self, channel: Any, y: Any, x: Any) -> Int32Array:
        """The row int32 of each signal; y and x may be outside the image, by no more than the padding."""
        line = self.channel[channel] * (self.height + self.padding[0]) + y + self.padding[0]
        return np.asarray(self.first + line * self.pitch + x + self.padding[1], np.int32)

    def rows(self) -> Int32Array:
        """The row int32[channels * height * width] of each signal; means nothing where nobody reads the channel."""
        return self.row(*np.indices((len(self.channel), self.height, self.width), np.int32)).reshape(-1)


@dataclass(frozen=True)
class Places:
    """Where a stage works.

    Attributes:
        shape: rows and columns of its outputs.
        step: rows of samples from what an output reads to what the one below it reads, and the one beside it.
        window: int32[cells], from the first to each of the places whose values are ORed into an output.
        pitch: rows of samples from an output to the one below it.
    """

    shape: Pair
    step: Pair
    window: Int32Array
    pitch: int

    @property
    def n_outputs(self) -> int:
        """Outputs of a kernel."""
        return self.shape[0] * self.shape[1]

    @property
    def n_read(self) -> int:
        """Places that kernels are evaluated at: the cells of the windows of all outputs."""
        return self.n_outputs * len(self.window)

    def reads(self) -> Int32Array:
        """int32[outputs], how far what each output reads in its first cell is from what the first one reads."""
        return self._offsets(self.step)

    def writes(self) -> Int32Array:
        """int32[outputs], how far each output is from the first."""
        return self._offsets((self.pitch, 1))

    def _offsets(self, step: Pair) -> Int32Array:
        y, x = np.indices(self.shape, np.int32).reshape(2, -1)
        return np.asarray(y * step[0] + x * step[1], np.int32)


@dataclass(frozen=True)
class Stage:
    """A layer of kernels, and the pool behind it.

    Attributes:
        places: of all its kernels.
        trees: the kernels.
        tap: int32[K, 2, 4], the row that each leaf of their halves reads for the first output.
        out: int32[K], the row of the first output.
    """

    places: Places
    trees: Trees
    tap: Int32Array
    out: Int32Array

    @property
    def n_gates(self) -> int:
        """Gates of two inputs at all places, those of the pool included."""
        places, cells = self.places, len(self.places.window)
        return self.trees.n_gates * places.n_read + len(self.out) * (places.n_read - places.n_read // cells)


@dataclass(frozen=True)
class Images:
    """The image layers of a network as stages over one memory of rows.

    Rows that no stage writes are zeros; the encoder's bits are in their rows before the first stage runs.

    Attributes:
        layers: of the network, that are here.
        stages: in the order they run.
        n_rows: of the memory.
        input_bit: int32[n], the encoder's bits that are read.
        input_row: int32[n], where each goes.
        row: int32, of each bit of the encoder, then of each output of `layers`, in their order: where it is; -1 where
            nobody but a stage reads it, and it is nowhere.
    """

    layers: tuple[int, ...]
    stages: tuple[Stage, ...]
    n_rows: int
    input_bit: Int32Array
    input_row: Int32Array
    row: Int32Array

    @property
    def n_gates(self) -> int:
        """Gates of two inputs that a sample passes: those of the trees at all places, and the ORs of the pools."""
        return sum(stage.n_gates for stage in self.stages)

    def zeros(self) -> Int32Array:
        """The rows that stay zeros."""
        written = np.zeros(self.n_rows, np.bool_)
        written[self.input_row] = True
        for stage in self.stages:
            written[stage.out[:, None] + stage.places.writes()] = True
        return np.flatnonzero(~written).astype(np.int32)

    def evaluate(self, words: Words) -> Words:
        """The memory [n_rows, words] after all stages, of packed bits of the encoder [bits, words]: the definition."""
        memory = np.zeros((self.n_rows, words.shape[1]), words.dtype)
        memory[self.input_row] = words[self.input_bit]
        for stage in self.stages:
            reads = stage.places.reads()[:, None] + stage.places.window
            for k in range(len(stage.out)):
                value = _kernel(stage, k, memory, reads)
                memory[stage.out[k] + stage.places.writes()] = np.bitwise_or.reduce(value, axis=1)
        return memory


def _kernel(stage: Stage, k: int, memory: Words, reads: Int32Array) -> Words:
    """The values [outputs, cells, words] of a kernel."""
    halves = [
        half_value(HALVES[kind], [memory[row + reads] for row in taps].__getitem__)
        for kind, taps in zip(stage.trees.half[k].tolist(), stage.tap[k], strict=True)
    ]
    root = ROOTS[stage.trees.root[k]]
    value = halves[0] if root < 0 else EXECUTE[root](*halves)
    return np.asarray(~value if stage.trees.flip[k] else value)
