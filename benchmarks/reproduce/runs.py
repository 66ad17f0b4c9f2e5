"""What the scripts share: short trainings of one recipe with changes, their telemetry, and accuracy of an ONNX file."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # where harness.py is, which every benchmark shares

import numpy as np
import torch
from harness import TRUE_GATES, Options, Row, interleaved, run
from numpy.typing import NDArray

import lgn_edge
from lgn_edge.nn import LogicGateNetwork
from lgn_edge.training import (
    DataRecipe,
    Dataset,
    DenseRecipe,
    EncoderRecipe,
    Epoch,
    Recipe,
    TrainingRecipe,
    load_dataset,
    train,
)
from lgn_edge.training.datasets import stratified_split

__all__ = [
    "SEEDS",
    "TRUE_GATES",
    "Options",
    "Row",
    "Run",
    "accuracy",
    "by_epoch",
    "images",
    "interleaved",
    "mean",
    "run",
    "spread",
    "trained",
]

SEEDS = (0, 1, 2)
# A part of the training images; a tenth of it validates.
BASE = Recipe(
    name="claim",
    data=DataRecipe("mnist"),
    encoder=EncoderRecipe(levels=1),
    layers=(DenseRecipe(1000),),
    training=TrainingRecipe(batch=128, threads=1),
)


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        history: its epochs; accuracies are of the validation samples.
        seconds: of the processor, on one thread, when each epoch ended.
        steps: of an epoch.
        as_trained: accuracy of the best epoch's network on the validation samples in training mode, noise included.
    """

    history: tuple[Epoch, ...]
    seconds: tuple[float, ...]
    steps: int
    as_trained: float

    @property
    def best(self) -> float:
        """The best hard accuracy."""
        return max(epoch.hard_accuracy for epoch in self.history)

    def first(self, accuracy: float) -> int | None:
        """Index of the first epoch with this hard accuracy, or None."""
        return next((i for i, epoch in enumerate(self.history) if epoch.hard_accuracy >= accuracy), None)


def images(samples: int, dataset: str = "mnist") -> Dataset:
    """So many training images of a data set, and few test images: nothing here is chosen or reported by them."""
    full = load_dataset(dataset)
    return replace(
        full,
        train_x=full.train_x[:samples],
        train_y=full.train_y[:samples],
        test_x=full.test_x[:100],
        test_y=full.test_y[:100],
    )


def trained(data: Dataset, seed: int, **changes: Any) -> Run:
    """One training of the base recipe with changes, by name (see `Recipe.changed`)."""
    recipe = BASE.changed({"seed": seed, **changes})
    start, seconds = time.process_time(), []
    with tempfile.TemporaryDirectory() as folder:
        result = train(
            recipe,
            data=data,
            output=Path(folder) / "run",
            progress=False,
            on_epoch=lambda _: seconds.append(time.process_time() - start),
        )
    kept, held = stratified_split(data.train_y, recipe.training.validation, recipe.training.seed)
    as_trained = _accuracy_as_trained(result.model, data.train_x[held], data.train_y[held])
    return Run(result.history, tuple(seconds), -(-len(kept) // recipe.training.batch), as_trained)


@torch.no_grad()
def _accuracy_as_trained(model: LogicGateNetwork, x: NDArray[Any], y: NDArray[np.int64]) -> float:
    torch.manual_seed(0)
    classes = model.train().predict(torch.from_numpy(x))
    return float((classes == torch.from_numpy(y)).double().mean())


def by_epoch(group: Sequence[Run], value: Callable[[Epoch], float]) -> list[tuple[float, float]]:
    """Points (epoch, mean of a value of the runs), for a plot."""
    epochs = zip(*(one.history for one in group), strict=True)
    return [(rows[0].epoch, mean([value(row) for row in rows])) for rows in epochs]


def accuracy(model: Path, x: NDArray[Any], y: NDArray[np.int64]) -> float:
    """Share of samples that the native artifact of an ONNX file gets right."""
    with tempfile.TemporaryDirectory() as folder:
        artifact = lgn_edge.build(model, "native", Path(folder) / "native")
        return float((artifact.predict(x).classes == y).mean())


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The values of the seeds, for a note."""
    return (
        ", ".join(f"{value:.{digits}f}" for value in values) + f" (seeds {', '.join(map(str, SEEDS[: len(values)]))})"
    )


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean."""
    return statistics.fmean(values)
