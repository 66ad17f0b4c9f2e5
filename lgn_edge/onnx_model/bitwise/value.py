"""A value of a foreign graph: what each of its elements is. Moves are those of ONNX, done by numpy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.errors import InputError
from lgn_edge.onnx_model.bitwise.elements import type_name

IntArray = NDArray[np.int64]

SIGNALS: Final = -1  # of an axis that holds no samples
_MOST_AXES: Final = 32  # numpy takes 64


@dataclass(frozen=True)
class Samples:
    """How many samples lie along an axis of the inputs: a size that nobody knows."""

    axis: int

    def __repr__(self) -> str:
        return "samples"


Size = int | Samples


@dataclass(frozen=True)
class Value:
    """What each element of a value is; an axis of samples is never taken apart.

    Attributes:
        array: int64, 2 * signal, plus 1 for its complement; or, where they are known, the elements themselves (objects
            where `Samples` may be among them). In the shape of the value, but of size 1 along samples.
        samples: for each axis the axis of samples that it is in the inputs of the graph, or SIGNALS.
        element: the type of the elements, as TensorProto numbers it.
        known: whether the elements are numbers, the same for each sample.
    """

    array: NDArray[Any]
    samples: tuple[int, ...]
    element: int
    known: bool = False

    @classmethod
    def of(cls, numbers: NDArray[Any], element: int) -> Value:
        """Numbers that are known."""
        return cls(numbers, (SIGNALS,) * numbers.ndim, element, known=True)

    def __post_init__(self) -> None:
        check_rank(len(self.samples))

    @property
    def sizes(self) -> list[int]:
        """The sizes of the axes of signals."""
        return [size for size, axis in zip(self.array.shape, self.samples, strict=True) if axis == SIGNALS]

    def signal_axis(self, axis: int) -> int:
        """The axis, counted from the first.

        Raises:
            InputError: there is no such axis, or it holds samples.
        """
        rank = len(self.samples)
        if not -rank <= axis < rank or self.samples[axis] != SIGNALS:
            known = [i for i, kind in enumerate(self.samples) if kind == SIGNALS]
            raise InputError(
                f"it works along the axis {axis}; signals lie along the axes {known}, samples along others"
            )
        return axis % rank

    def taken(self, index: IntArray, axis: int) -> Value:
        """Gather: the elements of these numbers, in the signal axis `axis`; the axis goes where the index is one."""
        samples = (*self.samples[:axis], *[SIGNALS] * index.ndim, *self.samples[axis + 1 :])
        return replace(self, array=np.asarray(np.take(self.array, index, axis)), samples=samples)

    def sliced(self, axis: int, start: int, stop: int, step: int) -> Value:
        """Slice along the signal axis `axis`; step is not 0."""
        # as ONNX has it: numbers below 0 count from the end, and then are clamped; -1 behind a step below 0 is the end
        n = self.array.shape[axis]
        start, stop = (number + n if number < 0 else number for number in (start, stop))
        low, high = (0, n) if step > 0 else (-1, n - 1)
        start, stop = min(max(start, 0), high), min(max(stop, low), high)
        return self.taken(np.arange(start, stop, step), axis)

    def split(self, sizes: Sequence[int], axis: int) -> list[Value]:
        """Split: parts of these sizes, which sum to the size of the signal axis `axis`."""
        parts = np.split(self.array, np.cumsum(sizes)[:-1], axis)
        return [replace(self, array=part) for part in parts]

    def transposed(self, order: Sequence[int]) -> Value:
        """Transpose.

        Raises:
            InputError: the order is no permutation of the axes.
        """
        if sorted(order) != list(range(len(self.samples))):
            raise InputError(f"it orders {len(self.samples)} axes as {list(order)}")
        return replace(self, array=self.array.transpose(order), samples=tuple(self.samples[axis] for axis in order))

    def squeezed(self, axes: Sequence[int] | None) -> Value:
        """Squeeze these axes; all of size 1 where there are none.

        Raises:
            InputError: an axis is not of size 1, or holds samples, or may be one.
        """
        if not axes:
            if any(kind != SIGNALS for kind in self.samples):
                raise InputError("it must name its axes: without, the axis of samples goes where there is one sample")
            axes = [axis for axis, size in enumerate(self.array.shape) if size == 1]
        gone = [self.signal_axis(axis) for axis in axes]
        if any(self.array.shape[axis] != 1 for axis in gone) or len(set(gone)) != len(gone):
            raise InputError(f"it takes the axes {list(axes)} of signals of the shape {self.sizes}; each must be 1")
        kept = tuple(kind for axis, kind in enumerate(self.samples) if axis not in gone)
        return replace(self, array=self.array.squeeze(tuple(gone)), samples=kept)

    def unsqueezed(self, axes: Sequence[int]) -> Value:
        """Unsqueeze: axes of size 1, as the result counts them.

        Raises:
            InputError: an axis is none of the result's, or named twice.
        """
        rank = len(self.samples) + len(axes)
        check_rank(rank)
        new = {axis % rank for axis in axes}
        if any(not -rank <= axis < rank for axis in axes) or len(new) != len(axes):
            raise InputError(f"it makes the axes {list(axes)} of {rank}")
        old = iter(self.samples)
        samples = tuple(SIGNALS if axis in new else next(old) for axis in range(rank))
        return replace(self, array=np.expand_dims(self.array, tuple(new)), samples=samples)

    def flattened(self, axis: int) -> Value:
        """Flatten: the axes before `axis` become one, and so do those from it on.

        Raises:
            InputError: there is no such axis, or samples would mix with signals.
        """
        rank = len(self.samples)
        if not -rank <= axis <= rank:
            raise InputError(f"it cuts before the axis {axis} of {rank}")
        cut = axis + rank if axis < 0 else axis
        halves = [(self.array.shape[part], self.samples[part]) for part in (slice(cut), slice(cut, None))]
        shape, samples = [math.prod(sizes) for sizes, _ in halves], [max(kinds, default=SIGNALS) for _, kinds in halves]
        if _runs(shape, samples) != _runs(self.array.shape, self.samples):
            raise InputError(
                f"it cuts signals of the shape {self.sizes} before the axis {axis}; samples must stay apart"
            )
        return replace(self, array=self.array.reshape(shape), samples=tuple(samples))

    def reshaped(self, wanted: Sequence[Size], zero_copies: bool) -> Value:
        """Reshape: -1 is what is left; 0 is the axis of the same number, or a size.

        Raises:
            InputError: the sizes do not fit, or samples would mix with signals.
        """
        check_rank(len(wanted))
        shape = [1 if isinstance(size, Samples) else size for size in wanted]
        samples = [size.axis if isinstance(size, Samples) else SIGNALS for size in wanted]
        for axis, size in enumerate(wanted):
            if size == 0 and zero_copies and axis < len(self.samples):
                shape[axis], samples[axis] = self.array.shape[axis], self.samples[axis]
        if -1 in shape:
            left = shape.index(-1)
            rest = math.prod(shape[:left] + shape[left + 1 :])
            missing = [kind for kind in self.samples if kind not in (SIGNALS, *samples)]
            if missing and rest == self.array.size:
                shape[left], samples[left] = 1, missing[0]
            elif rest > 0:
                shape[left] = self.array.size // rest
        copied = all(size for size in wanted[len(self.samples) :]) if zero_copies else not {0, -1} <= set(wanted)
        if not copied or min(shape, default=0) < 0 or _runs(shape, samples) != _runs(self.array.shape, self.samples):
            raise InputError(
                f"it makes the shape {list(wanted)} of signals of the shape {self.sizes}; a shape must keep the number"
                " of signals, and the samples apart"
            )
        return replace(self, array=self.array.reshape(shape), samples=tuple(samples))


def check_rank(rank: int) -> None:
    """Check the number of axes.

    Raises:
        InputError: there are too many.
    """
    if rank > _MOST_AXES:
        raise InputError(f"a value has {rank} axes; the most are {_MOST_AXES}")


def concatenated(parts: Sequence[Value], axis: int) -> Value:
    """Concat along a signal axis.

    Raises:
        InputError: the values differ in type or in another axis.
    """
    axis = parts[0].signal_axis(axis)
    around = {(p.element, p.samples, p.array.shape[:axis], p.array.shape[axis + 1 :]) for p in parts}
    if len(around) != 1:
        raise InputError(f"it joins {len(parts)} values that differ in their type or in an axis that is not {axis}")
    return replace(parts[0], array=np.concatenate([part.array for part in parts], axis))


def check_one_type(values: Sequence[Value]) -> None:
    """Check that values hold elements of one type.

    Raises:
        InputError: they differ.
    """
    if len({value.element for value in values}) != 1:
        raise InputError(f"its inputs are of the types {' and '.join(type_name(value.element) for value in values)}")


def broadcast(values: Sequence[Value]) -> list[Value]:
    """Values in one shape, as views.

    Raises:
        InputError: they differ in size, or samples of one meet signals or other samples of another.
    """
    rank = max(len(value.samples) for value in values)
    values = [value.unsqueezed(range(rank - len(value.samples))) for value in values]
    samples = tuple(map(max, *(value.samples for value in values)))
    for value in values:
        meets = [s for s, kind, size in zip(samples, value.samples, value.array.shape, strict=True)
                 if s != kind and (kind != SIGNALS or size != 1)]  # fmt: skip
        if meets:
            raise InputError(f"one of its inputs has the shape {value.sizes} of signals, which meet other samples")
    found = [kind for kind in samples if kind != SIGNALS]
    if len(set(found)) != len(found):
        raise InputError("it computes on each two samples; a circuit sees one")
    if any(len(set(sizes) - {1}) > 1 for sizes in zip(*(value.array.shape for value in values), strict=True)):
        raise InputError(f"its inputs have the shapes {' and '.join(str(value.sizes) for value in values)} of signals")
    arrays = np.broadcast_arrays(*(value.array for value in values))
    return [replace(value, array=array, samples=samples) for value, array in zip(values, arrays, strict=True)]


def _runs(shape: Sequence[int], samples: Sequence[int]) -> list[tuple[int, int]]:
    """The number of signals before the first axis of samples, then each such axis and the number after it."""
    runs = [(SIGNALS, 1)]
    for size, kind in zip(shape, samples, strict=True):
        if kind != SIGNALS:
            runs.append((kind, 1))
        else:
            runs[-1] = (runs[-1][0], runs[-1][1] * size)
    return runs
