"""The sixteen 2-input gates: ids, names, and their algebra, once for everybody.

A gate is its truth table id, `id = 8*f(0,0) + 4*f(0,1) + 2*f(1,0) + f(1,1)`, first argument a
(the numbering of Petersen et al. 2022, section 3, shared by difflogic and torchlogix).

The look-up tables below are indexed by id, so a pass applies them to a whole array of gates: `SWAP_INPUTS[table]`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

UInt8Array = NDArray[np.uint8]
Words = NDArray[np.unsignedinteger[Any]]

FALSE: Final = 0
AND: Final = 1
A_AND_NOT_B: Final = 2
PASS_A: Final = 3
NOT_A_AND_B: Final = 4
PASS_B: Final = 5
XOR: Final = 6
OR: Final = 7
NOR: Final = 8
XNOR: Final = 9
NOT_B: Final = 10
A_OR_NOT_B: Final = 11
NOT_A: Final = 12
NOT_A_OR_B: Final = 13
NAND: Final = 14
TRUE: Final = 15

NAMES: Final = (
    "0", "a&b", "a&~b", "a", "~a&b", "b", "a^b", "a|b",
    "~(a|b)", "~(a^b)", "~b", "a|~b", "~a", "~a|b", "~(a&b)", "1",
)  # fmt: skip


def _table(rule: list[int]) -> UInt8Array:
    array = np.array(rule, np.uint8)
    array.setflags(write=False)
    return array


def _bits(table: int) -> tuple[int, int, int, int]:
    """f(0,0), f(0,1), f(1,0), f(1,1) of one gate."""
    return table >> 3 & 1, table >> 2 & 1, table >> 1 & 1, table & 1


def _identity(f00: int, f01: int, f10: int, f11: int) -> int:
    return 8 * f00 + 4 * f01 + 2 * f10 + f11


_ROWS = [_bits(table) for table in range(16)]

# f'(a, b) = f(b, a)
SWAP_INPUTS: Final = _table([_identity(f00, f10, f01, f11) for f00, f01, f10, f11 in _ROWS])
# f'(a, b) = f(~a, b) and f(a, ~b)
COMPLEMENT_A: Final = _table([_identity(f10, f11, f00, f01) for f00, f01, f10, f11 in _ROWS])
COMPLEMENT_B: Final = _table([_identity(f01, f00, f11, f10) for f00, f01, f10, f11 in _ROWS])
# f'(a, b) = ~f(a, b)
COMPLEMENT_OUTPUT: Final = _table([15 - table for table in range(16)])
# f' = f with a (b) held at 0 or 1; the result still has two arguments but ignores that one
FIX_A: Final = (
    _table([_identity(f00, f01, f00, f01) for f00, f01, f10, f11 in _ROWS]),
    _table([_identity(f10, f11, f10, f11) for f00, f01, f10, f11 in _ROWS]),
)
FIX_B: Final = (
    _table([_identity(f00, f00, f10, f10) for f00, f01, f10, f11 in _ROWS]),
    _table([_identity(f01, f01, f11, f11) for f00, f01, f10, f11 in _ROWS]),
)
# f' = f(a, a) as a function of a: one of 0, a, ~a, 1
SAME_INPUT: Final = _table([_identity(f00, f00, f11, f11) for f00, f01, f10, f11 in _ROWS])
# whether the value of f changes with a (b)
DEPENDS_ON_A: Final = _table([int((f00, f01) != (f10, f11)) for f00, f01, f10, f11 in _ROWS]).astype(np.bool_)
DEPENDS_ON_B: Final = _table([int((f00, f10) != (f01, f11)) for f00, f01, f10, f11 in _ROWS]).astype(np.bool_)


def algebraic_normal_form(table: UInt8Array) -> tuple[UInt8Array, UInt8Array, UInt8Array, UInt8Array]:
    """Coefficients over GF(2) of `f(a, b) = c0 ^ ca&a ^ cb&b ^ cab&a&b`.

    Args:
        table: uint8 gate ids, any shape.

    Returns:
        c0, ca, cb, cab: uint8 0 or 1, each of the shape of `table`.
    """
    f00, f01, f10, f11 = ((table >> shift & 1).astype(np.uint8) for shift in (3, 2, 1, 0))
    return f00, f00 ^ f10, f00 ^ f01, f00 ^ f01 ^ f10 ^ f11


def evaluate_gates(table: UInt8Array, a: Words, b: Words) -> Words:
    """Apply one gate a row to packed words.

    Args:
        table: uint8[gates] ids.
        a: unsigned words [gates, words], first input of each gate.
        b: the same of the second input.

    Returns:
        words [gates, words] of the same dtype; every bit of a word is one sample.
    """
    ones = np.array(np.iinfo(a.dtype).max, a.dtype)
    c0, ca, cb, cab = (c[:, None].astype(a.dtype) * ones for c in algebraic_normal_form(table))
    return np.asarray(c0 ^ (ca & a) ^ (b & (cb ^ (cab & a))))
