"""Types of elements, as TensorProto numbers them."""

from __future__ import annotations

from typing import Final

from onnx import TensorProto

INTEGERS: Final = frozenset(getattr(TensorProto, f"{sign}INT{bits}") for sign in ("", "U") for bits in (8, 16, 32, 64))
FLOATS: Final = frozenset((TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16))
ELEMENTS: Final = frozenset({TensorProto.BOOL, *INTEGERS, *FLOATS})  # that can hold a bit


def type_name(element: int) -> str:
    """The name of a type, or its number."""
    return str(TensorProto.DataType.Name(element)) if element in TensorProto.DataType.values() else str(element)
