"""What the data of a file do not say of its layers: the kind, what each reads, and the windows of those over images."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lgn_edge.errors import InputError
from lgn_edge.network import LogicConv2d, LogicDense, Network, OrPool2d
from lgn_edge.onnx_model import metadata

KEY: Final = "ai.lgn.layers"
KINDS: Final[Mapping[str, type]] = {kind.__name__: kind for kind in (LogicDense, LogicConv2d, OrPool2d)}
_NUMBERS: Final = ("channels", "height", "width")
_LISTS: Final = ("size", "stride", "padding")


@dataclass(frozen=True)
class Description:
    """A layer without its data.

    Attributes:
        kind: its class.
        reads: as `Network.reads` has it.
        geometry: the fields of a layer over images that tell its window; none of another layer.
    """

    kind: type
    reads: tuple[int, ...]
    geometry: Mapping[str, Any]


def is_chain(network: Network) -> bool:
    """Whether there is nothing to tell: dense layers, each reading the one before."""
    return not network.reads and all(isinstance(layer, LogicDense) for layer in network.layers)


def text(network: Network) -> str:
    """The value of `KEY`."""
    return json.dumps(
        [
            {"kind": type(layer).__name__, "reads": reads}
            | {name: getattr(layer, name) for name in (*_NUMBERS, *_LISTS) if not isinstance(layer, LogicDense)}
            for layer, reads in zip(network.layers, network.sources, strict=True)
        ]
    )


def described(properties: Mapping[str, str]) -> list[Description]:
    """The layers of a text.

    Raises:
        InputError: it is missing or malformed, or a layer reads one that is not before it.
    """
    found = metadata.parsed(properties, KEY, "null")
    if not isinstance(found, list) or not found:
        raise InputError(f"the metadata {KEY} must be a JSON list of objects, one a layer; write the model again")
    return [_description(number, entry) for number, entry in enumerate(found)]


def _description(number: int, entry: object) -> Description:
    kind = KINDS.get(str(entry.get("kind"))) if isinstance(entry, dict) else None
    numbers, lists = ((), ()) if kind is LogicDense else (_NUMBERS, _LISTS)
    if (
        kind is None
        or not isinstance(entry, dict)
        or sorted(entry) != sorted(("kind", "reads", *numbers, *lists))
        or not all(type(entry[name]) is int for name in numbers)
        or not all(_is_whole(entry[name]) for name in ("reads", *lists))
    ):
        raise InputError(
            f"the metadata {KEY} must tell of layer {number} its kind ({', '.join(KINDS)}), the list reads and, over"
            f" images, the numbers {', '.join(_NUMBERS)} and the lists {', '.join(_LISTS)}; write the model again"
        )
    reads = tuple(entry["reads"])
    if not reads or not all(0 <= source <= number for source in reads):
        raise InputError(f"the metadata {KEY}: layer {number} reads {list(reads)}; it may read 0..{number}")
    return Description(kind, reads, {name: entry[name] for name in (*numbers, *lists)})


def _is_whole(values: object) -> bool:
    return isinstance(values, list) and all(type(value) is int for value in values)
