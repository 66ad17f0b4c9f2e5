"""A circuit scheduled for a machine that walks rows of bits: order, runs and slots, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lgn_edge.errors import InputError
from lgn_edge.network.layers import ArrayRecord, Int32Array, check_wiring, frozen_array
from lgn_edge.network.truth_table import UInt8Array, Words
from lgn_edge.passes.push_complements import OPERATIONS

__all__ = ["EXECUTE", "OPERATIONS", "Program"]

# What each operation does, in the order of OPERATIONS, to words of any kind: numpy's here, expressions in the kernels.
EXECUTE: Final[tuple[Callable[[Any, Any], Any], ...]] = (
    lambda a, b: a & b,
    lambda a, b: a & ~b,
    lambda a, b: a | b,
    lambda a, b: a ^ b,
)


@dataclass(frozen=True, eq=False)
class Program(ArrayRecord):
    """What an interpreter of gates executes, one gate after the other.

    Live input `input_bit[i]` is loaded into slot i. Then gate g does `slot[dst[g]] = op(slot[a[g]], slot[b[g]])`, both
    operands read before the result is written: dst may equal a or b. The gates come in runs of one operation. At the
    end output o is `slot[output_slot[o]]`, complemented where `output_inverted[o]`.

    Attributes:
        n_inputs: input bits of the circuit, live or not.
        input_bit: int32[L], the live inputs, ascending; at least one.
        op: uint8[R], operation of each run, an index into OPERATIONS.
        length: int32[R], gates of each run, at least one each.
        dst, a, b: int32[G], the slots each gate writes and reads.
        n_slots: slots in all, at least L.
        output_slot: int32[O], the slot of each output after the last gate; several outputs may share one.
        output_inverted: bool[O].
    """

    n_inputs: int
    input_bit: Int32Array
    op: UInt8Array
    length: Int32Array
    dst: Int32Array
    a: Int32Array
    b: Int32Array
    n_slots: int
    output_slot: Int32Array
    output_inverted: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for name in ("input_bit", "length", "dst", "a", "b", "output_slot"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), np.int32, f"program: {name}"))
        object.__setattr__(self, "op", frozen_array(self.op, np.uint8, "program: op"))
        object.__setattr__(
            self, "output_inverted", frozen_array(self.output_inverted, np.bool_, "program: output_inverted")
        )
        check_wiring(self.input_bit, self.n_inputs, "program: input_bit")
        if not 1 <= self.n_live_inputs <= self.n_slots or (np.diff(self.input_bit) <= 0).any():
            raise InputError(
                f"program: {self.n_live_inputs} live inputs in {self.n_slots} slots; it needs at least one,"
                " ascending, and a slot for each"
            )
        if len(self.op) != len(self.length) or (self.op >= len(OPERATIONS)).any() or (self.length < 1).any():
            raise InputError(
                f"program: {len(self.op)} operations and {len(self.length)} lengths;"
                f" one each a run, operations 0..{len(OPERATIONS) - 1}, lengths from 1"
            )
        if not int(self.length.sum(dtype=np.int64)) == len(self.dst) == len(self.a) == len(self.b):
            raise InputError(
                f"program: runs of {int(self.length.sum(dtype=np.int64))} gates, but {len(self.dst)} dst,"
                f" {len(self.a)} a and {len(self.b)} b"
            )
        if len(self.output_slot) != len(self.output_inverted):
            raise InputError(
                f"program: {len(self.output_slot)} outputs but {len(self.output_inverted)} inversions; one each"
            )
        for name in ("dst", "a", "b", "output_slot"):
            slots = getattr(self, name)
            if len(slots) and not (slots.min() >= 0 and slots.max() < self.n_slots):
                raise InputError(f"program: {name} names a slot outside 0..{self.n_slots - 1}")

    @property
    def n_gates(self) -> int:
        """Gates executed."""
        return len(self.dst)

    @property
    def n_live_inputs(self) -> int:
        """Inputs that are loaded."""
        return len(self.input_bit)

    @property
    def n_outputs(self) -> int:
        """Outputs."""
        return len(self.output_slot)

    def evaluate(self, words: ArrayLike) -> Words:
        """Packed outputs [O, words] of packed inputs [n_inputs, words], gate after gate: slow, and the definition."""
        inputs = np.asarray(words)
        if inputs.ndim != 2 or len(inputs) != self.n_inputs or inputs.dtype.kind != "u":
            raise InputError(
                f"packed inputs are {inputs.dtype} {list(inputs.shape)};"
                f" the program takes unsigned words [{self.n_inputs}, words]"
            )
        slots = np.zeros((self.n_slots, inputs.shape[1]), inputs.dtype)
        slots[: self.n_live_inputs] = inputs[self.input_bit]
        operations = np.repeat(self.op, self.length).tolist()
        for op, dst, a, b in zip(operations, self.dst.tolist(), self.a.tolist(), self.b.tolist(), strict=True):
            slots[dst] = EXECUTE[op](slots[a], slots[b])
        result = slots[self.output_slot]
        result[self.output_inverted] ^= np.array(np.iinfo(inputs.dtype).max, inputs.dtype)
        return result
