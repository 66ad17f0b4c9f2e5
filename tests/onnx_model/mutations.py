"""Models with something changed at random in their structure, for readers that must not trust it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from google.protobuf.descriptor import FieldDescriptor
from onnx import ModelProto

NUMBERS = (-(2**31), -1, 0, 1, 2, 7, 63, 2**31 - 1, 2**62)
FLOATS = (0.0, -1.0, 0.5, 1e38, np.inf, np.nan)


def mutated(model: ModelProto, rng: np.random.Generator, *, graph_only: bool = False) -> ModelProto:
    """A copy of a model in which one to three fields anywhere are removed, doubled, swapped or changed."""
    copy = ModelProto.FromString(model.SerializeToString())
    for _ in range(rng.integers(1, 4)):
        _mutate(copy.graph if graph_only else copy, _names(copy), rng)
    return copy


def _names(model: ModelProto) -> list[str]:
    graph = model.graph
    values = [*graph.node, *graph.initializer, *graph.input, *graph.output]
    return ["", "x", "\0", *(value.name for value in values), *(node.op_type for node in graph.node[:6])]


def _fields(message: Any) -> list[tuple[Any, Any]]:
    """Every field that is set in a message or one inside it, with the message it belongs to."""
    found = []
    for field, value in message.ListFields():
        found.append((message, field))
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for inner in value if field.is_repeated else [value]:
                found += _fields(inner)
    return found


def _mutate(root: Any, names: list[str], rng: np.random.Generator) -> None:
    fields = _fields(root)
    message, field = fields[rng.integers(len(fields))]
    is_message = field.type == FieldDescriptor.TYPE_MESSAGE
    with suppress(ValueError):  # a number that the field cannot hold
        if field.is_repeated:
            _mutate_list(getattr(message, field.name), field, names, rng)
        elif is_message or rng.integers(4) == 0:
            message.ClearField(field.name)
        else:
            setattr(message, field.name, _other(getattr(message, field.name), field, names, rng))


def _mutate_list(values: Any, field: Any, names: list[str], rng: np.random.Generator) -> None:
    i, j = rng.integers(len(values), size=2).tolist()
    kept = list(values)
    change = rng.integers(4)
    if change == 0:
        del kept[i]
    elif change == 1:
        kept.append(kept[i])
    elif change == 2 or field.type == FieldDescriptor.TYPE_MESSAGE:
        kept[i], kept[j] = kept[j], kept[i]
    else:
        kept[i] = _other(kept[i], field, names, rng)
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        kept = [type(value).FromString(value.SerializeToString()) for value in kept]
    del values[:]
    values.extend(kept)


def _other(value: Any, field: Any, names: list[str], rng: np.random.Generator) -> Any:
    if field.type == FieldDescriptor.TYPE_STRING:
        return names[rng.integers(len(names))]
    if field.type == FieldDescriptor.TYPE_BYTES:
        changed = bytearray(value[: rng.integers(len(value) + 1)] if rng.integers(2) else value)
        if changed:
            changed[rng.integers(len(changed))] ^= int(rng.integers(1, 256))
        return bytes(changed)
    if field.type == FieldDescriptor.TYPE_FLOAT:
        return FLOATS[rng.integers(len(FLOATS))]
    return NUMBERS[rng.integers(len(NUMBERS))]
