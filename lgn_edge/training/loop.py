"""The training loop: minibatches, validation, telemetry, and checkpoints that it can go on from.

The randomness of an epoch follows from the seed and the epoch's number alone, and the state after each epoch is written
as a whole. So a run that is killed at any moment and resumed repeats at most one epoch, and ends bit for bit as the run
that was left alone (on the same machine and versions).

The output folder holds `model/` (the best checkpoint so far), `state/epoch-NNNNN/` (the last epoch, to go on from) and
`history.csv` (one row an epoch).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from lgn_edge._version import __version__
from lgn_edge.checks import any_path, of_kind, true_or_false
from lgn_edge.errors import InputError
from lgn_edge.network import Network
from lgn_edge.network.facts import VARYING, shares_text
from lgn_edge.network.samples import SCALE
from lgn_edge.nn import LogicConv2d, LogicGateNetwork, discretise
from lgn_edge.nn.convolution import ConvRecipe
from lgn_edge.nn.kernels import cpu
from lgn_edge.training.build import build_model, derive_seed, forget, make_optimizer
from lgn_edge.training.checkpoint import load_checkpoint, save_checkpoint
from lgn_edge.training.datasets import Dataset, dataset_names, load_dataset, stratified_split
from lgn_edge.training.evaluation import (
    accuracies,
    gate_shares,
    gradient_norms,
    varying,
    varying_channels,
)
from lgn_edge.training.plan import (
    Plan,
    free_memory,
    make_plan,
    require_device,
    require_memory,
    require_memory_for_weights,
)
from lgn_edge.training.processes import Processes, joined
from lgn_edge.training.recipe import Recipe, load_recipe
from lgn_edge.training.resume import (
    DATA_NAME,
    ENDED,
    EVENTS,
    encoder_of,
    find_state,
    readable,
    require_data,
    take_over,
    take_up,
    trained_on,
    write_state,
)
from lgn_edge.training.samples import Samples
from lgn_edge.training.steps import Subject, rate, steps_of
from lgn_edge.training.teacher import taught
from lgn_edge.training.telemetry import TABLE, Epoch, append_row, kept_epoch, shown_progress, write_table
from lgn_edge.training.tensorboard import Record, event_file, require_tensorboard

STARTED_FROM: Final = "started_from"  # in the provenance: the fingerprint of the network that a run began with
_WATCHED: Final = 10  # one training sample of so many is for the telemetry where none are held out


@dataclass(frozen=True)
class TrainResult:
    """What training gives.

    Attributes:
        model: the best epoch's, in evaluation mode.
        network: the discrete network of it.
        metrics: hard_accuracy on the test set, soft_accuracy (of networks that have one, see `Epoch`),
            validation_accuracy (if any sample was held out), best_epoch, epochs, gates (that a sample
            passes: those of a kernel at every place), gates_stored (those of a kernel once).
        checkpoint: folder of the model.
        history: one entry an epoch.
    """

    model: LogicGateNetwork
    network: Network
    metrics: dict[str, float]
    checkpoint: Path
    history: tuple[Epoch, ...]


def train(
    recipe: Recipe | str | os.PathLike[str],
    *,
    data: Dataset | str | os.PathLike[str] | None = None,
    output: str | os.PathLike[str],
    resume: bool = False,
    start_from: str | os.PathLike[str] | None = None,
    progress: bool = True,
    tensorboard: bool = False,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> TrainResult:
    """Train a network after a recipe.

    The best epoch is the one with the highest hard accuracy on samples held out from the training set, the latest among
    equals; with no sample held out it is the last one. The test set is read once, at the end.

    Args:
        recipe: a recipe, its file, or the name of one that comes with lgn-edge.
        data: a data set to train on instead of the recipe's, or the folder where data sets lie (see `load_dataset`).
        output: folder for checkpoints and telemetry.
        resume: go on with the run in `output`. It must have the same data and the same recipe, but for `epochs` and
            `patience`. With more epochs a run goes on for longer, by the rates of the longer schedule from
            there on.
        start_from: a checkpoint whose encoder, wiring and weights a new run starts from; its layers must be those of
            the recipe. A run that is resumed has started already.
        progress: show a progress bar on stderr, or a line an epoch where that is no terminal.
        tensorboard: also write telemetry for TensorBoard, to `output/tensorboard`.
        on_epoch: called after each epoch is safe on disk.

    Raises:
        InputError: recipe, data or output are not usable, `output` holds a run and `resume` is false, or none and it is
            true, or files that are no part of a run; TensorBoard is wanted and not installed, or the memory does not
            suffice.
    """
    output, start = any_path(output, "output"), None if start_from is None else any_path(start_from, "start_from")
    for name, value in (("resume", resume), ("progress", progress), ("tensorboard", tensorboard)):
        true_or_false(value, name)
    of_kind(on_epoch, Callable | None, "on_epoch", "a function of an Epoch")
    if tensorboard:
        require_tensorboard()
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    state = find_state(output, recipe, resume)
    dataset = _dataset(recipe, data) if state is None else _same_dataset(recipe, data, state, output)
    with _threads(recipe.training.threads), joined(recipe.training.device) as processes:
        run = _Run(recipe, dataset, output, processes, state, start)
        require_memory(run.plan(), free_memory(recipe.training.device))
        history = run.take_up()
        with ExitStack() as stack:
            show = stack.enter_context(shown_progress(recipe, progress and processes.first))
            record: Record | None = None
            if tensorboard and processes.first:
                record = stack.enter_context(event_file(run.output / EVENTS, len(history)))
            show(history)
            while not _finished(history, recipe):
                history = [*history, run.epoch(len(history) + 1)]
                run.save(history)
                show(history)
                if record:
                    record(history[-1], run.model)
                if on_epoch:
                    on_epoch(history[-1])
        return run.finish(history)


def plan_training(
    recipe: Recipe | str | os.PathLike[str], data: Dataset | str | os.PathLike[str] | None = None
) -> Plan:
    """What `train` would take with the same arguments, without training.

    Raises:
        InputError: recipe or data are not usable.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    dataset = _dataset(recipe, data)
    run = _Run(recipe, dataset, Path(), Processes())
    return replace(run.plan(), varying=varying(run.model, run.held, most=1))


class _Run:
    """One training run: the model, its optimiser and the encoded samples."""

    def __init__(
        self,
        recipe: Recipe,
        dataset: Dataset,
        output: Path,
        processes: Processes,
        state: Path | None = None,
        start: Path | None = None,
    ) -> None:
        require_device(recipe.training.device)
        require_memory_for_weights(recipe, free_memory("cpu"))
        self.recipe, self.dataset, self.output, self.processes = recipe, dataset, output, processes
        self.state, self.data = state, {DATA_NAME: dataset.name, **dataset.fingerprint()}
        kept, held = stratified_split(dataset.train_y, recipe.training.validation, recipe.training.seed)
        if not recipe.training.validation:
            held = kept[::_WATCHED]
        if not len(kept) or not len(held):
            raise InputError(
                f"recipe: validation {recipe.training.validation} of {len(dataset.train_y)} training samples leaves"
                f" {len(kept)} to train on and {len(held)} to validate on; both need some"
            )
        if recipe.data.augments and dataset.image is None:
            what, off = ("shift", 0) if recipe.data.shift else ("flip", "false")
            raise InputError(
                f"recipe: {what} is {recipe.data.shift or 'true'}, but the samples of {dataset.name} are no images;"
                f" set it to {off}"
            )
        if dataset.image is not None and recipe.data.shift >= min(dataset.image):
            raise InputError(
                f"recipe: shift is {recipe.data.shift}, but images are {dataset.image[0]} x {dataset.image[1]}; choose"
                f" less than {min(dataset.image)}"
            )
        cpu.keep_memory()
        self.model = self._model(kept, start).to(recipe.training.device)
        self.held = self._samples(dataset.train_x[held], dataset.train_y[held])
        self.train = self._samples(dataset.train_x[kept], dataset.train_y[kept], once=not recipe.data.augments)
        self.targets, how = self.train.y, recipe.training.teacher
        if how.checkpoint:
            self.targets = taught(how, load_checkpoint(how.checkpoint), dataset, dataset.train_x[kept], self.train.y)
        self.optimizer = make_optimizer(recipe, self.model)
        trained = (recipe, self.model, self.optimizer, self.train, self.targets)
        self.steps = steps_of(Subject(*trained, dataset.image, processes))

    def _model(self, kept: NDArray[np.intp], start: Path | None) -> LogicGateNetwork:
        """The model before its first epoch here; what the state holds besides comes with `take_up`."""
        origin = None if start is None else load_checkpoint(start)
        started = {} if origin is None else {STARTED_FROM: discretise(origin).fingerprint()}
        if self.state is not None:
            with readable(self.state, self.output):
                before = load_checkpoint(self.state)
            if started and started.items() - before.provenance.items():
                raise InputError(
                    f"{self.output} did not start from {start}; resume it without --start-from (start_from=), or choose"
                    " another --output (output=)"
                )
            model = build_model(self.recipe, self.dataset, kept, before.encoder)
            model.provenance = before.provenance
            return model
        if origin is None or start is None:
            return build_model(self.recipe, self.dataset, kept)
        model = build_model(self.recipe, self.dataset, kept, encoder_of(origin, self.recipe, self.dataset, start))
        take_over(origin, model, start)
        model.provenance = started
        return model

    def _samples(self, x: NDArray[Any], y: NDArray[np.int64], once: bool = True) -> Samples:
        return Samples(self.model.encoder, x, y, once=once and self.model.encoder.offset is None)

    def plan(self) -> Plan:
        """What the run takes."""
        encoder, x = self.model.encoder, self.dataset.train_x
        raw = self.recipe.data.augments or encoder.offset is not None
        features = x.shape[1] * x.itemsize if raw else encoder.out_features
        return make_plan(self.recipe, self.model, len(self.train), features)

    def take_up(self) -> list[Epoch]:
        """Take up the run in the output folder, if there is one; returns its epochs."""
        history = take_up(self.state, self.output, self.model, self.optimizer) if self.state else []
        self.processes.wait()  # until all have read what is replaced below
        if history and self.processes.first:
            write_table(self.output / TABLE, history)
        return history

    def epoch(self, number: int) -> Epoch:
        """Train one epoch; its randomness follows from the seed and its number."""
        recipe = self.recipe.training
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(recipe.seed, number))
            self._revive(number - 1)
            self.model.train()
            total = self.steps.epoch(number)
            for choice, wiring in self.steps.choices:
                if number <= wiring.redraw_until * recipe.epochs:
                    choice.redraw(wiring.redraw)
        soft, hard = accuracies(self.model, self.held)
        undecided, constant = gate_shares(self.model)
        share = self.steps.progress(number)[-1]
        first, norms = recipe.learning_rate * rate(recipe.schedule, share), gradient_norms(self.model)
        gap = None if soft is None else soft - hard
        shares = (undecided, constant, norms[0], norms[-1], min(varying(self.model, self.held).values()))
        return Epoch(number, first, total / len(self.train), soft, hard, gap, *shares)

    def _revive(self, epochs: int) -> None:
        """Draw kernels anew whose channels do not vary after so many epochs, in the layers whose recipe wants that."""
        wanted = [
            i
            for i, how in enumerate(self.recipe.layers)
            if isinstance(how, ConvRecipe) and how.revives(epochs / self.recipe.training.epochs)
        ]
        if not wanted:
            return
        vary = varying_channels(self.model, self.held)
        for i in wanted:
            layer = self.model.logic[i]
            assert isinstance(layer, LogicConv2d)
            changed = layer.redraw(~vary[self.model.pools.get(i, i)])
            forget(self.optimizer, layer.weight, changed)

    def save(self, history: Sequence[Epoch]) -> None:
        """Write the best model, then the row of the table, then the state, which says that both are there."""
        if self.processes.first:
            self._write(history)
        self.processes.wait()

    def _write(self, history: Sequence[Epoch]) -> None:
        if kept_epoch(history, self.recipe).epoch == len(history):
            metrics = _metrics(history, self.recipe, self.model)
            save_checkpoint(self.model, self.output / "model", recipe=self.recipe, data=self.data, metrics=metrics)
        if len(history) == 1:
            write_table(self.output / TABLE, history)
        else:
            append_row(self.output / TABLE, history[-1])
        write_state(self.output, self.recipe, self.model, self.optimizer, len(history), self.data)

    def finish(self, history: Sequence[Epoch]) -> TrainResult:
        """Measure the best model on the test set, and write it with what it reaches."""
        folder = self.output / "model"
        self.model.load_state_dict(load_checkpoint(folder).state_dict())
        self.model.requires_grad_(True)
        self.processes.wait()  # until all have read what is replaced below
        soft, hard = accuracies(self.model, self._samples(self.dataset.test_x, self.dataset.test_y))
        measured = {ENDED: hard} if soft is None else {ENDED: hard, "soft_accuracy": soft}
        metrics = measured | _metrics(history, self.recipe, self.model)
        self.model.provenance |= {
            "dataset": self.dataset.name,
            "recipe": json.dumps(self.recipe.to_dict()),
            **{name: f"{accuracy:.6f}" for name, accuracy in measured.items()},
            VARYING: shares_text(varying(self.model, self.held)),
            "lgn-edge": __version__,
        }
        if self.dataset.input_dtype == "uint8":
            self.model.provenance[SCALE] = str(self.dataset.train_x.max())
        if "validation_accuracy" in metrics:
            self.model.provenance["validation_accuracy"] = f"{metrics['validation_accuracy']:.6f}"
        if self.processes.first:
            save_checkpoint(self.model, folder, recipe=self.recipe, data=self.data, metrics=metrics)
        self.processes.wait()
        return TrainResult(self.model, discretise(self.model), metrics, folder, tuple(history))


def _dataset(recipe: Recipe, data: Dataset | str | os.PathLike[str] | None) -> Dataset:
    if isinstance(data, Dataset):
        return data
    if data is None or isinstance(data, str | os.PathLike):
        return load_dataset(recipe.data.name, data)
    raise InputError(f"data is a {type(data).__name__}; give a Dataset, or the folder where data sets lie")


def _same_dataset(recipe: Recipe, data: Dataset | str | os.PathLike[str] | None, state: Path, output: Path) -> Dataset:
    """The data set of a run that is resumed."""
    with readable(state, output):
        name = trained_on(state)
    if not isinstance(data, Dataset) and name is not None and (name != recipe.data.name or name not in dataset_names()):
        raise InputError(
            f"{output} was trained on a Dataset of your own, {name}; resume it in Python, and give that to"
            " train(..., data=..., resume=True)"
        )
    dataset = _dataset(recipe, data)
    require_data(state, output, dataset)
    return dataset


def _finished(history: Sequence[Epoch], recipe: Recipe) -> bool:
    if len(history) >= recipe.training.epochs:
        return True
    if not history or not recipe.training.patience:
        return False
    first_best = max(history, key=lambda row: (row.hard_accuracy, -row.epoch)).epoch
    return len(history) - first_best >= recipe.training.patience


def _metrics(history: Sequence[Epoch], recipe: Recipe, model: LogicGateNetwork) -> dict[str, float]:
    kept = kept_epoch(history, recipe)
    measured = {"validation_accuracy": kept.hard_accuracy} if recipe.training.validation else {}
    count = {"gates": model.n_gates, "gates_stored": model.n_distinct}
    return {**measured, "best_epoch": kept.epoch, "epochs": len(history), **count}


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
