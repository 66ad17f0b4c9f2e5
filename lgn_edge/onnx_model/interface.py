"""The input and the outputs of a foreign model."""

from __future__ import annotations

from collections.abc import Iterable

from onnx import GraphProto, ValueInfoProto

from lgn_edge.errors import InputError
from lgn_edge.network import Head, Threshold
from lgn_edge.network.layers import MAX_SIGNALS
from lgn_edge.onnx_model.domain import BITS, CLASS, LOGITS, OUTPUT_BITS, SAMPLES, SCORES, WORDS
from lgn_edge.onnx_model.form import BOOL, MOST_BITS, PACKED, heads_outputs, input_of_info, output_infos


def source(graph: GraphProto) -> tuple[str, int]:
    """The form's name of the only input, and its features or bits.

    Raises:
        InputError: there is another number of inputs, or the input has another name, type or shape.
    """
    if len(graph.input) != 1 or graph.input[0].name not in (SAMPLES, BITS, WORDS):
        found = short(value.name for value in graph.input)
        raise InputError(f"the inputs of the model are {found}; it must have one, {SAMPLES!r}, {BITS!r} or {WORDS!r}")
    name, kind = graph.input[0].name, graph.input[0].type.tensor_type
    chosen = input_of_info(name, kind.elem_type)
    if not chosen:
        legal = {SAMPLES: "float32 or uint8", BITS: "bool", WORDS: "int64"}[name]
        raise InputError(f"the input {name!r} has the element type {kind.elem_type}; use {legal}")
    fixed, free = (0, 1) if chosen == PACKED else (1, 0)
    shape = f"[{'bits, W' if chosen == PACKED else 'N, bits' if chosen == BOOL else 'N, features'}]"
    dims = kind.shape.dim
    if len(dims) != 2 or not 1 <= dims[fixed].dim_value <= MAX_SIGNALS:
        raise InputError(f"the input {name!r} must have the shape {shape} with a positive number of features or bits")
    if chosen in (BOOL, PACKED) and dims[fixed].dim_value > MOST_BITS:
        raise InputError(f"the input {name!r} has {dims[fixed].dim_value} bits; the most are {MOST_BITS}")
    if dims[free].HasField("dim_value"):
        raise InputError(f"the input {name!r} has a fixed number of samples; make that dimension a name")
    return chosen, dims[fixed].dim_value


def outputs(graph: GraphProto, head: Head) -> tuple[str, ...]:
    """The names of the outputs.

    Raises:
        InputError: they are not some of those that the head has, in this order, with their types and ranks.
    """
    found = [_signature(value) for value in graph.output]
    # a score came with a class, always 0, before it was a head of its own
    legal = heads_outputs(head) if head.scale is None else (SCORES, LOGITS, CLASS)
    known = {value.name: _signature(value) for value in output_infos(head, legal)}
    names = tuple(name for name, _, _ in found)
    if not names or found != [known[name] for name in known if name in names]:
        wanted = {
            SCORES: "scores int32 [N, classes]",
            LOGITS: "logits float32 [N, classes]",
            CLASS: "class int64 [N]",
            OUTPUT_BITS: "output_bits bool [N, bits]",
        }
        raise InputError(
            f"the outputs of the model are {short(names)}; they must be some of"
            f" {', '.join(wanted[name] for name in legal)}, in this order"
        )
    return names


def outside(chosen: str, width: int, encoder: Threshold | None) -> Threshold:
    """The encoder of a model whose input is encoded already: that of its metadata, or none.

    Raises:
        InputError: the encoder gives another number of bits.
    """
    if encoder is None:
        return Threshold.bits(width)
    if encoder.n_outputs != width:
        raise InputError(f"the encoder of the metadata gives {encoder.n_outputs} bits; the {chosen} input has {width}")
    return encoder


def short(names: Iterable[str]) -> str:
    """The first names of a list, for a message."""
    listed = list(names)
    shown = ", ".join(repr(name) for name in listed[:6])
    return f"[{shown}{', ...' if len(listed) > 6 else ''}]"


def _signature(value: ValueInfoProto) -> tuple[str, int, int]:
    kind = value.type.tensor_type
    return value.name, kind.elem_type, len(kind.shape.dim)
