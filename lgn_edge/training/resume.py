"""The state of a run on disk, `state/epoch-NNNNN/` in its output folder, which it goes on from; and other starts."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from lgn_edge.errors import InputError
from lgn_edge.files import check_folder
from lgn_edge.nn import LogicGateNetwork, Threshold
from lgn_edge.training.checkpoint import (
    KIND,
    load_checkpoint,
    load_optimizer,
    lost_file,
    read_document,
    save_checkpoint,
)
from lgn_edge.training.datasets import Dataset
from lgn_edge.training.recipe import Recipe, recipe_from
from lgn_edge.training.telemetry import TABLE, Epoch, is_table, read_table

_LENGTH: Final = ("training.epochs", "training.patience")  # a run that goes on may go on for longer
_SHAPE: Final = ("in_features", "out_features", "arity", "parametrization", "wiring")  # of a layer, as it is saved


def write_state(
    output: Path,
    recipe: Recipe,
    model: LogicGateNetwork,
    optimizer: torch.optim.Optimizer,
    epochs: int,
    data: Mapping[str, str],
) -> None:
    """Write the state after so many epochs, which the table has already, then remove what else is there.

    That is the states before it, as they were written.
    """
    folder = output / "state" / f"epoch-{epochs:05}"
    save_checkpoint(model, folder, recipe=recipe, data=data, optimizer=_optimizer_tensors(optimizer))
    for old in set(_states(output)) - {folder}:
        if lost_file(old) is None:
            shutil.rmtree(old, ignore_errors=True)


def find_state(output: Path, recipe: Recipe, dataset: Dataset, resume: bool) -> Path | None:
    """The last state in an output folder, if there is one.

    Raises:
        InputError: there is one, and `resume` is false, or it has another recipe or other data, or more epochs than the
            recipe wants; or files that are not the run's would be lost.
    """
    check_output(output, resume)
    states = _states(output)
    if not states:
        return None
    document = read_document(states[-1])
    _require_recipe(recipe_from(document["recipe"], str(states[-1])), recipe, output)
    _require_data(document.get("data", {}), dataset, output)
    if _epochs(states[-1]) > recipe.training.epochs:
        raise InputError(
            f"{output} has {_epochs(states[-1])} epochs already, but the recipe says {recipe.training.epochs}; say"
            " more, or choose another output"
        )
    return states[-1]


def check_output(output: Path, resume: bool) -> None:
    """Make sure that a run in a folder loses nothing that is there; files of other names may lie in it.

    Raises:
        InputError: a file that the run would replace is not as training wrote it, the folder holds a run and `resume`
            is false, or it cannot be written.
    """
    model, table, state = output / "model", output / TABLE, output / "state" / "epoch-00001"
    for folder in (output, model, state.parent):
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file; choose another output")
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


def take_up(state: Path, output: Path, model: LogicGateNetwork, optimizer: torch.optim.Optimizer) -> list[Epoch]:
    """Load a state into model and optimiser; returns its epochs.

    Raises:
        InputError: the state or the table of its epochs is damaged.
    """
    history = read_table(output / TABLE, _epochs(state))
    model.load_state_dict(load_checkpoint(state).state_dict())
    _load_optimizer(optimizer, load_optimizer(state))
    return history


def encoder_of(start: LogicGateNetwork, recipe: Recipe, dataset: Dataset, folder: Path) -> Threshold:
    """The encoder of a trained model for a run that starts from it: its thresholds, perhaps to be learned on.

    Raises:
        InputError: it takes other samples than the data set has.
    """
    theirs = start.encoder
    there, here = (theirs.input_dtype, theirs.n_features), (dataset.input_dtype, dataset.train_x.shape[1])
    if there != here:
        raise InputError(
            f"training cannot start from {folder}: it takes {there[0]} samples of {there[1]} features, but those of"
            f" {dataset.name} are {here[0]} of {here[1]}"
        )
    fixed = Threshold(theirs.n_features, theirs.feature.numpy(), theirs.limits().detach().numpy(), theirs.input_dtype)
    return recipe.encoder.learning(fixed, dataset.train_x)


def take_over(start: LogicGateNetwork, model: LogicGateNetwork, folder: Path) -> None:
    """Give the layers of an untrained model the weights and wiring of a trained one.

    Raises:
        InputError: its layers are not the recipe's.
    """
    if len(start.logic) != len(model.logic):
        raise InputError(_other(folder, f"{len(start.logic)} layers", str(len(model.logic))))
    for i, (ours, theirs) in enumerate(zip(model.logic, start.logic, strict=True)):
        for name in _SHAPE:
            there, here = (getattr(layer, name, 2) for layer in (theirs, ours))
            if there != here:
                raise InputError(_other(folder, f"{name} {there!r} in layer {i}", repr(here)))
        for name, tensor in ours.state_dict().items():
            there, here = list(theirs.state_dict()[name].shape), list(tensor.shape)
            if there != here:
                raise InputError(_other(folder, f"{name} {there} in layer {i}", str(here)))
        ours.load_state_dict(theirs.state_dict())


def _other(folder: Path, there: str, here: str) -> str:
    return f"training cannot start from {folder}: it has {there}, but the recipe says {here}; give it the same layers"


def _epochs(state: Path) -> int:
    number = state.name.removeprefix("epoch-")
    return int(number) if number.isdecimal() else 0


def _require_recipe(trained: Recipe, recipe: Recipe, output: Path) -> None:
    before, now = trained.settings(), recipe.settings()
    for name in [*now, *before]:
        if name not in _LENGTH and before.get(name) != now.get(name):
            raise InputError(
                f"{output} was trained with {name} = {before.get(name)!r}, but the recipe says {now.get(name)!r};"
                " resume with the same recipe, or choose another output"
            )


def _require_data(trained: Mapping[str, str], dataset: Dataset, output: Path) -> None:
    # A state of an older version says nothing of its data, and is taken up with any.
    for what, digest in dataset.fingerprint().items():
        if trained.get(what, digest) != digest:
            raise InputError(
                f"{output} was trained with other {what} than data set {dataset.name} has now; resume with the same"
                " data, or choose another output and start from this run's checkpoint"
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
