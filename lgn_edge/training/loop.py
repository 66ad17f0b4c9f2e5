"""The training loop: minibatches, validation, telemetry, and checkpoints that it can go on from.

The randomness of an epoch follows from the seed and the epoch's number alone, and the state after each epoch is written
as a whole. So a run that is killed at any moment and resumed repeats at most one epoch, and ends bit for bit as the run
that was left alone (on the same machine and versions).

The output folder holds `model/` (the best checkpoint so far), `state/epoch-NNNNN/` (the last epoch, to go on from) and
`history.csv` (one row an epoch).
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from lgn_edge._version import __version__
from lgn_edge.errors import InputError
from lgn_edge.files import write_atomic
from lgn_edge.network import Network
from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, Threshold, discretise, soft_evaluation
from lgn_edge.nn.kernels import cpu
from lgn_edge.nn.layers import FIXED, LEARNED
from lgn_edge.training.checkpoint import (
    TrainingState,
    load_checkpoint,
    load_training,
    read_document,
    save_checkpoint,
)
from lgn_edge.training.datasets import Dataset, load_dataset, stratified_split
from lgn_edge.training.plan import Plan, free_memory, make_plan, require_device, require_memory
from lgn_edge.training.processes import Processes, joined
from lgn_edge.training.recipe import Recipe, load_recipe

_CHUNK = 1024  # samples evaluated at a time
_UNDECIDED = (0.1, 0.9)  # a gate with a soft corner strictly between is undecided


@dataclass(frozen=True)
class Epoch:
    """Telemetry of one epoch.

    Attributes:
        epoch: from 1.
        learning_rate: of its last step.
        loss: mean cross-entropy of its training samples.
        soft_accuracy, hard_accuracy: of the real-valued and of the discrete network on the validation samples.
        gap: soft_accuracy - hard_accuracy, the discretisation gap.
        undecided: share of gates with a soft corner between 0.1 and 0.9.
        constant: share of gates whose discrete truth table is 0 or 1.
        gradient_first: norm of the gradient of the first layer's gates in the last step.
        gradient_last: the same of the last layer; where it is much larger, gradients vanish on the way.
    """

    epoch: int
    learning_rate: float
    loss: float
    soft_accuracy: float
    hard_accuracy: float
    gap: float
    undecided: float
    constant: float
    gradient_first: float
    gradient_last: float


@dataclass(frozen=True)
class TrainResult:
    """What training gives.

    Attributes:
        model: the best epoch's, in evaluation mode.
        network: the discrete network of it.
        metrics: hard_accuracy and soft_accuracy on the test set, validation_accuracy, best_epoch, epochs, gates.
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
    progress: bool = True,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> TrainResult:
    """Train a network after a recipe.

    The best epoch is the one with the highest hard accuracy on samples held out from the training set, the latest among
    equals. The test set is read once, at the end.

    Args:
        recipe: a recipe, its file, or the name of one that comes with lgn-edge.
        data: a data set to train on instead of the recipe's, or the folder where data sets lie (see `load_dataset`).
        output: folder for checkpoints and telemetry.
        resume: go on with the run in `output`, if there is one; it must have the same recipe.
        progress: show a progress bar on stderr.
        on_epoch: called after each epoch is safe on disk.

    Raises:
        InputError: recipe, data or output are not usable, or `output` holds a run and `resume` is false.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    dataset = data if isinstance(data, Dataset) else load_dataset(recipe.dataset, data)
    with _threads(recipe.threads), joined(recipe.device) as processes:
        run = _Run(recipe, dataset, Path(output), processes)
        require_memory(run.plan(), free_memory(recipe.device))
        history = run.start(resume)
        with _progress_bar(recipe, progress and processes.first) as show:
            show(history)
            while not _finished(history, recipe):
                history = [*history, run.epoch(len(history) + 1)]
                run.save(history)
                show(history)
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
    dataset = data if isinstance(data, Dataset) else load_dataset(recipe.dataset, data)
    return _Run(recipe, dataset, Path(), Processes()).plan()


class _Run:
    """One training run: the model, its optimiser and the encoded samples."""

    def __init__(self, recipe: Recipe, dataset: Dataset, output: Path, processes: Processes) -> None:
        require_device(recipe.device)
        self.recipe, self.dataset, self.output, self.processes = recipe, dataset, output, processes
        kept, held = stratified_split(dataset.train_y, recipe.validation, recipe.seed)
        if not len(kept) or not len(held):
            raise InputError(
                f"recipe: validation {recipe.validation} of {len(dataset.train_y)} training samples leaves"
                f" {len(kept)} to train on and {len(held)} to validate on; both need some"
            )
        cpu.keep_memory()
        self.model = build_model(recipe, dataset, kept).to(recipe.device)
        self.train_y = torch.from_numpy(dataset.train_y[kept]).to(recipe.device)
        self.held_bits, self.held_y = self._encode(dataset.train_x[held], dataset.train_y[held])
        self.train_bits = self._train_bits(torch.from_numpy(dataset.train_x[kept]))
        self.choices = [layer.choice for layer in self.model.logic if layer.choice]
        self.optimizer = _optimizer(recipe, self.model)

    def _encode(self, x: NDArray[Any], y: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        device = self.recipe.device
        bits = [self.model.encoder.encode(part.to(device)) for part in _chunks(torch.from_numpy(x))]
        return torch.cat(bits), torch.from_numpy(y).to(device)

    def _train_bits(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        """The bits of this process's part of a batch; where samples are augmented, anew at each call."""
        encode, part, recipe, image = self.model.encoder.encode, self.processes.part, self.recipe, self.dataset.image
        x = x.to(recipe.device)
        if not recipe.augments:
            bits = torch.cat([encode(chunk) for chunk in _chunks(x)])
            return lambda chosen: bits[part(chosen)]
        if image is None:
            what, off = ("shift", 0) if recipe.shift else ("flip", "false")
            raise InputError(
                f"recipe: {what} is {recipe.shift or 'true'}, but the samples of {self.dataset.name} are no images;"
                f" set it to {off}"
            )
        return lambda chosen: encode(part(augmented(x[chosen], image, recipe.shift, recipe.flip)))

    def plan(self) -> Plan:
        """What the run takes."""
        encoder, x = self.model.encoder, self.dataset.train_x
        features = x.shape[1] * x.itemsize if self.recipe.augments else encoder.out_features
        return make_plan(self.recipe, self.model, len(self.train_y), features)

    def start(self, resume: bool) -> list[Epoch]:
        """Take up the run in the output folder, if there is one; returns its epochs."""
        states = sorted((self.output / "state").glob("epoch-*"))
        if not states:
            return []
        if not resume:
            raise InputError(f"{self.output} holds a training run already; resume it, or choose another output")
        state = states[-1]
        before = read_document(state)["recipe"]
        for field, value in self.recipe.to_dict().items():
            if (before or {}).get(field) != value:
                raise InputError(
                    f"{self.output} was trained with {field} = {(before or {}).get(field)!r}, but the recipe says"
                    f" {value!r}; resume with the same recipe, or choose another output"
                )
        self.model.load_state_dict(load_checkpoint(state).state_dict())
        training = load_training(state)
        _load_optimizer(self.optimizer, training.optimizer)
        history = [Epoch(**row) for row in training.history]
        if self.processes.first:
            self._write_history(history)
        return history

    def epoch(self, number: int) -> Epoch:
        """Train one epoch; its randomness follows from the seed and its number."""
        recipe, samples = self.recipe, len(self.train_y)
        steps = -(-samples // recipe.batch)
        total = 0.0
        self.model.train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(recipe.seed, number))
            order = torch.randperm(samples)
            for step in range(steps):
                share = ((number - 1) * steps + step) / (recipe.epochs * steps)
                factor = 0.5 + 0.5 * math.cos(math.pi * share) if _cosine(recipe) else 1.0
                for group in self.optimizer.param_groups:
                    group["lr"] = group["first_rate"] * factor
                for choice in self.choices:
                    choice.temperature = _between(recipe.choice_temperature, recipe.choice_temperature_end, share)
                chosen = order[step * recipe.batch : (step + 1) * recipe.batch].to(recipe.device)
                total += self._step(chosen, f"epoch {number}, step {step + 1}") * len(chosen)
            if number <= recipe.redraw_until * recipe.epochs:
                for choice in self.choices:
                    choice.redraw(recipe.redraw)
        soft, hard = self.accuracies(self.held_bits, self.held_y)
        undecided, constant = gate_shares(self.model)
        rate, norms = recipe.learning_rate * factor, gradient_norms(self.model)
        return Epoch(number, rate, total / samples, soft, hard, soft - hard, undecided, constant, *norms)

    def _step(self, chosen: Tensor, when: str) -> float:
        """One step on a batch; returns its mean loss."""
        logits, labels = self.model.logits(self.train_bits(chosen)), self.processes.part(self.train_y[chosen])
        loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum") / len(chosen)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        value = loss.detach()
        self.processes.add([*(p.grad for p in self.model.parameters() if p.grad is not None), value])
        if not math.isfinite(value):
            raise InputError(
                f"training: the loss is not finite in {when}{_where_not_finite(self.model)};"
                " choose a smaller learning_rate or a larger tau"
            )
        self.optimizer.step()
        return float(value)

    def accuracies(self, bits: Tensor, labels: Tensor) -> tuple[float, float]:
        """Accuracy of the soft and of the discrete network."""
        self.model.eval()
        hard = _accuracy(self.model, bits, labels)
        with soft_evaluation(self.model):
            return _accuracy(self.model, bits, labels), hard

    def save(self, history: Sequence[Epoch]) -> None:
        """Write the best model, then the state, then the table; each is whole or absent."""
        if self.processes.first:
            self._write(history)
        self.processes.wait()

    def _write(self, history: Sequence[Epoch]) -> None:
        number = len(history)
        if _best(history).epoch == number:
            save_checkpoint(
                self.model, self.output / "model", recipe=self.recipe, metrics=_metrics(history, self.model)
            )
        rows = [asdict(row) for row in history]
        folder = self.output / "state"
        state = TrainingState(rows, _optimizer_tensors(self.optimizer))
        save_checkpoint(self.model, folder / f"epoch-{number:05}", recipe=self.recipe, training=state)
        self._write_history(history)
        for old in sorted(folder.glob("epoch-*"))[:-1]:
            shutil.rmtree(old, ignore_errors=True)

    def _write_history(self, history: Sequence[Epoch]) -> None:
        text = io.StringIO()
        table = csv.DictWriter(text, [field.name for field in fields(Epoch)], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(row) for row in history)
        write_atomic(self.output / "history.csv", text.getvalue())

    def finish(self, history: Sequence[Epoch]) -> TrainResult:
        """Measure the best model on the test set, and write it with what it reaches."""
        folder = self.output / "model"
        self.model.load_state_dict(load_checkpoint(folder).state_dict())
        self.processes.wait()  # until all have read what is replaced below
        soft, hard = self.accuracies(*self._encode(self.dataset.test_x, self.dataset.test_y))
        metrics = {"hard_accuracy": hard, "soft_accuracy": soft, **_metrics(history, self.model)}
        self.model.provenance = {
            "dataset": self.dataset.name,
            "recipe": json.dumps(self.recipe.to_dict()),
            "hard_accuracy": f"{hard:.6f}",
            "soft_accuracy": f"{soft:.6f}",
            "validation_accuracy": f"{metrics['validation_accuracy']:.6f}",
            "lgn-edge": __version__,
        }
        if self.processes.first:
            save_checkpoint(self.model, folder, recipe=self.recipe, metrics=metrics)
        self.processes.wait()
        return TrainResult(self.model, discretise(self.model), metrics, folder, tuple(history))


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
    layers: list[LogicDense] = []
    for i, gates in enumerate(recipe.widths):
        wiring, init = _wiring_and_init(recipe, i)
        layers.append(
            LogicDense(
                layers[-1].out_features if layers else encoder.out_features,
                gates,
                parametrization=recipe.parametrization,
                estimator=recipe.estimator,
                temperature=recipe.temperature,
                init=init,
                init_shift=recipe.init_shift,
                wiring=wiring,
                lanes=recipe.lanes,
                candidates=recipe.candidates,
                seed=derive_seed(recipe.seed, -1 - i),
            )
        )
    head = GroupSum(recipe.widths[-1], classes, recipe.tau, recipe.beta)
    model = LogicGateNetwork(encoder, layers, head, name=recipe.name, class_names=dataset.class_names)
    model.precision = getattr(torch, recipe.precision)
    return model


def _wiring_and_init(recipe: Recipe, layer: int) -> tuple[str, str]:
    if recipe.wiring not in LEARNED:
        return recipe.wiring, recipe.init
    if layer < (recipe.learned_layers or len(recipe.widths)):
        return recipe.wiring, recipe.learned_init or recipe.init
    return FIXED[recipe.wiring], recipe.init


def augmented(x: Tensor, image: tuple[int, int], shift: int, flip: bool) -> Tensor:
    """Images changed at random, each in all its planes alike.

    Args:
        x: [n, planes * rows * columns].
        image: rows and columns.
        shift: each image moves by up to so many pixels down or up and right or left; 0 comes in.
        flip: every other image, on average, is mirrored first.
    """
    rows, columns = image
    planes = x.reshape(len(x), -1, rows, columns)
    if flip:
        planes = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, planes.flip(3), planes)
    n, count, wide = len(x), planes.shape[1], columns + 2 * shift
    padded = torch.nn.functional.pad(planes, (shift,) * 4).flatten(2)
    down, right = torch.randint(2 * shift + 1, (2, n, 1, 1))
    places = (torch.arange(rows)[:, None] + down) * wide + torch.arange(columns) + right
    return padded.gather(2, places.flatten(1)[:, None].expand(n, count, -1)).flatten(1)


def derive_seed(seed: int, use: int) -> int:
    """A seed of its own for each use of a run's seed: epochs are 1, 2, ..., layers -1, -2, ..."""
    return int(np.random.SeedSequence([seed, use % 2**32]).generate_state(1)[0])


def gate_shares(model: LogicGateNetwork) -> tuple[float, float]:
    """Shares of a model's gates that are undecided (soft) and constant (discrete); see `Epoch`."""
    low, high = _UNDECIDED
    undecided = constant = 0
    with torch.no_grad():
        for layer in model.logic:
            corners, tables = layer.soft_corners(), layer.tables()
            undecided += int(((corners > low) & (corners < high)).any(1).sum())
            constant += int(((tables == 0) | (tables == 15)).sum())
    return undecided / model.n_gates, constant / model.n_gates


def gradient_norms(model: LogicGateNetwork) -> tuple[float, float]:
    """Norms of the gradients that the gates of the first and of the last layer have now; 0 without one."""

    def norm(layer: LogicDense) -> float:
        return 0.0 if layer.weight.grad is None else float(layer.weight.grad.norm())

    return norm(model.logic[0]), norm(model.logic[-1])


@torch.no_grad()
def _accuracy(model: LogicGateNetwork, bits: Tensor, labels: Tensor) -> float:
    right = 0
    for start in range(0, len(labels), _CHUNK):
        part = model.bit_scores(bits[start : start + _CHUNK])
        right += int((part.argmax(1) == labels[start : start + _CHUNK]).sum())
    return right / len(labels)


def _best(history: Sequence[Epoch]) -> Epoch:
    return max(history, key=lambda row: (row.hard_accuracy, row.epoch))


def _finished(history: Sequence[Epoch], recipe: Recipe) -> bool:
    if len(history) >= recipe.epochs:
        return True
    if not history or not recipe.patience:
        return False
    first_best = max(history, key=lambda row: (row.hard_accuracy, -row.epoch)).epoch
    return len(history) - first_best >= recipe.patience


def _metrics(history: Sequence[Epoch], model: LogicGateNetwork) -> dict[str, float]:
    best = _best(history)
    return {
        "validation_accuracy": best.hard_accuracy,
        "best_epoch": best.epoch,
        "epochs": len(history),
        "gates": model.n_gates,
    }


def _where_not_finite(model: LogicGateNetwork) -> str:
    """The first layer with a number that is not finite, as part of a message."""
    for i, layer in enumerate(model.logic):
        for name, parameter in layer.named_parameters():
            if not bool(torch.isfinite(parameter).all()):
                return f" (layer {i} has a {name} that is not finite)"
    for i, layer in enumerate(model.logic):
        for name, parameter in layer.named_parameters():
            if parameter.grad is not None and not bool(torch.isfinite(parameter.grad).all()):
                return f" (layer {i} has a gradient of {name} that is not finite)"
    return ""


def _chunks(x: Tensor) -> Iterator[Tensor]:
    return (x[start : start + _CHUNK] for start in range(0, len(x), _CHUNK))


def _between(first: float, last: float, share: float) -> float:
    """Geometric interpolation."""
    return first * math.exp(share * math.log(last / first))


def _cosine(recipe: Recipe) -> bool:
    return recipe.schedule == "cosine"


def _optimizer(recipe: Recipe, model: LogicGateNetwork) -> torch.optim.Optimizer:
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    weights = [layer.weight for layer in model.logic]
    choices = [layer.choice.logits for layer in model.logic if layer.choice]
    groups = [{"params": weights, "first_rate": recipe.learning_rate, "weight_decay": recipe.weight_decay}]
    if choices:
        groups.append({"params": choices, "first_rate": recipe.choice_rate, "weight_decay": 0.0})
    return kind(groups, fused=True)


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state, `<parameter>.<name>`."""
    state = optimizer.state_dict()["state"]
    return {f"{parameter}.{name}": value for parameter, values in state.items() for name, value in values.items()}


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: Any) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        parameter, name = key.split(".")
        state.setdefault(int(parameter), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _progress_bar(recipe: Recipe, shown: bool) -> Iterator[Callable[[Sequence[Epoch]], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bar:
        task = bar.add_task(f"train {recipe.name}", total=recipe.epochs, figures="")

        def show(history: Sequence[Epoch]) -> None:
            if history:
                last, best = history[-1], _best(history)
                figures = f"loss {last.loss:.3f}, hard {last.hard_accuracy:.2%}, best {best.hard_accuracy:.2%}"
                bar.update(task, completed=len(history), figures=figures)

        yield show
