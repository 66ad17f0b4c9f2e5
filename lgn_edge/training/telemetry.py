"""What a run says about itself: a row an epoch, in memory, as a table and on a progress bar."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lgn_edge.files import append, write_atomic
from lgn_edge.training.checkpoint import DamagedError
from lgn_edge.training.recipe import Recipe

TABLE: Final = "history.csv"  # in the output folder of a run


@dataclass(frozen=True)
class Epoch:
    """Telemetry of one epoch.

    Attributes:
        epoch: from 1.
        learning_rate: of its last step.
        loss: mean cross-entropy of its training samples.
        soft_accuracy, hard_accuracy: of the real-valued and of the discrete network on the validation samples; where
            all samples train, on every tenth of those.
        gap: soft_accuracy - hard_accuracy, the discretisation gap. Both are None where all gates are trained as
            discrete ones without noise ("hard"): there is no soft network whose accuracy could be lost.
        undecided: share of gates with a soft corner between 0.1 and 0.9.
        constant: share of gates whose discrete truth table is 0 or 1.
        gradient_first: norm of the gradient of the first layer's gates in the last step.
        gradient_last: the same of the last layer; where it is much larger, gradients vanish on the way.
        varying: share of the channels of a layer that are neither always 0 nor always 1 on the validation samples, of
            the layer where it is least (see `evaluation.varying`). A channel that does not vary tells nothing.
    """

    epoch: int
    learning_rate: float
    loss: float
    soft_accuracy: float | None
    hard_accuracy: float
    gap: float | None
    undecided: float
    constant: float
    gradient_first: float
    gradient_last: float
    varying: float


_COLUMNS: Final = [field.name for field in fields(Epoch)]


def kept_epoch(history: Sequence[Epoch], recipe: Recipe) -> Epoch:
    """The epoch whose model is kept: with the highest hard accuracy, the latest among equals.

    Where there are no validation samples to choose by, it is the last one.
    """
    if not recipe.training.validation:
        return history[-1]
    return max(history, key=lambda row: (row.hard_accuracy, row.epoch))


def write_table(path: Path, history: Sequence[Epoch]) -> None:
    """Write the epochs as CSV, one row each, in the place of an older table.

    Raises:
        InputError: another file is there, or it cannot be written.
    """
    write_atomic(path, "\n".join([",".join(_COLUMNS), *map(_line, history), ""]), ours=is_table)


def is_table(path: Path) -> bool:
    """Whether a file begins as our tables do."""
    with path.open("rb") as file:
        return file.readline().rstrip() == ",".join(_COLUMNS).encode()


def append_row(path: Path, row: Epoch) -> None:
    """Add an epoch to a table.

    Raises:
        InputError: the table cannot be written.
    """
    append(path, _line(row) + "\n")


def read_table(path: Path, epochs: int) -> list[Epoch]:
    """The first epochs of a table; what is behind them, perhaps half a row, is not read.

    Raises:
        DamagedError: the table cannot be read, or has not that many epochs.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")[: epochs + 1]
        rows = [Epoch(int(number), *map(_number, rest)) for number, *rest in csv.reader(lines[1:])]
        if lines[0] != ",".join(_COLUMNS) or [row.epoch for row in rows] != list(range(1, epochs + 1)):
            raise ValueError
    except (OSError, ValueError, TypeError) as error:
        raise DamagedError(
            f"{path} is not the table of the {epochs} epochs that were trained there (put it back if you changed it)"
        ) from error
    return rows


def _line(row: Epoch) -> str:
    return ",".join("" if value is None else str(value) for value in astuple(row))


def _number(text: str) -> Any:
    return float(text) if text else None


@contextmanager
def shown_progress(recipe: Recipe, shown: bool) -> Iterator[Callable[[Sequence[Epoch]], None]]:
    """Within the block, a bar on stderr, or a line an epoch where that is no terminal.

    What it gives is called with the epochs so far.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("epochs  {task.fields[figures]}"),
        TimeRemainingColumn(),
    )
    console, what, epochs = Console(stderr=True), f"train {recipe.name}", recipe.training.epochs
    with Progress(*columns, console=console, disable=not shown or not console.is_terminal) as bar:
        task = bar.add_task(what, total=epochs, figures="")

        def show(history: Sequence[Epoch]) -> None:
            if not history:
                return
            last, top = history[-1], kept_epoch(history, recipe)
            figures = f"loss {last.loss:.3f}, accuracy {last.hard_accuracy:.2%}, best {top.hard_accuracy:.2%}"
            bar.update(task, completed=len(history), figures=figures)
            if shown and not console.is_terminal:
                print(f"{what}: epoch {len(history)} of {epochs}, {figures}", file=sys.stderr, flush=True)

        yield show
