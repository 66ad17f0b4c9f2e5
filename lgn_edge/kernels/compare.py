"""The comparison of a float with a threshold, in integers (`encoding.float_keys`)."""

from __future__ import annotations

from tvm import tirx

from lgn_edge.kernels.encoding import INFINITY_KEY
from lgn_edge.kernels.tir import Expr, constant


def float_above(x: Expr, level: Expr) -> Expr:
    """Whether the float with the bit pattern `x` is above the float with the key `level`.

    The sign is multiplied, not moved: C leaves to its compiler what a negative number moved to the right becomes.
    """
    key = x ^ (tirx.Cast("int32", x < 0) * constant(0x7FFFFFFF, "int32"))
    return tirx.And(key > level, key <= constant(INFINITY_KEY, "int32"))
