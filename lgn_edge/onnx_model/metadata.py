"""What a model says about itself: `metadata_props`, strings by key."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

from onnx import ModelProto

from lgn_edge.errors import InputError, UnsupportedError
from lgn_edge.network import Network

FORMAT_VERSION: Final = "1"
FORMAT: Final = "ai.lgn.format_version"
NAME: Final = "ai.lgn.name"
CLASS_NAMES: Final = "ai.lgn.class_names"
PROVENANCE: Final = "ai.lgn.provenance"


@dataclass(frozen=True)
class Metadata:
    """The part of a network that is not computed; every default is legal."""

    name: str = "network"
    class_names: tuple[str, ...] = ()
    provenance: dict[str, str] = field(default_factory=dict)


def properties(network: Network) -> dict[str, str]:
    """The metadata of a network, in the order it is written.

    Raises:
        InputError: a name or a piece of provenance is not text.
    """
    texts = [network.name, *network.class_names, *network.provenance, *network.provenance.values()]
    for text in texts:
        if not isinstance(text, str):
            raise InputError(f"network: {text!r} in its names or provenance is not text; convert it with str()")
    try:
        network.name.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"network: the name {network.name!r} is not Unicode text; choose another name") from error
    return {
        FORMAT: FORMAT_VERSION,
        NAME: network.name,
        CLASS_NAMES: json.dumps(network.class_names),
        PROVENANCE: json.dumps(dict(network.provenance), sort_keys=True),
    }


def parse(model: ModelProto) -> Metadata:
    """The metadata of a model; what is missing gets its default.

    Raises:
        InputError: a key occurs twice, or its value is malformed.
        UnsupportedError: another format version.
    """
    found = {entry.key: entry.value for entry in model.metadata_props}
    if len(found) != len(model.metadata_props):
        raise InputError("the metadata of the model has a key twice; write each once")
    if (version := found.get(FORMAT, FORMAT_VERSION)) != FORMAT_VERSION:
        raise UnsupportedError(
            f"the model has format version {version!r}; this lgn-edge reads {FORMAT_VERSION}: use a newer one"
        )
    names = _json(found, CLASS_NAMES, "[]")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"the metadata {CLASS_NAMES} must be a JSON list of strings")
    provenance = _json(found, PROVENANCE, "{}")
    if not isinstance(provenance, dict) or not all(isinstance(value, str) for value in provenance.values()):
        raise InputError(f"the metadata {PROVENANCE} must be a JSON object of strings")
    return Metadata(found.get(NAME, model.graph.name or Metadata.name), tuple(names), provenance)


def _json(found: dict[str, str], key: str, default: str) -> object:
    try:
        value: object = json.loads(found.get(key, default))
    except (ValueError, RecursionError) as error:
        raise InputError(f"the metadata {key} is not JSON; write it again or remove it") from error
    return value
