"""From a recipe to what it trains: the network, untrained, and its optimiser."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lgn_edge.errors import InputError
from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, LookupDense, Threshold
from lgn_edge.nn.gate_layer import GateLayer
from lgn_edge.nn.layers import FIXED, LEARNED
from lgn_edge.training.datasets import Dataset
from lgn_edge.training.recipe import Recipe


def build_model(recipe: Recipe, dataset: Dataset, kept: NDArray[np.intp] | None = None) -> LogicGateNetwork:
    """The untrained network of a recipe, its encoder fitted to the training samples (those of `kept`, if given).

    Raises:
        InputError: the classes do not divide the last width, or the wiring cannot serve the widths.
    """
    classes = len(dataset.class_names)
    if recipe.widths[-1] % classes:
        raise InputError(
            f"recipe: the last width is {recipe.widths[-1]}, which {dataset.name}'s {classes} classes do not divide;"
            f" choose a multiple such as {-(-recipe.widths[-1] // classes) * classes}"
        )
    samples = dataset.train_x if kept is None else dataset.train_x[kept]
    multiple = recipe.lanes if recipe.wiring in ("aligned", "learned-aligned") else 1
    encoder = Threshold.thermometer(samples, recipe.levels, spacing=recipe.spacing, multiple=multiple)
    if recipe.threshold_rate:
        ranges = np.ptp(samples.astype(np.float32), axis=0)[encoder.feature.numpy()]
        encoder.learn(torch.from_numpy(ranges), recipe.threshold_width)
    inputs = (encoder.out_features, *recipe.widths[:-1])
    layers = [_layer(recipe, i, *sizes) for i, sizes in enumerate(zip(inputs, recipe.widths, strict=True))]
    head = GroupSum(recipe.widths[-1], classes, recipe.tau, recipe.beta)
    model = LogicGateNetwork(encoder, layers, head, name=recipe.name, class_names=dataset.class_names)
    model.precision = getattr(torch, recipe.precision)
    return model


def _layer(recipe: Recipe, i: int, inputs: int, gates: int) -> GateLayer:
    wiring, init = _wiring_and_init(recipe, i)
    shared: dict[str, Any] = {
        "parametrization": recipe.parametrization,
        "estimator": recipe.estimator,
        "temperature": recipe.temperature,
        "init": init,
        "init_shift": recipe.init_shift,
        "seed": derive_seed(recipe.seed, -1 - i),
    }
    if recipe.arity > 2:
        return LookupDense(inputs, gates, arity=recipe.arity, **shared)
    return LogicDense(inputs, gates, wiring=wiring, lanes=recipe.lanes, candidates=recipe.candidates, **shared)


def _wiring_and_init(recipe: Recipe, layer: int) -> tuple[str, str]:
    if recipe.wiring not in LEARNED:
        return recipe.wiring, recipe.init
    if layer < (recipe.learned_layers or len(recipe.widths)):
        return recipe.wiring, recipe.learned_init or recipe.init
    return FIXED[recipe.wiring], recipe.init


def derive_seed(seed: int, use: int) -> int:
    """A seed of its own for each use of a run's seed: epochs are 1, 2, ..., layers -1, -2, ..."""
    return int(np.random.SeedSequence([seed, use % 2**32]).generate_state(1)[0])


def make_optimizer(recipe: Recipe, model: LogicGateNetwork) -> torch.optim.Optimizer:
    """The optimiser of a model's parameters; each group remembers its `first_rate`."""
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    weights = [layer.weight for layer in model.logic]
    choices = [layer.choice.logits for layer in model.logic if layer.choice]
    groups = [{"params": weights, "first_rate": recipe.learning_rate, "weight_decay": recipe.weight_decay}]
    if choices:
        groups.append({"params": choices, "first_rate": recipe.choice_rate, "weight_decay": 0.0})
    if model.encoder.offset is not None:
        groups.append({"params": [model.encoder.offset], "first_rate": recipe.threshold_rate, "weight_decay": 0.0})
    return kind(groups, fused=True)
