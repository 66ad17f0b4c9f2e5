"""Text of a foreign protobuf message, and how messages of ours call a node of it."""

from __future__ import annotations

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from onnx import NodeProto

from lgn_edge.errors import InputError


def called(node: NodeProto) -> str:
    """A node as a reader finds it: by its name and op, or by what it writes where it has no name."""
    name: str = repr(node.name) if node.name else f"that writes {node.output[0]!r}" if node.output else "''"
    return f"node {name} ({node.op_type})"


def check_text(message: Message) -> None:
    """Check that every string of a message, at any depth, is UTF-8; protobuf hands out bytes where one is not.

    Raises:
        InputError: names the field.
    """
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_STRING:
            for text in [value] if isinstance(value, (str, bytes)) else value:
                if not isinstance(text, str):
                    raise InputError(f"the field {field.full_name} is not UTF-8 text; copy or write the model again")
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            for child in [value] if isinstance(value, Message) else value:
                check_text(child)
