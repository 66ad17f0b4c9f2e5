"""What the constants of a graph hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from onnx import TensorProto, numpy_helper

from lgn_edge.errors import InputError
from lgn_edge.onnx_model.bitwise.elements import ELEMENTS, type_name
from lgn_edge.onnx_model.bitwise.node import Node
from lgn_edge.onnx_model.bitwise.value import Value, check_rank

_TENSORS: Final[dict[str, Callable[..., TensorProto]]] = {
    "value": lambda attribute: attribute.t,
    "value_int": lambda attribute: numpy_helper.from_array(np.array(attribute.i, np.int64)),
    "value_ints": lambda attribute: numpy_helper.from_array(np.array(attribute.ints, np.int64)),
    "value_float": lambda attribute: numpy_helper.from_array(np.array(attribute.f, np.float32)),
    "value_floats": lambda attribute: numpy_helper.from_array(np.array(attribute.floats, np.float32)),
}


def constant(node: Node) -> list[Value]:
    """Constant."""
    found = [_TENSORS[attribute.name](attribute) for attribute in node.proto.attribute if attribute.name in _TENSORS]
    if len(found) != 1:
        raise InputError(f"it holds no numbers; a circuit reads its {', '.join(_TENSORS)}")
    return [decoded(found[0])]


def decoded(tensor: TensorProto) -> Value:
    """The numbers of a tensor of which nothing is trusted.

    Raises:
        InputError: it is of another type, lies outside the file, or is not whole.
    """
    name, element = tensor.name, tensor.data_type
    if element not in ELEMENTS:
        raise InputError(f"the constant {name!r} is of type {type_name(element)}; bits are bool, integers or floats")
    if tensor.data_location == TensorProto.EXTERNAL:
        raise InputError(
            f"the constant {name!r} is external data; a foreign circuit must have its constants inside:"
            " onnx.save(onnx.load(path), path) puts them there"
        )
    check_rank(len(tensor.dims))
    try:
        array = numpy_helper.to_array(tensor)
    except ValueError as error:
        raise InputError(f"the constant {name!r} is not a whole tensor") from error
    if list(array.shape) != list(tensor.dims):
        raise InputError(f"the constant {name!r} has the shape {list(tensor.dims)}, which is none")
    return Value.of(array, element)
