"""Kernels of image layers as straight-line code: what a C function has of them, and from where it reads its words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from lgn_edge.forms.images.trees import HALVES, ROOTS
from lgn_edge.forms.positions.program import Stage

REACH: Final = 31  # words behind a pointer that instructions of two bytes reach, those of Thumb and of RISC-V
_LONGEST: Final = 400  # words that a function reads, so that compilers take as long for each in a large network


@dataclass(frozen=True)
class Tree:
    """A kernel.

    Attributes:
        number: in its stage.
        halves: of the stage, one or two.
        leaves: of all halves.
        taps: of the leaves of all halves, ascending, each once.
        begins: where pointers go from which these are read (`begins`).
    """

    number: int
    halves: tuple[int, ...]
    leaves: int
    taps: tuple[int, ...]
    begins: tuple[int, ...]


@dataclass(frozen=True)
class Function:
    """Some kernels of a stage, one behind the other.

    Attributes:
        stage: theirs.
        trees: the kernels.
        begins: where pointers go from which the outputs are written.
    """

    stage: Stage
    trees: tuple[Tree, ...]
    begins: tuple[int, ...]

    def first(self, tree: Tree) -> int:
        """The first word that a kernel writes."""
        return self.stage.out.first + tree.number * self.stage.out.plane + self.stage.out.offset(0, 0)


def functions_of(stage: Stage) -> Iterator[Function]:
    """The kernels of a stage, in their order."""
    some: list[Tree] = []
    left = 0
    for number in range(len(stage.root)):
        tree = _tree(stage, number)
        reads = tree.leaves * stage.points.shape[1]
        if some and reads > left:
            yield _function(stage, some)
            some = []
        left = (left if some else _LONGEST) - reads
        some.append(tree)
    if some:
        yield _function(stage, some)


def n_reads(stage: Stage) -> int:
    """Words that the code of a stage reads."""
    return int(stage.leaves[stage.pairs].sum() * stage.points.shape[1])


def begins(words: Sequence[int], span: int) -> tuple[int, ...]:
    """Where pointers go from which so many words are reached, and those up to `span` behind each.

    Args:
        words: ascending.
        span: where it is above REACH, some are further away.
    """
    found: list[int] = []
    for word in words:
        if not found or word + span > found[-1] + REACH:
            found.append(word)
    return tuple(found)


def _tree(stage: Stage, number: int) -> Tree:
    left, right = stage.half[number].tolist()
    halves = (left,) if ROOTS[stage.root[number]] < 0 else (left, right)
    taps = sorted({tap for half in halves for tap in stage.tap[half].tolist()})  # what is not read repeats one that is
    leaves = sum(len(HALVES[stage.kind[half]]) + 1 for half in halves)
    return Tree(number, halves, leaves, tuple(taps), begins(taps, int(stage.points[0].max())))


def _function(stage: Stage, trees: Sequence[Tree]) -> Function:
    image = stage.out
    offsets = [image.offset(y, x) for y, x in image.homes()]
    first = [image.first + tree.number * image.plane + offsets[0] for tree in trees]
    return Function(stage, tuple(trees), begins(first, offsets[-1] - offsets[0]))
