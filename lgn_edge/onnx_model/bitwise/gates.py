"""The gates of a circuit that is being read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.errors import InputError
from lgn_edge.network import Circuit
from lgn_edge.network.layers import MAX_SIGNALS
from lgn_edge.network.truth_table import COMPLEMENT_A, COMPLEMENT_B, FALSE, UInt8Array
from lgn_edge.onnx_model.bitwise.elements import INTEGERS
from lgn_edge.onnx_model.bitwise.room import Room
from lgn_edge.onnx_model.bitwise.value import IntArray, Value

_NO_WIRE: Final = np.zeros(1, np.int64)


class Gates:
    """Gates made so far, behind the inputs of a circuit.

    Args:
        n_inputs: of the circuit.
        words: whether an integer holds a bit of as many samples as it has bits.
        room: that results are checked against.
    """

    def __init__(self, n_inputs: int, words: bool, room: Room) -> None:
        self._n_inputs = self._n_signals = n_inputs
        self._words = words
        self._room = room
        self._tables: list[UInt8Array] = [np.zeros(0, np.uint8)]
        self._wires: list[tuple[IntArray, IntArray]] = [(np.zeros(0, np.int64),) * 2]
        self._false: IntArray | None = None

    def add(self, table: int | UInt8Array, a: Value, b: Value) -> Value:
        """A gate for each element of two values of signals, of one shape; the tables broadcast to it."""
        self._room.check(a.array.size)
        tables = np.broadcast_to(np.asarray(table, np.uint8), a.array.shape)
        tables = np.where(a.array & 1, COMPLEMENT_A[tables], tables)
        tables = np.where(b.array & 1, COMPLEMENT_B[tables], tables)
        return replace(a, array=self._made(tables.ravel(), a.array.ravel(), b.array.ravel()).reshape(a.array.shape))

    def signals(self, value: Value) -> Value:
        """Numbers as the complement or not of a gate that is 0; signals as they are.

        Raises:
            InputError: a number is neither 0 nor 1.
        """
        if not value.known:
            return value
        array, words = value.array, self._words and value.element in INTEGERS
        if array.dtype == np.object_:
            raise InputError("the sizes of a shape with samples are no bits")
        one = ~np.zeros((), array.dtype) if words else np.ones((), array.dtype)
        if not ((array == 0) | (array == one)).all():
            raise InputError(
                f"the constant holds {array[(array != 0) & (array != one)].flat[0]}, but {_held(array, words)}"
            )
        self._room.check(array.size)
        if self._false is None:
            self._false = self._made(np.array([FALSE], np.uint8), _NO_WIRE, _NO_WIRE)
        return replace(value, array=self._false[0] + (array == one).astype(np.int64), known=False)

    def circuit(self, outputs: IntArray) -> Circuit:
        """The circuit of these outputs: literals [n]."""
        a, b = (np.concatenate(side) >> 1 for side in zip(*self._wires, strict=True))
        return Circuit(self._n_inputs, np.concatenate(self._tables), a, b, outputs >> 1, (outputs & 1).astype(np.bool_))

    def _made(self, tables: UInt8Array, a: IntArray, b: IntArray) -> IntArray:
        """The literals of new gates of the literals a and b."""
        if self._n_signals + a.size > MAX_SIGNALS:
            raise InputError(f"a circuit has at most {MAX_SIGNALS} signals")
        made = 2 * (self._n_signals + np.arange(a.size, dtype=np.int64))
        self._tables.append(tables)
        self._wires.append((a, b))
        self._n_signals += a.size
        return made


def _held(array: NDArray[Any], words: bool) -> str:
    """What the elements of a constant must be, and what to do with others."""
    if not words:
        return "an element holds one bit here, so it must be 0 or 1"
    bits = 8 * array.dtype.itemsize
    return (
        f"each {array.dtype} holds a bit of {bits} samples here, so it must be all zeros or all ones; for a mask of the"
        f" bits of one sample, make each bit an element of its own, bool [N, {bits}], and take And"
    )
