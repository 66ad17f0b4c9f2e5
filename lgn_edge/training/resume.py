"""The state of a run on disk: `state/epoch-NNNNN/` in its output folder, which it goes on from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from lgn_edge.errors import InputError
from lgn_edge.files import check_folder
from lgn_edge.nn import LogicGateNetwork
from lgn_edge.training.checkpoint import (
    KIND,
    load_checkpoint,
    load_optimizer,
    lost_file,
    read_document,
    save_checkpoint,
)
from lgn_edge.training.recipe import Recipe, recipe_from
from lgn_edge.training.telemetry import TABLE, Epoch, is_table, read_table


def write_state(
    output: Path, recipe: Recipe, model: LogicGateNetwork, optimizer: torch.optim.Optimizer, epochs: int
) -> None:
    """Write the state after so many epochs, which the table has already, then remove what else is there.

    That is the states before it, as they were written.
    """
    folder = output / "state" / f"epoch-{epochs:05}"
    save_checkpoint(model, folder, recipe=recipe, optimizer=_optimizer_tensors(optimizer))
    for old in set(_states(output)) - {folder}:
        if lost_file(old) is None:
            shutil.rmtree(old, ignore_errors=True)


def take_up(
    output: Path, recipe: Recipe, model: LogicGateNetwork, optimizer: torch.optim.Optimizer, resume: bool
) -> list[Epoch]:
    """Load the last state in an output folder into model and optimiser, if there is one; returns its epochs.

    Raises:
        InputError: there is one and `resume` is false, it or the table is damaged, it was trained by another recipe, or
            files that are not the run's would be lost.
    """
    check_output(output, resume)
    states = _states(output)
    if not states:
        return []
    _require_recipe(states[-1], recipe, output)
    history = read_table(output / TABLE, _epochs(states[-1]))
    model.load_state_dict(load_checkpoint(states[-1]).state_dict())
    _load_optimizer(optimizer, load_optimizer(states[-1]))
    return history


def check_output(output: Path, resume: bool) -> None:
    """Make sure that a run in a folder loses nothing that is there; files of other names may lie in it.

    Raises:
        InputError: a file that the run would replace is not as training wrote it, the folder holds a run and `resume`
            is false, or it cannot be written.
    """
    model, table, state = output / "model", output / TABLE, output / "state" / "epoch-00001"
    states = _states(output)
    # Where there is a state, the table is read before it is replaced, which finds more.
    lost = lost_file(model) or (table if not states and table.exists() and not is_table(table) else None)
    if lost:
        raise InputError(
            f"{lost} would be lost: it is not as training wrote it; move it away, or choose another output"
        )
    if not resume and (states or model.exists() or table.exists()):
        raise InputError(f"{output} holds a training run already; resume it, or choose another output")
    for folder in (model, state):
        check_folder(folder, KIND, force=True)  # that it can be written; nothing would be lost


def _states(output: Path) -> list[Path]:
    """The folders of states, the last epoch's last."""
    return sorted((output / "state").glob("epoch-*"), key=_epochs)


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
