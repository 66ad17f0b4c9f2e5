"""Ops that keep every element: its place changes, or its type."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from onnx import TensorProto, helper

from lgn_edge.errors import InputError
from lgn_edge.onnx_model.bitwise.elements import ELEMENTS, type_name
from lgn_edge.onnx_model.bitwise.node import Node
from lgn_edge.onnx_model.bitwise.value import Value


def identity(node: Node) -> list[Value]:
    """Identity."""
    return [node.value(0)]


def cast(node: Node) -> list[Value]:
    """Cast: a bit stays what it is, and so must a number."""
    value, to = node.value(0), node.attribute("to", TensorProto.UNDEFINED)
    if to not in ELEMENTS:
        raise InputError(f"it makes the type {type_name(to)}; bits are held by bool, integers and floats")
    if not value.known or to == value.element:
        return [replace(value, element=to)]
    array = node.numbers(0)
    with np.errstate(invalid="ignore", over="ignore"):
        made = array.astype(helper.tensor_dtype_to_np_dtype(to))
    if not (made == array).all():
        raise InputError(f"it changes a constant; as {type_name(to)} its numbers must stay what they are")
    return [replace(value, array=made, element=to)]


def flatten(node: Node) -> list[Value]:
    """Flatten."""
    return [node.value(0).flattened(node.attribute("axis", 1))]


def reshape(node: Node) -> list[Value]:
    """Reshape."""
    return [node.value(0).reshaped(node.sizes(1), zero_copies=not node.attribute("allowzero", 0))]


def squeeze(node: Node) -> list[Value]:
    """Squeeze."""
    return [node.value(0).squeezed(node.listed("axes", 1))]


def transpose(node: Node) -> list[Value]:
    """Transpose."""
    value, order = node.value(0), node.listed("perm", len(node.inputs))
    return [value.transposed(range(len(value.samples))[::-1] if order is None else order)]


def unsqueeze(node: Node) -> list[Value]:
    """Unsqueeze."""
    axes = node.listed("axes", 1)
    if axes is None:
        raise InputError("it must name its axes")
    return [node.value(0).unsqueezed(axes)]
