"""How the positions of an image lie in words: coordinates along each side are dealt out.

Coordinate `phases * l + v` is lane l of the word of phase v. So neighbours are the same bit of neighbouring words, and
a step of two, as pools have it, halves the phases and leaves the lanes where they are:

    32 columns, 4 phases      word 0: 0 4 8 .. 28    word 1: 1 5 9 .. 29    word 2: 2 6 ..    word 3: 3 7 ..
    every second of them      word 0: 0 4 8 .. 28 are 0 2 4 .. 14 of 16     word 2 has 1 3 .. 15

Where there is one phase left, a step leaves gaps: lanes are `pitch` bits apart. A phase below 0, or from `phases` on,
is the word of another phase with its lanes moved: what windows see beside it (`Axis.home`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from math import gcd


@dataclass(frozen=True)
class Axis:
    """One side of an image.

    Attributes:
        length: coordinates.
        phases: words that they are dealt out to.
        pitch: bits from a lane to the next.
        bits: that lanes may take, those of an image that is larger than this one included.
    """

    length: int
    phases: int
    bits: int
    pitch: int = 1

    @property
    def reach(self) -> int:
        """Bits from the first lane to the last that holds a coordinate, both included."""
        return (self.length - 1) // self.phases * self.pitch + 1

    def every(self, step: int, length: int) -> Axis:
        """Where every `step`-th of these coordinates lies, or beyond them: `length` in all."""
        common = gcd(self.phases, step)
        return Axis(length, self.phases // common, self.bits, self.pitch * (step // common))

    def home(self, phase: int) -> tuple[int, int]:
        """The phase that holds the lanes of any `phase`, and how many bits further up its lanes are there."""
        return phase % self.phases, phase // self.phases * self.pitch

    def lanes(self, phase: int) -> tuple[int, ...]:
        """The lanes of any phase that hold coordinates."""
        lanes = range(-(-self.bits // self.pitch))
        return tuple(lane for lane in lanes if 0 <= self.phases * lane + phase < self.length)

    def alike(self) -> list[tuple[tuple[int, ...], tuple[int, int]]]:
        """Phases in a row that have the same lanes: the lanes, the first phase, and the one behind the last."""
        found = []
        for lanes, phases in groupby(range(self.phases), self.lanes):
            of = list(phases)
            found.append((lanes, (of[0], of[-1] + 1)))
        return found


@dataclass(frozen=True)
class Grid:
    """Both sides of an image.

    Attributes:
        y, x: rows and columns; together their lanes are bits of a word.
    """

    y: Axis
    x: Axis

    @property
    def homes(self) -> int:
        """Words that hold all positions once."""
        return self.y.phases * self.x.phases

    def home(self, y: int, x: int) -> tuple[int, int, int]:
        """The phases that hold the lanes of a word, and how many bits further up they are there; may be negative."""
        (home_y, up_y), (home_x, up_x) = self.y.home(y), self.x.home(x)
        return home_y, home_x, up_y + up_x

    def bits(self, y: int, x: int) -> tuple[int, ...]:
        """The bits of a word that hold positions of the image."""
        rows, columns = self.y.lanes(y), self.x.lanes(x)
        return tuple(row * self.y.pitch + column * self.x.pitch for row in rows for column in columns)

    def mask(self, y: int, x: int) -> int:
        """The same as a word."""
        return sum(1 << bit for bit in self.bits(y, x))
