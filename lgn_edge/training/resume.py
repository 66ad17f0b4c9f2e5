"""The state of a run on disk: `state/epoch-NNNNN/` in its output folder, which it goes on from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from lgn_edge.errors import InputError
from lgn_edge.nn import LogicGateNetwork
from lgn_edge.training.checkpoint import load_checkpoint, load_optimizer, read_document, save_checkpoint
from lgn_edge.training.recipe import Recipe, recipe_from
from lgn_edge.training.telemetry import TABLE, Epoch, read_table


def write_state(
    output: Path, recipe: Recipe, model: LogicGateNetwork, optimizer: torch.optim.Optimizer, epochs: int
) -> None:
    """Write the state after so many epochs, which the table has already, then remove what else is there.

    That is the state before it, and what a run left that was killed while it wrote one.
    """
    folder = output / "state" / f"epoch-{epochs:05}"
    save_checkpoint(model, folder, recipe=recipe, optimizer=_optimizer_tensors(optimizer))
    for old in set(folder.parent.iterdir()) - {folder}:
        shutil.rmtree(old, ignore_errors=True)


def take_up(
    output: Path, recipe: Recipe, model: LogicGateNetwork, optimizer: torch.optim.Optimizer, resume: bool
) -> list[Epoch]:
    """Load the last state in an output folder into model and optimiser, if there is one; returns its epochs.

    Raises:
        InputError: there is one and `resume` is false, it or the table is damaged, or it was trained by another recipe.
    """
    states = sorted((output / "state").glob("epoch-*"), key=_epochs)
    if not states:
        return []
    if not resume:
        raise InputError(f"{output} holds a training run already; resume it, or choose another output")
    _require_recipe(states[-1], recipe, output)
    history = read_table(output / TABLE, _epochs(states[-1]))
    model.load_state_dict(load_checkpoint(states[-1]).state_dict())
    _load_optimizer(optimizer, load_optimizer(states[-1]))
    return history


def _epochs(state: Path) -> int:
    number = state.name.removeprefix("epoch-")
    return int(number) if number.isdecimal() else 0


def _require_recipe(state: Path, recipe: Recipe, output: str | os.PathLike[str]) -> None:
    # A setting that the recipe of the state does not have came later, and its default does nothing.
    before, now = recipe_from(read_document(state)["recipe"], str(state)).settings(), recipe.settings()
    for name in [*now, *before]:
        if before.get(name) != now.get(name):
            raise InputError(
                f"{output} was trained with {name} = {before.get(name)!r}, but the recipe says {now.get(name)!r};"
                " resume with the same recipe, or choose another output"
            )


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state, `<parameter>.<name>`."""
    state = optimizer.state_dict()["state"]
    return {f"{parameter}.{name}": value for parameter, values in state.items() for name, value in values.items()}


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        parameter, name = key.split(".")
        state.setdefault(int(parameter), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
