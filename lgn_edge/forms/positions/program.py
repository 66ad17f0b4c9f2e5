"""Image layers over words of positions: the records that kernels are written from, and what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lgn_edge.forms.images.trees import HALVES, ROOTS, half_value
from lgn_edge.forms.positions.grid import Grid
from lgn_edge.network.convolution import Pair
from lgn_edge.network.layers import Int32Array
from lgn_edge.network.truth_table import UInt8Array
from lgn_edge.passes.kernel_tables import BoolArray, IntArray
from lgn_edge.passes.push_complements import EXECUTE

Memory = NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True)
class Image:
    """Where the words of an image are: channels one behind the other, words row by row of their phases.

    Attributes:
        first: the word where it begins.
        channel: int32[planes], the channel of each plane.
        grid: how positions lie in words.
        y, x: the first phase and the one behind the last; those that are no phases of the grid are halos.
    """

    first: int
    channel: Int32Array
    grid: Grid
    y: Pair
    x: Pair

    @property
    def shape(self) -> Pair:
        """Rows and columns of words."""
        return self.y[1] - self.y[0], self.x[1] - self.x[0]

    @property
    def plane(self) -> int:
        """Words of a plane."""
        return self.shape[0] * self.shape[1]

    @property
    def size(self) -> int:
        """Words in all."""
        return len(self.channel) * self.plane

    def offset(self, y: int, x: int) -> int:
        """The word of these phases, counted from the first of its plane."""
        return (y - self.y[0]) * self.shape[1] + x - self.x[0]

    def homes(self) -> tuple[Pair, ...]:
        """The phases of the words that hold all positions once, row by row."""
        return tuple(np.ndindex(self.grid.y.phases, self.grid.x.phases))

    def halos(self) -> tuple[Pair, ...]:
        """The phases of the other words."""
        return tuple(sorted({(y, x) for y in range(*self.y) for x in range(*self.x)} - set(self.homes())))

    def places(self) -> tuple[Int32Array, Int32Array, Int32Array]:
        """The signal of each position of each plane, its word and its bit, int32[planes * height * width]."""
        word, bit = (array.reshape(-1) for array in self.positions())
        plane = np.arange(len(self.channel))[:, None]
        signal = np.asarray(self.channel[:, None] * len(word) + np.arange(len(word)), np.int32)
        words = np.asarray(self.first + plane * self.plane + word, np.int32)
        return signal.reshape(-1), words.reshape(-1), np.tile(bit, len(self.channel))

    def positions(self) -> tuple[Int32Array, Int32Array]:
        """The word, counted from the first of its plane, and the bit of each position, int32[height, width]."""
        grid = self.grid
        y, x = np.indices((grid.y.length, grid.x.length), np.int32)
        word = (y % grid.y.phases - self.y[0]) * self.shape[1] + x % grid.x.phases - self.x[0]
        return word, y // grid.y.phases * grid.y.pitch + x // grid.x.phases * grid.x.pitch


@dataclass(frozen=True)
class Stage:
    """Kernels, and the OR of their values in windows.

    All halves are evaluated before the roots, those of a kind one after the other, and so are roots of a kind.

    Attributes:
        kind: int32[H], the kind of each half in HALVES, ascending.
        tap: int32[H, 4], the words that its leaves read at the first point.
        half: int32[K, 2], the halves of each kernel; one of one half has it twice.
        root: int32[K], in ROOTS; where it is none the kernel is its first half.
        flip: bool[K], whether the kernel is the complement of what its root gives; root and flip ascend together.
        points: int32[words, cells], how far what a kernel reads is from the first point: `cells` points for each word
            of its output, the phases of the output's grid row by row.
        folds: behind the OR of the cells, how many bits further up the lanes are that are ORed to each; for one after
            the other, so that those of the first are ORed again.
        out: the image; kernel k is its plane k.
    """

    kind: Int32Array
    tap: Int32Array
    half: Int32Array
    root: Int32Array
    flip: BoolArray
    points: Int32Array
    folds: tuple[int, ...]
    out: Image

    @property
    def leaves(self) -> Int32Array:
        """int32[H], how many words each half reads at a point."""
        return np.array([len(HALVES[kind]) + 1 for kind in self.kind.tolist()], np.int32)

    @property
    def taps(self) -> Int32Array:
        """The taps of the halves, one half behind the other, without what those with less than four leaves repeat."""
        return self.tap[np.arange(self.tap.shape[1]) < self.leaves[:, None]]

    @property
    def pairs(self) -> Int32Array:
        """The halves of the kernels, one kernel behind the other: two, or one where there is no root."""
        return self.half[np.arange(2) < np.where(np.array(ROOTS)[self.root] >= 0, 2, 1)[:, None]]


@dataclass(frozen=True)
class Positions:
    """The image layers of a network as stages over words of positions.

    Attributes:
        word_bits: 32 or 64, the positions that a word may hold.
        layers: of the network, that are here.
        images: by source: the encoder's, and what each stage writes.
        stages: in the order they run.
    """

    word_bits: int
    layers: tuple[int, ...]
    images: Mapping[int, Image]
    stages: tuple[Stage, ...]

    @property
    def word(self) -> str:
        """The word's type as TIR and numpy spell it."""
        return f"uint{self.word_bits}"

    @property
    def input_bit(self) -> Int32Array:
        """int32[n], the encoder's bits that are in words, plane by plane."""
        return self.images[0].places()[0]

    @property
    def n_words(self) -> int:
        """Words of all images."""
        return sum(image.size for image in self.images.values())

    @property
    def n_values(self) -> int:
        """Words that the halves of a stage leave for its roots, at most."""
        return max(len(stage.kind) * stage.points.size for stage in self.stages)

    @property
    def n_gates(self) -> int:
        """Word operations of the kernels' gates and of the pools, for a sample."""
        return sum(_operations(stage) for stage in self.stages)

    def evaluate(self, bits: UInt8Array) -> Memory:
        """The words [n_words, n] after all stages, of the encoder's bits uint8[bits, n]: the definition."""
        memory = np.zeros((self.n_words, bits.shape[1]), self.word)
        image = self.images[0]
        word, bit = image.positions()
        planes = bits.reshape(-1, *word.shape, bits.shape[1])[image.channel]
        for plane, values in enumerate(planes):
            values = values.astype(memory.dtype) << bit[..., None].astype(memory.dtype)
            np.bitwise_or.at(memory, image.first + plane * image.plane + word, values)
        _spread(image, memory)
        for stage in self.stages:
            _run(stage, memory)
            _spread(stage.out, memory)
        return memory


def _run(stage: Stage, memory: Memory) -> None:
    halves = [
        half_value(HALVES[kind], [memory[tap + stage.points] for tap in taps].__getitem__)
        for kind, taps in zip(stage.kind.tolist(), stage.tap.tolist(), strict=True)
    ]
    image = stage.out
    for k, (left, right) in enumerate(stage.half.tolist()):
        root = ROOTS[stage.root[k]]
        value = halves[left] if root < 0 else EXECUTE[root](halves[left], halves[right])
        words = np.bitwise_or.reduce(~value if stage.flip[k] else value, axis=1)
        for word, (y, x) in zip(words, image.homes(), strict=True):
            folded = reduce(lambda folded, up: folded | folded >> word.dtype.type(up), stage.folds, word)
            place = image.first + k * image.plane + image.offset(y, x)
            memory[place] = folded & word.dtype.type(image.grid.mask(y, x))


def _spread(image: Image, memory: Memory) -> None:
    """Write the halos: the lanes of words that are there, moved."""
    planes = memory[image.first : image.first + image.size].reshape(-1, image.plane, memory.shape[1])
    number = memory.dtype.type
    for y, x in image.halos():
        home_y, home_x, up = image.grid.home(y, x)
        mask = image.grid.mask(y, x)
        if mask:
            word = planes[:, image.offset(home_y, home_x)]
            moved = word >> number(up) if up >= 0 else word << number(-up)
            planes[:, image.offset(y, x)] = moved & number(mask)


def _operations(stage: Stage) -> int:
    of_halves = sum(len(HALVES[kind]) for kind in stage.kind.tolist())
    roots = int((np.array(ROOTS)[stage.root] >= 0).sum())
    words, cells = stage.points.shape
    pooled = len(stage.root) * words * (cells - 1 + len(stage.folds))
    return int((of_halves + roots) * stage.points.size + pooled)


def runs(numbers: IntArray | BoolArray) -> Iterator[tuple[int, int, int]]:
    """The numbers, those that repeat once, and where each begins and ends."""
    start = 0
    for number, same in groupby(numbers.tolist()):
        stop = start + len(list(same))
        yield number, start, stop
        start = stop
