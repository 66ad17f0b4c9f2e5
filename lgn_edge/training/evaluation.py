"""What is measured of a network while it trains."""

from __future__ import annotations

from itertools import islice
from typing import Final

import torch
from torch import Tensor

from lgn_edge.nn import LogicGateNetwork, soft_evaluation
from lgn_edge.nn.gate_layer import GateLayer
from lgn_edge.training.samples import Samples

_UNDECIDED: Final = (0.1, 0.9)  # a gate with a soft corner strictly between is undecided


def accuracies(model: LogicGateNetwork, samples: Samples) -> tuple[float | None, float]:
    """Accuracy of the soft and of the discrete network; leaves the model in evaluation mode.

    Where all gates are discrete in training, too, without noise, nobody has trained a soft network: it has no accuracy.
    """
    model.eval()
    hard = accuracy(model, samples)
    if all(layer.estimator == "hard" for layer in model.gate_layers):
        return None, hard
    with soft_evaluation(model):
        return accuracy(model, samples), hard


def varying(model: LogicGateNetwork, samples: Samples, most: int | None = None) -> dict[int, float]:
    """Shares of the channels of each layer that vary on the samples, by layer (see `varying_channels`)."""
    return {i: float(channels.float().mean()) for i, channels in varying_channels(model, samples, most).items()}


@torch.no_grad()
def varying_channels(model: LogicGateNetwork, samples: Samples, most: int | None = None) -> dict[int, Tensor]:
    """Which channels of each layer are neither always 0 nor always 1 on the samples: bool [channels] by layer.

    A channel of an image layer is a kernel's output at all places; of other layers each signal is one. A convolution
    that goes into its pool at once is left out. Leaves the model in evaluation mode.

    Args:
        model: what is measured.
        samples: on which.
        most: parts of the samples that are looked at; None for all.
    """
    model.eval()
    seen: dict[int, list[Tensor]] = {}
    for part in islice(samples.parts(), most):
        for i, signals in model.activations(samples.bits(part)):
            channels = signals.reshape(len(signals), model.logic[i].out_shape[0], -1)
            some, every = channels.amax((0, 2)) > 0, channels.amin((0, 2)) > 0
            before = seen.get(i, [some, every])
            seen[i] = [before[0] | some, before[1] & every]
    return {i: some & ~every for i, (some, every) in seen.items()}


@torch.no_grad()
def accuracy(model: LogicGateNetwork, samples: Samples) -> float:
    """Share of the samples that a model classifies right in its present mode."""
    right = sum(
        int((model.bit_scores(samples.bits(part)).argmax(1) == samples.y[part]).sum()) for part in samples.parts()
    )
    return right / len(samples)


def gate_shares(model: LogicGateNetwork) -> tuple[float, float]:
    """Shares of a model's gates that are undecided (soft) and constant (discrete); see `Epoch`."""
    low, high = _UNDECIDED
    undecided = constant = 0
    with torch.no_grad():
        for layer in model.gate_layers:
            corners, hard = layer.soft_corners(), layer.hard_corners()
            undecided += int(((corners > low) & (corners < high)).any(1).sum())
            constant += int((hard == hard[:, :1]).all(1).sum())
    return undecided / model.n_distinct, constant / model.n_distinct


def gradient_norms(model: LogicGateNetwork) -> tuple[float, ...]:
    """Norms of the gradients that the gates of each layer have now; 0 without one."""

    def norm(layer: GateLayer) -> float:
        return 0.0 if layer.weight.grad is None else float(layer.weight.grad.norm())

    return tuple(norm(layer) for layer in model.gate_layers)


def where_not_finite(model: LogicGateNetwork) -> str:
    """The first part with a number that is not finite, as part of a message."""
    if not bool(torch.isfinite(model.encoder.limits()).all()):
        return " (a threshold is not finite)"
    for i, layer in enumerate(model.logic):
        for name, parameter in layer.named_parameters():
            if not bool(torch.isfinite(parameter).all()):
                return f" (layer {i} has a {name} that is not finite)"
    for i, layer in enumerate(model.logic):
        for name, parameter in layer.named_parameters():
            if parameter.grad is not None and not bool(torch.isfinite(parameter.grad).all()):
                return f" (layer {i} has a gradient of {name} that is not finite)"
    return ""
