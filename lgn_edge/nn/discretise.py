"""From the trained module to the discrete network that everything else works on."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lgn_edge import network
from lgn_edge.errors import InputError
from lgn_edge.nn.gate_layer import GateLayer
from lgn_edge.nn.unwrap import network_of


def discretise(module: nn.Module) -> network.Network:
    """The discrete network of a model: the same scores as the model in evaluation mode, for all samples.

    light corners are `w > 0`, light-sine corners `sin(w) > 0`, raw gates the first maximum. Gates of more inputs become
    layers of two-input gates. A model that was moved to another type is what its rounded parameters say, in float32.

    Args:
        module: a `LogicGateNetwork`, or what users make of one (see `unwrap.network_of`).

    Raises:
        InputError: it holds no network, a weight or a threshold is not finite, or the wiring is out of range.
    """
    model = network_of(module)
    if not bool(torch.isfinite(model.encoder.limits()).all()):
        kept = str(model.encoder.threshold.dtype).removeprefix("torch.")
        raise InputError(
            f"network: a threshold is not finite in {kept}; train with a smaller threshold_rate, and do not move a"
            " model to a type that cannot hold its thresholds"
        )
    for i, layer in enumerate(model.logic):
        if isinstance(layer, GateLayer) and not bool(torch.isfinite(layer.weight).all()):
            raise InputError(f"network: layer {i} has a weight that is not finite; train with a smaller learning rate")
    parts: list[network.Layer] = []
    reads: list[tuple[int, ...]] = []
    place = [0]  # where what a layer writes, and before all the encoder, is in the discrete network
    for layer, sources in zip(model.logic, model.sources, strict=True):
        for part in layer.discrete_layers():
            reads.append((len(parts),) if len(parts) > place[-1] else tuple(place[source] for source in sources))
            parts.append(part)
        place.append(len(parts))
    return network.Network(
        network.Threshold(
            model.encoder.n_features,
            _array(model.encoder.feature),
            _array(model.encoder.limits()),
            model.encoder.input_dtype,
            None if model.encoder.minus is None else _array(model.encoder.minus),
        ),
        tuple(parts),
        network.GroupSum(model.head.in_features, model.head.classes, float(model.head.tau), float(model.head.beta)),
        name=model.name,
        class_names=model.class_names,
        provenance=model.provenance,
        reads=tuple(reads),
    )


def _array(tensor: Tensor) -> NDArray[Any]:
    return np.array(tensor.detach().cpu().numpy())
