"""What layers are, for people: their sizes, what of the image their outputs see, whether their channels vary."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lgn_edge.network.convolution import ImageLayer, LogicConv2d, Pair
from lgn_edge.network.network import Network

VARYING: Final = "varying"  # in the provenance: JSON, shares of the channels that vary, by layer (`shares_text`)


@dataclass(frozen=True)
class LayerFacts:
    """What a layer is; what only layers over images have is None elsewhere.

    Attributes:
        kind: its class.
        reads: as in `Network.reads`.
        inputs, outputs: signals.
        gates: at all places.
        shape: channels, height and width of the output.
        kernels: of a convolution.
        field: rows and columns of the encoder's image that an output sees, zeros around it included; None also where
            the layer reads others than images, or images of different steps.
        varying: share of the channels, or signals of a dense layer, that were neither always 0 nor always 1 on the
            validation samples of training; None where nobody wrote it down, as of a convolution below a pool.
    """

    kind: str
    reads: tuple[int, ...]
    inputs: int
    outputs: int
    gates: int
    shape: tuple[int, int, int] | None = None
    kernels: int | None = None
    field: Pair | None = None
    varying: float | None = None


def layer_facts(network: Network) -> tuple[LayerFacts, ...]:
    """What each layer is."""
    fields, varying = receptive_fields(network), _shares(network.provenance)
    return tuple(
        LayerFacts(
            kind=type(layer).__name__,
            reads=reads,
            inputs=layer.n_inputs,
            outputs=layer.n_outputs,
            gates=layer.n_applied,
            shape=layer.out_shape if isinstance(layer, ImageLayer) else None,
            kernels=layer.kernels if isinstance(layer, LogicConv2d) else None,
            field=fields.get(i),
            varying=varying.get(i),
        )
        for i, (layer, reads) in enumerate(zip(network.layers, network.sources, strict=True))
    )


def layer_columns(number: int, layer: LayerFacts) -> dict[str, str]:
    """A row of a table of layers, by the names of its columns."""
    return {
        "layer": str(number),
        "kind": layer.kind,
        "reads": ", ".join(map(str, layer.reads)),
        "inputs": f"{layer.inputs:,}",
        "outputs": f"{layer.outputs:,}",
        "shape": _times(layer.shape),
        "kernels": "-" if layer.kernels is None else f"{layer.kernels:,}",
        "field": _times(layer.field),
        "varying": "-" if layer.varying is None else f"{layer.varying:.1%}",
        "gates": f"{layer.gates:,}",
    }


def _times(sizes: tuple[int, ...] | None) -> str:
    return "-" if sizes is None else " x ".join(map(str, sizes))


def shares_text(shares: Mapping[int, float]) -> str:
    """Shares by layer as `VARYING` has them."""
    return json.dumps({str(layer): round(share, 4) for layer, share in shares.items()})


def receptive_fields(network: Network) -> dict[int, Pair]:
    """Rows and columns of the encoder's image that an output of a layer sees, by layer; without those that have none.

    Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019, for each side:
    what an output at place p sees is from `start + step * p` to `stop + step * p`.
    """
    seen: dict[int, tuple[_Span, _Span]] = {0: (_Span(0, 1, 1), _Span(0, 1, 1))}
    for i, (layer, reads) in enumerate(zip(network.layers, network.sources, strict=True)):
        if not isinstance(layer, ImageLayer) or not all(source in seen for source in reads):
            continue
        window = layer.window
        sides = [
            _through([seen[source][side] for source in reads], *numbers)
            for side, numbers in enumerate(zip(window.size, window.stride, window.padding, strict=True))
        ]
        if sides[0] is not None and sides[1] is not None:
            seen[i + 1] = sides[0], sides[1]
    return {source - 1: (y.stop - y.start, x.stop - x.start) for source, (y, x) in seen.items() if source}


@dataclass(frozen=True)
class _Span:
    """What places see of a side: the first of them from `start` to before `stop`, each next one `step` further."""

    start: int
    stop: int
    step: int


def _through(images: list[_Span], size: int, stride: int, padding: int) -> _Span | None:
    """What a window over images sees; None where their steps differ."""
    step = images[0].step
    if any(image.step != step for image in images):
        return None
    start = min(image.start for image in images) - step * padding
    stop = max(image.stop for image in images) + step * (size - 1 - padding)
    return _Span(start, stop, step * stride)


def _shares(provenance: Mapping[str, str]) -> dict[int, float]:
    """What `shares_text` wrote; provenance is free text, and another text under that name tells nothing."""
    try:
        found = json.loads(provenance.get(VARYING, "{}"))
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        int(i): share for i, share in found.items() if i.isdecimal() and isinstance(share, float) and 0 <= share <= 1
    }
