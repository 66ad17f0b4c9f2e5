"""The state of a run on disk, `state/epoch-NNNNN/` in its output folder, which it goes on from; and other starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from lgn_edge.errors import InputError
from lgn_edge.files import check_folder, remove_folder, stranger
from lgn_edge.nn import LogicGateNetwork, Threshold
from lgn_edge.nn.logic_layer import IN_STATE, LEARNING
from lgn_edge.nn.module import tensors_of
from lgn_edge.training.checkpoint import (
    KIND,
    DamagedError,
    load_checkpoint,
    load_optimizer,
    lost_file,
    read_document,
    save_checkpoint,
)
from lgn_edge.training.datasets import Dataset
from lgn_edge.training.recipe import Recipe, recipe_from
from lgn_edge.training.telemetry import TABLE, Epoch, is_table, read_table

DATA_NAME: Final = "name"  # of the data set, beside its fingerprint, in what a checkpoint says of its data
EVENTS: Final = "tensorboard"  # the folder in the output folder that TensorBoard reads
ENDED: Final = "hard_accuracy"  # the metric that a model has once its training has ended

_RESUME: Final = "--resume (resume=True)"
_ELSEWHERE: Final = "choose another --output (output=)"
_EVENT_FILE: Final = "events.out.tfevents."  # as TensorBoard calls its files
_LENGTH: Final = ("training.epochs", "training.patience")  # a run that goes on may go on for longer
_ADAM: Final = ("step", "exp_avg", "exp_avg_sq")  # what the optimiser keeps of each parameter
_FREE: Final = (*LEARNING, *IN_STATE)  # of a layer, what another run may choose anew


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
            remove_folder(old)


def find_state(output: Path, recipe: Recipe, resume: bool) -> Path | None:
    """The last state of the run in an output folder that is to be resumed; None for a new run.

    Raises:
        InputError: there is a run, and `resume` is false; there is none, and it is true; the run has another recipe, or
            more epochs than the recipe wants, or its state is damaged; or files that are not the run's would be lost.
    """
    check_output(output, resume)
    if not resume:
        return None
    state = _states(output)[-1]
    with readable(state, output):
        trained = recipe_from(read_state(state)["recipe"], str(state))
    _require_recipe(trained, recipe, output)
    if _epochs(state) > recipe.training.epochs:
        raise InputError(
            f"{output} has {_epochs(state)} epochs already, but the recipe says {recipe.training.epochs}; say more with"
            f" --set training.epochs=..., or {_ELSEWHERE}"
        )
    return state


def holds_run(output: Path) -> bool:
    """Whether there is a run in an output folder that can be resumed."""
    return bool(_states(output))


def check_output(output: Path, resume: bool) -> None:
    """Make sure that a run loses nothing that is in its folder, and that a new one has the folder for itself.

    What the user has put beside the files of a run stays when that goes on.

    Raises:
        InputError: a file that the run would replace is not as training wrote it; the folder holds a run and `resume`
            is false, or holds none and it is true; a new run would begin among other files; or it cannot be written.
    """
    model, table, state = output / "model", output / TABLE, output / "state" / "epoch-00001"
    for folder in (output, model, state.parent):
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file; {_ELSEWHERE}")
    states = _states(output)
    # Where there is a state, the table is read before it is replaced, which finds more.
    lost = lost_file(model) or (table if not states and table.exists() and not is_table(table) else None)
    if lost:
        raise InputError(f"{lost} would be lost: it is not as training wrote it; move it away, or {_ELSEWHERE}")
    begun = model.exists() or table.exists()
    if not states and begun:
        raise InputError(
            f"{output} holds a training run that cannot be resumed: its {state.parent} is missing or empty;"
            f" {_way_on(output)}"
        )
    if states and not resume:
        raise InputError(f"{output} holds a training run already; go on with it by {_RESUME}, or {_ELSEWHERE}")
    if resume and not states:
        raise InputError(
            f"{output} holds no training run to resume: there is no {state.parent}; begin one without {_RESUME}, or"
            " give the folder of a run as --output (output=)"
        )
    if not resume and (other := _other_than_of_a_run(output)):
        raise InputError(f"{output} holds what lgn-edge did not write there, such as {other}; {_ELSEWHERE}")
    for folder in (model, state):
        check_folder(folder, KIND, force=True)  # that it can be written; nothing would be lost


def _other_than_of_a_run(output: Path) -> Path | None:
    """Something in a folder that no run left there that was cut off in its first epoch."""
    events = output / EVENTS
    others = [path for path in sorted(events.glob("*")) if not path.name.startswith(_EVENT_FILE)]
    return (
        stranger(output, ("model", TABLE, "state", EVENTS))
        or stranger(output / "state", ("epoch-00001",))
        or next(iter(others), None)
    )


@contextmanager
def readable(state: Path, output: Path) -> Iterator[None]:
    """Within the block, what is wrong with the state of a run is told with what can be done about the run.

    Raises:
        InputError: something in the state cannot be read.
    """
    try:
        yield
    except DamagedError as error:
        raise InputError(f"{error.problem}, so {output} cannot be resumed; {_way_on(output)}") from error


def _way_on(output: Path) -> str:
    """What can be done about a run without a state to go on from."""
    model = output / "model"
    try:
        load_checkpoint(model)
    except InputError:
        return f"its {model} is missing or damaged, too, so {_ELSEWHERE} and begin anew"
    return f"its {model} is intact: start a new run from it with --start-from {output} (start_from=), and {_ELSEWHERE}"


def read_state(state: Path) -> dict[str, Any]:
    """What a state says about itself, with a recipe and, of data, texts by name.

    Raises:
        DamagedError: it says no such thing.
    """
    document = read_document(state)
    data = document.setdefault("data", {})  # an older version said nothing of them
    if not isinstance(document.get("recipe"), dict) or not isinstance(data, dict):
        raise DamagedError(f"{state} does not say what was trained")
    return document


def trained_on(state: Path) -> str | None:
    """The name of the data set of a run, as its state says it; a state of an older version does not."""
    name = read_state(state)["data"].get(DATA_NAME)
    return name if isinstance(name, str) else None


def require_data(state: Path, output: Path, dataset: Dataset) -> None:
    """Make sure that a data set is the one that a run was trained on.

    Raises:
        InputError: samples, labels or class names differ.
    """
    trained = read_state(state)["data"]
    for what, digest in dataset.fingerprint().items():
        if trained.get(what, digest) != digest:  # a state of an older version is taken up with any data
            raise InputError(
                f"{output} was trained with other {what} than data set {dataset.name} has now; resume with the same"
                f" data, or start a new run from it with --start-from {output} (start_from=), and {_ELSEWHERE}"
            )


def _states(output: Path) -> list[Path]:
    """The folders of states, the last epoch's last."""
    return sorted((output / "state").glob("epoch-*"), key=_epochs)


def unfinished(folder: Path) -> str | None:
    """A sentence about the run whose model a folder holds, if its training was cut off.

    Args:
        folder: a checkpoint, or the output folder of `train`.
    """
    output = folder.parent if folder.name == "model" else folder
    states = _states(output)
    if not states or not (output / "model").is_dir():
        return None
    model, done = read_document(output / "model"), _epochs(states[-1])
    metrics = dict(model["metrics"])
    if ENDED in metrics and metrics.get("epochs") == done:
        return None
    try:
        recipe = read_state(states[-1])["recipe"]
    except DamagedError:
        recipe = model["recipe"]
    return (
        f"the training in {output} is unfinished (epoch {done} of {recipe_from(recipe).training.epochs}), and this is"
        f" its best model so far; {_RESUME} goes on"
    )


def take_up(state: Path, output: Path, model: LogicGateNetwork, optimizer: torch.optim.Optimizer) -> list[Epoch]:
    """Load a state into model and optimiser; returns its epochs.

    Raises:
        InputError: the state or the table of its epochs is damaged, or the best model is missing.
    """
    with readable(state, output):
        history = read_table(output / TABLE, _epochs(state))
        model.load_state_dict(load_checkpoint(state).state_dict())
        _load_optimizer(optimizer, load_optimizer(state), state)
    if not (output / "model").exists():
        raise InputError(
            f"{output / 'model'} is missing, the best model so far; put it back, or start a new run from the last epoch"
            f" with --start-from {state} (start_from=), and {_ELSEWHERE}"
        )
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
    return recipe.encoder.learning(theirs.fixed(), dataset.train_x)


def take_over(start: LogicGateNetwork, model: LogicGateNetwork, folder: Path) -> None:
    """Give the layers of an untrained model the weights and wiring of a trained one.

    Raises:
        InputError: its layers are not the recipe's.
    """
    if len(start.logic) != len(model.logic):
        raise InputError(_other(folder, f"{len(start.logic)} layers", str(len(model.logic))))
    if start.sources != model.sources:
        raise InputError(_other(folder, f"reads {list(start.sources)}", str(list(model.sources))))
    for i, (ours, theirs) in enumerate(zip(model.logic, start.logic, strict=True)):
        configs = [{"kind": layer.KIND, **layer.config()} for layer in (theirs, ours)]
        for name in configs[1]:
            there, here = (config.get(name) for config in configs)
            if there != here and name not in _FREE:
                raise InputError(_other(folder, f"{name} {there!r} in layer {i}", repr(here)))
        for name, tensor in tensors_of(ours).items():
            there, here = list(tensors_of(theirs)[name].shape), list(tensor.shape)
            if there != here:
                raise InputError(_other(folder, f"{name} {there} in layer {i}", str(here)))
        ours.load_state_dict(tensors_of(theirs))


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
                f" resume with the same recipe, or {_ELSEWHERE}"
            )


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state, `<parameter>.<name>`."""
    state = optimizer.state_dict()["state"]
    return {f"{parameter}.{name}": value for parameter, values in state.items() for name, value in values.items()}


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], state: Path) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    found = {key: list(tensor.shape) for key, tensor in tensors.items()}
    expected = {
        f"{i}.{name}": [] if name == "step" else list(parameter.shape)
        for i, parameter in enumerate(parameters)
        for name in _ADAM
    }
    for key in {**expected, **found}:
        if found.get(key) != expected.get(key):
            there, wanted = found.get(key, "missing"), expected.get(key, "absent")
            raise DamagedError(f"{state}: of the optimiser, {key} is {there}, not {wanted}")
    values = {i: {name: tensors[f"{i}.{name}"] for name in _ADAM} for i in range(len(parameters))}
    optimizer.load_state_dict({"state": values, "param_groups": optimizer.state_dict()["param_groups"]})
