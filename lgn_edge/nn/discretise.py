"""From the trained module to the discrete network that everything else works on."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lgn_edge import network
from lgn_edge.errors import InputError
from lgn_edge.nn.model import LogicGateNetwork


def discretise(model: LogicGateNetwork) -> network.Network:
    """The discrete network of a model: the same scores as the model in evaluation mode, for all samples.

    light corners are `w > 0`, light-sine corners `sin(w) > 0`, raw gates the first maximum. Gates of more inputs become
    layers of two-input gates.

    Raises:
        InputError: a weight or a threshold is not finite, or the wiring is out of range.
    """
    if not bool(torch.isfinite(model.encoder.limits()).all()):
        raise InputError("network: a learned threshold is not finite; train with a smaller threshold_rate")
    for i, layer in enumerate(model.logic):
        if not bool(torch.isfinite(layer.weight).all()):
            raise InputError(f"network: layer {i} has a weight that is not finite; train with a smaller learning rate")
    return network.Network(
        network.Threshold(
            model.encoder.n_features,
            _array(model.encoder.feature),
            _array(model.encoder.limits()),
            model.encoder.input_dtype,
        ),
        tuple(part for layer in model.logic for part in layer.discrete_layers()),
        network.GroupSum(model.head.in_features, model.head.classes, float(model.head.tau), float(model.head.beta)),
        name=model.name,
        class_names=model.class_names,
        provenance=model.provenance,
    )


def _array(tensor: Tensor) -> NDArray[Any]:
    return np.array(tensor.detach().cpu().numpy())
