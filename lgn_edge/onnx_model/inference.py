"""What the type and shape inference of every op needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from onnx import TensorProto, TensorShapeProto, TypeProto, helper, numpy_helper
from onnx.onnx_cpp2py_export.shape_inference import InferenceContext  # what onnx passes; no public module has it
from onnx.shape_inference import InferenceError

from lgn_edge.onnx_model.domain import WORD_BITS

Dim: TypeAlias = int | str | None  # a known size, a named one, or nothing known

__all__ = ["Dim", "InferenceContext", "dims", "integer", "length", "same", "sample_count", "set_output", "words_of"]


def dims(context: InferenceContext, index: int, rank: int) -> list[Dim]:
    """The dimensions of one input.

    Raises:
        InferenceError: the input has another rank.
    """
    kind: TypeProto | None = context.get_input_type(index)
    if kind is None or not kind.tensor_type.HasField("shape"):
        return [None] * rank
    found = [_dim(dim) for dim in kind.tensor_type.shape.dim]
    if len(found) != rank:
        raise InferenceError(f"{context.get_display_name()}: input {index} has rank {len(found)}, expected {rank}")
    return found


def length(context: InferenceContext, *indices: int) -> Dim:
    """The common length of vectors that must be equally long."""
    known: Dim = None
    for index in indices:
        known = same(context, known, dims(context, index, 1)[0])
    return known


def same(context: InferenceContext, left: Dim, right: Dim) -> Dim:
    """The better known of two dimensions that must be equal.

    Raises:
        InferenceError: both are known and differ.
    """
    if isinstance(left, int) and isinstance(right, int) and left != right:
        raise InferenceError(f"{context.get_display_name()}: lengths {left} and {right} must be equal")
    return right if left is None or (isinstance(left, str) and isinstance(right, int)) else left


def words_of(samples: Dim) -> Dim:
    """Words that hold that many samples."""
    return -(-samples // WORD_BITS) if isinstance(samples, int) else None


def sample_count(context: InferenceContext, index: int) -> Dim:
    """The value of an int64[1] input that counts samples, as far as it is known."""
    dims(context, index, 1)
    data: TensorProto | None = context.get_input_data(index)
    if data is not None:
        return int(numpy_helper.to_array(data).reshape(-1)[0])
    symbolic: TensorShapeProto | None = context.get_symbolic_input(index)
    return _dim(symbolic.dim[0]) if symbolic is not None and len(symbolic.dim) == 1 else None


def integer(context: InferenceContext, name: str) -> int:
    """The value of an integer attribute."""
    return int(context.get_attribute(name).i)


def set_output(context: InferenceContext, index: int, element: int, shape: Sequence[Dim]) -> None:
    """Set type and shape of one output."""
    context.set_output_type(index, helper.make_tensor_type_proto(element, shape))


def _dim(dim: TensorShapeProto.Dimension) -> Dim:
    if dim.HasField("dim_value"):
        return dim.dim_value
    return dim.dim_param or None
