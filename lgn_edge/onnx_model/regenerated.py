"""Whether the nodes of a file are those that its data give: how a file without nodes of our own is checked."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from onnx import GraphProto, NodeProto

from lgn_edge.errors import InputError


def check_nodes(found: Sequence[NodeProto], wanted: Sequence[NodeProto], where: str = "") -> None:
    """Check that the nodes are the wanted ones, those of bodies included; texts for people may differ.

    Raises:
        InputError: names the first node that differs.
    """
    for number, (mine, other) in enumerate(zip(found, wanted, strict=False)):
        if _core(mine) != _core(other):
            raise InputError(
                f"node {number}{where}, {mine.name!r} ({mine.op_type}), is not what the data of this graph give,"
                f" {other.name!r} ({other.op_type}); export the model again"
            )
        for inner, expected in zip(_bodies(mine), _bodies(other), strict=True):
            check_nodes(inner.node, expected.node, f" in the body of {mine.name!r}")
    if len(found) != len(wanted):
        raise InputError(f"there are {len(found)} nodes{where}; the data of this graph give {len(wanted)}")


def _core(node: NodeProto) -> bytes:
    """What a node computes, but for the nodes of its bodies."""
    core = NodeProto()
    core.CopyFrom(node)
    for body in _bodies(core):
        read = {name for inner in body.node for name in inner.input}
        kept = [tensor for tensor in body.initializer if tensor.name in read]
        for field in ("node", "value_info", "initializer"):
            body.ClearField(field)
        body.initializer.extend(kept)
    _clear_texts(core)
    serialised: bytes = core.SerializeToString(deterministic=True)
    return serialised


def _clear_texts(message: Message) -> None:
    """Clear what is for people, at any depth."""
    for field, value in message.ListFields():
        if field.name in ("doc_string", "metadata_props"):
            message.ClearField(field.name)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            for child in [value] if isinstance(value, Message) else value:
                _clear_texts(child)


def _bodies(node: NodeProto) -> list[GraphProto]:
    return [attribute.g for attribute in node.attribute if attribute.HasField("g")]
