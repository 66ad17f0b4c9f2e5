"""From a recipe to what it trains: the network, untrained, and its optimiser."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lgn_edge.errors import InputError
from lgn_edge.nn import LogicGateNetwork, Threshold
from lgn_edge.nn.choice import Choice, LearnedWiring
from lgn_edge.nn.convolution import ConvRecipe
from lgn_edge.nn.gate_layer import GateLayer, GateRecipe
from lgn_edge.nn.layers import DenseRecipe
from lgn_edge.nn.logic_layer import LogicLayer, joined_shape
from lgn_edge.training.datasets import Dataset
from lgn_edge.training.recipe import Recipe


def build_model(
    recipe: Recipe, dataset: Dataset, kept: NDArray[np.intp] | None = None, encoder: Threshold | None = None
) -> LogicGateNetwork:
    """The untrained network of a recipe.

    Args:
        recipe: how it is made.
        dataset: gives the classes, and the training samples that the encoder is fitted to.
        kept: which of these samples; all when None.
        encoder: taken as it is instead of a fitted one.

    Raises:
        InputError: the classes do not divide the last width, or a wiring cannot serve the widths.
    """
    if encoder is None:
        samples = dataset.train_x if kept is None else dataset.train_x[kept]
        encoder = recipe.encoder.fit(samples, recipe.layers[0].word, dataset.image)
    layers: list[LogicLayer] = []
    shapes = [recipe.encoder.shape(encoder, dataset.image)]
    for i, (layer, sources) in enumerate(zip(recipe.layers, recipe.sources, strict=True)):
        try:
            given = joined_shape([shapes[source] for source in sources])
            layers.append(layer.make(given, derive_seed(recipe.training.seed, -1 - i)))
        except InputError as error:
            raise InputError(f"recipe: layers.{i}: {error}") from error
        shapes.append(layers[-1].out_shape)
    classes, last = len(dataset.class_names), layers[-1].out_features
    if last % classes:
        raise InputError(
            f"recipe: the last width is {last}, which {dataset.name}'s {classes} classes do not divide;"
            f" choose a multiple such as {-(-last // classes) * classes}"
        )
    head, names = recipe.head.make(last, classes), dataset.class_names
    model = LogicGateNetwork(encoder, layers, head, name=recipe.name, class_names=names, reads=recipe.sources)
    model.precision = getattr(torch, recipe.training.precision)
    return model


def derive_seed(seed: int, use: int) -> int:
    """A seed of its own for each use of a run's seed: epochs are 1, 2, ..., layers -1, -2, ..."""
    return int(np.random.SeedSequence([seed, use % 2**32]).generate_state(1)[0])


def make_optimizer(recipe: Recipe, model: LogicGateNetwork) -> torch.optim.Optimizer:
    """The optimiser of a model's parameters; each group remembers its `first_rate`, and `until` when it learns."""
    training = recipe.training
    kind = torch.optim.AdamW if training.optimizer == "adamw" else torch.optim.Adam
    decay = training.weight_decay
    weights: dict[tuple[float, float], list[Tensor]] = {}
    for layer, how in zip(model.logic, recipe.layers, strict=True):
        if isinstance(layer, GateLayer) and isinstance(how, GateRecipe):
            weights.setdefault((how.rate, how.learns_until), []).append(layer.weight)
    groups: list[dict[str, Any]] = [
        {"params": params, "first_rate": rate * training.learning_rate, "weight_decay": decay, "until": until}
        for (rate, until), params in weights.items()
    ]
    for choice, wiring in choices(recipe, model):
        groups.append({"params": [choice.logits], "first_rate": wiring.rate, "weight_decay": 0.0, "until": 1.0})
    if model.encoder.offset is not None:
        rate = recipe.encoder.threshold_rate
        groups.append({"params": [model.encoder.offset], "first_rate": rate, "weight_decay": 0.0, "until": 1.0})
    return kind(groups, fused=True, capturable=training.device == "cuda")


def forget(optimizer: torch.optim.Optimizer, parameter: Tensor, rows: Tensor) -> None:
    """Let an optimiser take rows of a parameter as new ones, bool [rows]: its next steps there are of ordinary length.

    Rows that had no gradient for long have a second moment near 0, by which the first steps would be divided.
    """
    state = optimizer.state[parameter]
    state["exp_avg"][rows] = 0
    state["exp_avg_sq"][rows] = state["exp_avg_sq"].mean()


def choices(recipe: Recipe, model: LogicGateNetwork) -> list[tuple[Choice, LearnedWiring]]:
    """The choices of a recipe's model, each with what the recipe says about it."""
    return [
        (layer.choice, how.wiring)
        for layer, how in zip(model.logic, recipe.layers, strict=True)
        if isinstance(layer, GateLayer) and isinstance(how, DenseRecipe | ConvRecipe)
        if layer.choice and isinstance(how.wiring, LearnedWiring)
    ]
