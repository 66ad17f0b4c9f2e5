"""What the type and shape inference of every op needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from onnx import AttributeProto, TensorProto, TensorShapeProto, TypeProto, helper, numpy_helper
from onnx.onnx_cpp2py_export.shape_inference import InferenceContext  # what onnx passes; no public module has it
from onnx.shape_inference import InferenceError

from lgn_edge.onnx_model.domain import WORD_BITS

Dim: TypeAlias = int | str | None  # a known size, a named one, or nothing known

__all__ = [
    "Dim",
    "InferenceContext",
    "check_classes",
    "dims",
    "integer",
    "integers",
    "length",
    "same",
    "sample_count",
    "samples_of",
    "set_output",
    "words_of",
]


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
    if isinstance(samples, str):
        return f"ceil({samples} / {WORD_BITS})"
    return None if samples is None else -(-samples // WORD_BITS)


def samples_of(words: Dim) -> Dim:
    """Samples that fill that many words."""
    if isinstance(words, str):
        return f"{WORD_BITS} * {words}"
    return None if words is None else WORD_BITS * words


def sample_count(context: InferenceContext, index: int) -> Dim:
    """The value of an int64[1] input that counts samples, as far as it is known.

    Raises:
        InferenceError: it is no such input, or negative.
    """
    same(context, dims(context, index, 1)[0], 1)
    data: TensorProto | None = context.get_input_data(index)
    if data is not None:
        count = int(numpy_helper.to_array(data)[0])
        if count < 0:
            raise InferenceError(f"{context.get_display_name()}: there are {count} samples; give 0 or more")
        return count
    symbolic: TensorShapeProto | None = context.get_symbolic_input(index)
    return _dim(symbolic.dim[0]) if symbolic is not None and len(symbolic.dim) == 1 else None


def integer(context: InferenceContext, name: str) -> int:
    """The value of an integer attribute.

    Raises:
        InferenceError: the node does not have it.
    """
    attribute: AttributeProto | None = context.get_attribute(name)
    if attribute is None or attribute.type != AttributeProto.INT:
        raise InferenceError(f"{context.get_display_name()}: the attribute {name}, an INT, is missing")
    return int(attribute.i)


def integers(context: InferenceContext, name: str, count: int) -> tuple[int, ...]:
    """The values of an attribute of so many integers.

    Raises:
        InferenceError: the node does not have it.
    """
    attribute: AttributeProto | None = context.get_attribute(name)
    if attribute is None or attribute.type != AttributeProto.INTS or len(attribute.ints) != count:
        raise InferenceError(f"{context.get_display_name()}: the attribute {name}, {count} INTS, is missing")
    return tuple(attribute.ints)


def check_classes(context: InferenceContext, classes: int, signals: Dim) -> None:
    """Check that classes divide signals.

    Raises:
        InferenceError: they do not.
    """
    if classes < 1 or (isinstance(signals, int) and signals % classes):
        raise InferenceError(f"{context.get_display_name()}: {classes} classes do not divide {signals} signals")


def set_output(context: InferenceContext, index: int, element: int, shape: Sequence[Dim]) -> None:
    """Set type and shape of one output, if the node has it."""
    if index < context.get_num_outputs():
        context.set_output_type(index, helper.make_tensor_type_proto(element, shape))


def _dim(dim: TensorShapeProto.Dimension) -> Dim:
    if dim.HasField("dim_value"):
        return dim.dim_value
    return dim.dim_param or None
