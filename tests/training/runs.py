"""A short run for tests, what it writes, and how it is cut off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lgn_edge.training import (
    DataRecipe,
    Dataset,
    DenseRecipe,
    EncoderRecipe,
    Epoch,
    HeadRecipe,
    Recipe,
    TrainingRecipe,
)

RECIPE = Recipe(
    name="small",
    data=DataRecipe("xor"),
    encoder=EncoderRecipe(levels=1),
    layers=(DenseRecipe(24, init_shift=1.0), DenseRecipe(12, init_shift=1.0)),
    head=HeadRecipe(tau=1.0),
    training=TrainingRecipe(epochs=4, batch=32, seed=3, threads=1),
)


def dataset(seed: int = 0) -> Dataset:
    """Two classes: whether the signs of the first two features differ."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(500, 5)).astype(np.float32)
    y = ((x[:, 0] > 0) != (x[:, 1] > 0)).astype(np.int64)
    return Dataset("xor", x[:400], y[:400], x[400:], y[400:], ("same", "different"), "float32")


def files(run: Path) -> dict[str, bytes]:
    """All that is there, but for the empty lock that a process leaves when it is killed before it has marked it."""
    found = {str(path.relative_to(run)): path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}
    return {name: content for name, content in found.items() if content or not name.endswith("/lock")}


class CutOffError(Exception):
    pass


def cut_off_after(epoch: int) -> Callable[[Epoch], None]:
    def on_epoch(row: Epoch) -> None:
        if row.epoch == epoch:
            raise CutOffError

    return on_epoch
