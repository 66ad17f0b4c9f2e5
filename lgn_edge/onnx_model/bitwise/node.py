"""A node while it is read: its attributes and inputs, and where gates go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto

from lgn_edge.errors import InputError
from lgn_edge.onnx_model.bitwise.gates import Gates
from lgn_edge.onnx_model.bitwise.room import Room
from lgn_edge.onnx_model.bitwise.value import SIGNALS, IntArray, Samples, Size, Value, check_rank


@dataclass(frozen=True)
class Node:
    """A node of a foreign graph.

    Attributes:
        proto: the node; its op is one of the version, with as many inputs and outputs and no other attributes.
        opset: the version of the standard domain that the model imports.
        inputs: the values that it reads; None where it leaves one out.
        gates: made so far.
        room: left for its results.
    """

    proto: NodeProto
    opset: int
    inputs: Sequence[Value | None]
    gates: Gates
    room: Room

    def value(self, index: int) -> Value:
        """An input: numbers or signals.

        Raises:
            InputError: it is left out.
        """
        found = self.inputs[index] if index < len(self.inputs) else None
        if found is None:
            raise InputError(f"its input {index} is missing")
        return found

    def together(self, *indices: int) -> list[Value]:
        """Inputs that become one value: numbers where all of them are, else signals.

        Raises:
            InputError: one is left out, or a number is no bit.
        """
        values = [self.value(index) for index in indices]
        return values if all(value.known for value in values) else [self.signals(index) for index in indices]

    def signals(self, index: int) -> Value:
        """An input as signals.

        Raises:
            InputError: it is left out, or a number is no bit.
        """
        value = self.value(index)
        try:
            return self.gates.signals(value)
        except InputError as error:
            raise InputError(f"its input {self._name(index)!r}: {error}") from error

    def attribute(self, name: str, default: int) -> int:
        """An attribute that is a number."""
        return next((attribute.i for attribute in self.proto.attribute if attribute.name == name), default)

    def numbers(self, index: int) -> NDArray[Any]:
        """A constant input.

        Raises:
            InputError: it is no constant, or depends on the number of samples.
        """
        array = self._known(index).array
        if array.dtype != np.object_:
            return array
        if any(isinstance(number, Samples) for number in array.flat):
            raise InputError(f"its input {self._name(index)!r} depends on the number of samples")
        return array.astype(np.int64)

    def integers(self, index: int) -> IntArray:
        """A constant input of int32 or int64.

        Raises:
            InputError: it is something else.
        """
        array = self.numbers(index)
        if array.dtype not in (np.int32, np.int64):
            raise InputError(f"its input {self._name(index)!r} must be int32 or int64")
        return array.astype(np.int64)

    def listed(self, name: str, index: int) -> list[int] | None:
        """Integers that are an attribute in old versions of an op, an input in new ones; None where there are none.

        Raises:
            InputError: they are no constant list of integers.
        """
        for attribute in self.proto.attribute:
            if attribute.name == name:
                return list(attribute.ints)
        if len(self.inputs) <= index or self.inputs[index] is None:
            return None
        return cast(list[int], self._list(self.integers(index), index))

    def sizes(self, index: int) -> list[Size]:
        """A constant input that is a list of sizes of axes; the number of samples may be among them.

        Raises:
            InputError: it is something else.
        """
        array = self._known(index).array
        return self._list(array if array.dtype == np.object_ else self.integers(index), index)

    def spread(self, number: NDArray[Any], element: int, index: int) -> Value:
        """One number, [], everywhere in the shape that a constant input says; takes no memory.

        Raises:
            InputError: it says none, or one that is too large.
        """
        sizes = self.sizes(index)
        shape = [1 if isinstance(size, Samples) else size for size in sizes]
        if min(shape, default=0) < 0:
            raise InputError(f"it makes the shape {sizes}; a size is not below 0")
        check_rank(len(shape))
        self.room.check(prod(shape))
        samples = tuple(size.axis if isinstance(size, Samples) else SIGNALS for size in sizes)
        return Value(np.broadcast_to(number, shape), samples, element, known=True)

    def _known(self, index: int) -> Value:
        value = self.inputs[index] if index < len(self.inputs) else None
        if value is None or not value.known:
            raise InputError(f"its input {self._name(index)!r} must be a constant")
        return value

    def _list(self, array: NDArray[Any], index: int) -> list[Size]:
        if array.ndim != 1:
            raise InputError(f"its input {self._name(index)!r} must be a list of numbers")
        return [number if isinstance(number, Samples) else int(number) for number in array]

    def _name(self, index: int) -> str:
        return str(self.proto.input[index]) if index < len(self.proto.input) else ""
