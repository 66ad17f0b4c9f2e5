"""What a model says about itself: `metadata_props`, strings by key."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from lgn_edge.errors import InputError, UnsupportedError
from lgn_edge.network import Bits, GroupSum, Head, Network, Threshold
from lgn_edge.onnx_model.form import BOOL, PACKED, Form

FORMAT_VERSION: Final = "1"
FORMAT: Final = "ai.lgn.format_version"
NAME: Final = "ai.lgn.name"
CLASS_NAMES: Final = "ai.lgn.class_names"
FEATURE_NAMES: Final = "ai.lgn.feature_names"
PROVENANCE: Final = "ai.lgn.provenance"
ENCODER: Final = "ai.lgn.encoder"
HEAD: Final = "ai.lgn.head"
_MINUS: Final = "minus"  # in the description of an encoder that compares differences


@dataclass(frozen=True)
class Metadata:
    """The part of a network that is not computed; every default is legal."""

    name: str = "network"
    class_names: tuple[str, ...] = ()
    provenance: dict[str, str] = field(default_factory=dict)
    encoder: Threshold | None = None
    feature_names: tuple[str, ...] = ()


def properties(network: Network, form: Form) -> dict[str, str]:
    """The metadata of a network, in the order it is written; the encoder only when the graph is without it.

    Raises:
        InputError: a name or a piece of provenance is not text.
    """
    names = (*network.class_names, *network.feature_names)
    texts = [network.name, *names, *network.provenance, *network.provenance.values()]
    for text in texts:
        if not isinstance(text, str):
            raise InputError(f"network: {text!r} in its names or provenance is not text; convert it with str()")
    try:
        network.name.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"network: the name {network.name!r} is not Unicode text; choose another name") from error
    about = {
        FORMAT: FORMAT_VERSION,
        NAME: network.name,
        CLASS_NAMES: json.dumps(network.class_names),
        PROVENANCE: json.dumps(dict(network.provenance), sort_keys=True),
    }
    if network.feature_names:
        about[FEATURE_NAMES] = json.dumps(network.feature_names)
    return about | ({ENCODER: _encoder_text(network.encoder)} if form.input in (BOOL, PACKED) else {})


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
    class_names, feature_names = (_names(found, key) for key in (CLASS_NAMES, FEATURE_NAMES))
    provenance = parsed(found, PROVENANCE, "{}")
    if not isinstance(provenance, dict) or not all(isinstance(value, str) for value in provenance.values()):
        raise InputError(f"the metadata {PROVENANCE} must be a JSON object of strings")
    name = found.get(NAME, model.graph.name or Metadata.name)
    return Metadata(name, class_names, provenance, encoder(found), feature_names)


def _names(found: Mapping[str, str], key: str) -> tuple[str, ...]:
    names = parsed(found, key, "[]")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"the metadata {key} must be a JSON list of strings")
    return tuple(names)


def head_text(head: Head) -> str:
    """The value of `HEAD`: what a reader needs besides a graph of standard ops to know the head."""
    if head.scale is None:
        return json.dumps({"bits": head.n_outputs})
    tau, beta = head.scale
    return json.dumps({"classes": head.n_outputs, "tau": tau, "beta": beta})


def head(found: Mapping[str, str], n_inputs: int) -> Head:
    """The head of `head_text` that reads that many signals.

    Raises:
        InputError: the description is missing or malformed, or does not fit the signals.
    """
    if isinstance(value := parsed(found, HEAD, "null"), dict) and sorted(value) == ["bits"]:
        if value["bits"] != n_inputs:
            raise InputError(f"the metadata {HEAD} names {value['bits']!r} bits; the graph has {n_inputs}")
        return Bits(n_inputs)
    value = _object(found, HEAD, ("classes", "tau", "beta"))
    if type(value["classes"]) is not int or not all(type(value[name]) in (int, float) for name in ("tau", "beta")):
        raise InputError(f"the metadata {HEAD} must hold a whole number of classes and the numbers tau and beta")
    return GroupSum(n_inputs, value["classes"], value["tau"], value["beta"])


def _object(found: Mapping[str, str], key: str, names: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Any]:
    """The JSON object of a key, which must have exactly these names, and may have others.

    Raises:
        InputError: it is no such object.
    """
    value = parsed(found, key, "null")
    if not isinstance(value, dict) or sorted(value.keys() - optional) != sorted(names):
        raise InputError(f"the metadata {key} must be a JSON object of {', '.join(names)}; write the model again")
    return value


def _encoder_text(encoder: Threshold) -> str:
    value = {
        "features": encoder.n_features,
        "input_dtype": encoder.input_dtype,
        "feature": encoder.feature.tolist(),
        "threshold": encoder.threshold.tolist(),  # a float32 is the same number in 64 bits
    }
    return json.dumps(value if encoder.minus is None else value | {_MINUS: encoder.minus.tolist()})


def encoder(found: Mapping[str, str]) -> Threshold | None:
    """The encoder that the metadata describe; None where the graph has it.

    Raises:
        InputError: the description is malformed.
    """
    if ENCODER not in found:
        return None
    value = _object(found, ENCODER, ("features", "input_dtype", "feature", "threshold"), optional=(_MINUS,))
    try:
        if type(value["features"]) is not int or not isinstance(value["input_dtype"], str):
            raise InputError("features must be a whole number and input_dtype a string")
        arrays = {name: _array(value[name]) for name in ("feature", "threshold", _MINUS) if name in value}
        return Threshold(value["features"], **arrays, input_dtype=value["input_dtype"])
    except InputError as error:
        raise InputError(f"the metadata {ENCODER} is not an encoder: {error}") from error


def _array(values: object) -> NDArray[Any]:
    numeric = isinstance(values, list) and all(type(value) in (int, float) for value in values)
    if not numeric:
        raise InputError("feature, threshold and minus must be lists of numbers")
    try:
        return np.array(values)
    except OverflowError as error:
        raise InputError("a number is out of range") from error


def parsed(found: Mapping[str, str], key: str, default: str) -> object:
    """The JSON value of a key, or of the default where there is no such key.

    Raises:
        InputError: it is not JSON.
    """
    try:
        value: object = json.loads(found.get(key, default))
    except (ValueError, RecursionError) as error:
        raise InputError(f"the metadata {key} is not JSON; write it again or remove it") from error
    return value
