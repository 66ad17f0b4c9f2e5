"""An ONNX model as a network. The model is data: nothing is executed, and everything is checked."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError
from onnx import GraphProto, ModelProto

from lgn_edge.checks import any_path
from lgn_edge.errors import InputError, LgnError
from lgn_edge.network import Circuit, Network
from lgn_edge.onnx_model import bitwise, external, fused, metadata, nodes, qonnx, standard
from lgn_edge.onnx_model.domain import DOMAIN, STANDARD_DOMAINS
from lgn_edge.onnx_model.metadata import Metadata
from lgn_edge.onnx_model.tensors import Initializers
from lgn_edge.onnx_model.text import check_text
from lgn_edge.passes.layered import as_network
from lgn_edge.paths import Wanted, require

_RECOGNISED: Final = (
    (standard.recognises, standard.network),
    (fused.recognises, fused.network),
    (qonnx.recognises, qonnx.network),
)


def read(path: str | os.PathLike[str]) -> Network:
    """Read a network from an ONNX file; its external data, if any, must lie beside it.

    A foreign file of bitwise or logical ops (see `bitwise.circuit`) is read as a network that hands out bits.

    Raises:
        InputError: the file is missing, truncated, not ONNX, or not a legal network.
        UnsupportedError: a newer domain or format version.
    """
    source = any_path(path, "model", "the name of an ONNX file; export a network of torch first")
    model = _load(source)
    try:
        return _from_model(model, source.parent)
    except LgnError as error:
        raise type(error)(f"{source}: {error}") from error


def is_foreign(path: str | os.PathLike[str]) -> bool:
    """Whether an ONNX file was not written as one of our forms, so that its inputs and outputs are its own.

    Raises:
        InputError: the file is missing, truncated or not ONNX.
    """
    return not _is_ours(_load(any_path(path, "model", "the name of an ONNX file")))


def from_model(model: ModelProto) -> Network:
    """The network of an ONNX model that is in memory with all its constants.

    Raises:
        InputError: the model is not a legal network; the message names the node.
        UnsupportedError: a newer domain or format version.
    """
    return _from_model(model, None)


def read_circuit(path: str | os.PathLike[str]) -> Circuit:
    """Read a circuit from a foreign ONNX file of bitwise or logical ops (see `bitwise.circuit`).

    Raises:
        InputError: the file is missing, truncated, not ONNX, or not a circuit; the message names the node.
    """
    source = any_path(path, "circuit", "the name of an ONNX file")
    model = _load(source)
    try:
        check_text(model)
        return bitwise.circuit(model)
    except LgnError as error:
        raise type(error)(f"{source}: {error}") from error


def _load(path: Path) -> ModelProto:
    if not require(path, Wanted.MODEL).is_file():
        raise InputError(f"{path} is not a file; give the name of an ONNX file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise InputError(f"{path} is not an ONNX file, or a part of it is missing; copy or write it again") from error
    return model


def _from_model(model: ModelProto, folder: Path | None) -> Network:
    check_text(model)
    _check_header(model)
    _check_names(model.graph)
    external.check(model.graph.initializer, folder)
    initializers = Initializers({tensor.name: tensor for tensor in model.graph.initializer}, folder)
    about = metadata.parse(model)
    if not _is_ours(model):
        return _foreign(model, about)
    read = next((network for recognises, network in _RECOGNISED if recognises(model)), nodes.network)
    return replace(read(model, initializers, about), feature_names=about.feature_names)


def _is_ours(model: ModelProto) -> bool:
    domains = {entry.domain for entry in model.opset_import}
    return DOMAIN in domains or any(recognises(model) for recognises, _ in _RECOGNISED)


def _foreign(model: ModelProto, about: Metadata) -> Network:
    """The network of a file that does not name our domain, if its graph is a circuit."""
    try:
        circuit, inputs, outputs = bitwise.named_circuit(model)
        return replace(as_network(circuit, about.name), feature_names=inputs, class_names=outputs)
    except InputError as error:
        raise InputError(
            f"the model does not import the domain {DOMAIN} of logic gate networks, and is no circuit: {error}"
        ) from error


def _check_header(model: ModelProto) -> None:
    """Check what surrounds the graph."""
    imports = [entry.domain for entry in model.opset_import]
    if not model.HasField("graph") or not imports:
        raise InputError("this is not an ONNX model, or a part of it is missing; copy or write it again")
    if sum(domain in STANDARD_DOMAINS for domain in imports) != 1:
        raise InputError("the model must import the standard ONNX domain once; write the model again")
    if model.graph.sparse_initializer:
        raise InputError("the model has sparse initializers; store wiring and tables dense")


def _check_names(graph: GraphProto) -> None:
    """Check that every value has one name and one origin."""
    names = Counter(value.name for value in graph.input)
    names.update(tensor.name for tensor in graph.initializer)
    names.update(name for node in graph.node for name in node.output)
    name, times = max(names.items(), key=lambda item: item[1], default=("", 0))
    if times > 1:
        raise InputError(f"{times} values of the model are named {name!r}; names must differ")
    if "" in names:
        raise InputError("a value of the model has no name; name every input, initializer and node output")
