"""What a run says about itself: a row an epoch, in memory, as a table and on a progress bar."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lgn_edge.files import write_atomic
from lgn_edge.training.recipe import Recipe


@dataclass(frozen=True)
class Epoch:
    """Telemetry of one epoch.

    Attributes:
        epoch: from 1.
        learning_rate: of its last step.
        loss: mean cross-entropy of its training samples.
        soft_accuracy, hard_accuracy: of the real-valued and of the discrete network on the validation samples; where
            all samples train, on a tenth of those.
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


def kept_epoch(history: Sequence[Epoch], recipe: Recipe) -> Epoch:
    """The epoch whose model is kept: with the highest hard accuracy, the latest among equals.

    Where there are no validation samples to choose by, it is the last one.
    """
    if not recipe.validation:
        return history[-1]
    return max(history, key=lambda row: (row.hard_accuracy, row.epoch))


def write_table(path: Path, history: Sequence[Epoch]) -> None:
    """Write the epochs as CSV, one row each."""
    text = io.StringIO()
    table = csv.DictWriter(text, [field.name for field in fields(Epoch)], lineterminator="\n")
    table.writeheader()
    table.writerows(asdict(row) for row in history)
    write_atomic(path, text.getvalue())


@contextmanager
def progress_bar(recipe: Recipe, shown: bool) -> Iterator[Callable[[Sequence[Epoch]], None]]:
    """Within the block, a bar on stderr; what it gives is called with the epochs so far."""
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
                last, top = history[-1], kept_epoch(history, recipe)
                figures = f"loss {last.loss:.3f}, hard {last.hard_accuracy:.2%}, kept {top.hard_accuracy:.2%}"
                bar.update(task, completed=len(history), figures=figures)

        yield show
