"""The convolutional models of examples/models: accuracy, and the same heads without convolution at equal training time.

A model's row is its ONNX file through the native artifact, on the whole test set. The row below it is trained here, by
the model's recipe with nothing but its head, for as many epochs as the recipe's take on this machine; --quick leaves it
out. CIFAR-10's test images are the last 5,000 training images, of which the models have seen none, and in the note the
first 1,000 official ones; the papers' are all 10,000 official ones. A plot of accuracy over stored gates, beside all
published points, goes to build/reproduce.
"""

from __future__ import annotations

import re
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import plot
from cifar10 import official_test
from models import FOLDER
from runs import TRUE_GATES, Options, Row, accuracy, run

import lgn_edge
from lgn_edge.errors import LgnError
from lgn_edge.network import LogicConv2d, LogicDense, Network, ensemble
from lgn_edge.passes.simplify_images import simplify_images
from lgn_edge.training import Dataset, Recipe, load_dataset, load_recipe, train


@dataclass(frozen=True)
class Claim:
    """A figure to be reached (see `models.Claim`)."""

    model: str
    must: str
    aim: str
    paper: str


CLAIMS = (
    Claim("mnist-conv", ">= 98.8", ">= 99.2", "Petersen 2024: S 98.46 %, M 99.23 %; convlogic 98.32 and 98.81 %"),
    Claim("mnist-conv-small", ">= 98.5", "", "less than 8,000 stored gates"),
    Claim("mnist-conv-tiny", ">= 98.5", "", "less than 4,000 stored gates"),
    Claim("cifar10-32000-edges", ">= 61.5", ">= 63", "dense, with edges; LILogicNet 60.98 % with 256,000"),
    Claim("cifar10-conv", ">= 66", ">= 68", "Petersen 2024: S 60.38 %, M 71.01 %; convlogic 59.84 and 69.15 %"),
    Claim("cifar10-conv-64", ">= 70", ">= 74", "CompactLogic 72.56 % with 1,080,000 gates; silogic 67 % with 228,000"),
)
# Published accuracy on CIFAR-10, percent, and stored gates in thousands: a kernel's gates are counted once.
PUBLISHED = {
    "Petersen 2024, S and M": ((83.552, 60.38), (668.416, 71.01)),
    "convlogic, S and M": ((83.552, 59.84), (668.416, 69.15)),
    "silogic, 6-input LUTs": ((228, 67),),
    "CompactLogic": ((1080, 72.56),),
    "LILogicNet, dense": ((8, 55.11), (64, 57.66), (256, 60.98)),
    "BitLogic, dense": ((8, 38.93), (32, 49.22), (128, 58.06)),
}
OURS = {
    "lgn-edge, dense": ("cifar10-8000", "cifar10-32000", "cifar10-128000"),
    "lgn-edge, dense with edges": ("cifar10-32000-edges",),
    "lgn-edge, convolutions": ("cifar10-conv", "cifar10-conv-64"),
}
_STEPS = 10  # of the epochs that are timed


def measure(options: Options) -> list[Row]:
    """Two rows a model, and one for the plot."""
    rows = [row for claim in CLAIMS for row in _rows(claim, options.quick)]
    return [*rows, _together(), *_plotted()]


def _rows(claim: Claim, quick: bool) -> list[Row]:
    alone, model = f"{claim.model}, its head alone", FOLDER / claim.model / "model.onnx"
    if not model.exists():
        return [Row(claim.model, None, "%", claim.must, claim.aim, f"not trained; {claim.paper}")]
    recipe = load_recipe(claim.model)
    try:
        data = load_dataset(recipe.data.name)
    except LgnError as error:
        return [Row(claim.model, None, "%", claim.must, claim.aim, f"not measured: {error}")]
    network = lgn_edge.load(model)
    places = f"{network.n_gates:,} at all places"
    counts = f"{network.n_distinct:,} gates stored, {live_gates(network):,} live, {places}, n = {len(data.test_y):,}"
    if recipe.data.name == "cifar10":
        x, y = official_test()
        counts += f"; {100 * accuracy(model, x, y):.1f} % of {len(y):,} official test images"
    reached = 100 * accuracy(model, data.test_x, data.test_y)
    row = Row(claim.model, reached, "%", claim.must, claim.aim, f"{counts}; {claim.paper}")
    if not any(isinstance(layer, LogicConv2d) for layer in network.layers):
        return [row]
    if quick:
        return [row, Row(alone, None, "%", note="not trained: it takes as long as the recipe")]
    return [row, _alone(alone, recipe, data)]


def _together() -> Row:
    """Both models of CIFAR-10 as one, whose scores are the sums of theirs."""
    names = ("cifar10-conv", "cifar10-conv-64")
    label = " and ".join(names)
    try:
        data = load_dataset("cifar10")
    except LgnError as error:
        return Row(label, None, "%", note=f"not measured: {error}")
    both = ensemble([lgn_edge.load(FOLDER / name / "model.onnx") for name in names])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "both.onnx"
        lgn_edge.export(both, path)
        reached = 100 * accuracy(path, data.test_x, data.test_y)
    return Row(label, reached, "%", note=f"{both.n_distinct:,} gates stored, n = {len(data.test_y):,}")


def live_gates(network: Network) -> int:
    """Stored gates that depend on both inputs once kernels are as small as their functions."""
    tables = (layer.table for layer in simplify_images(network).layers if isinstance(layer, LogicConv2d | LogicDense))
    return sum(int(np.isin(table, TRUE_GATES).sum()) for table in tables)


def _alone(name: str, recipe: Recipe, data: Dataset) -> Row:
    """The recipe's head on the encoder's bits, trained for as long."""
    head = {key: value for key, value in recipe.layers[-1].to_dict().items() if key != "reads"}
    alone = recipe.changed({"layers": [head]})
    ratio = _seconds(recipe, data) / _seconds(alone, data)
    alone = alone.changed({"epochs": max(1, round(ratio * recipe.training.epochs))})
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        result = train(alone, data=data, output=Path(folder) / "run", progress=False)
    minutes = (time.process_time() - start) / 60
    epochs = f"{alone.training.epochs} epochs, which take 1/{ratio:.2g} of the recipe's time each"
    note = f"{result.network.n_distinct:,} gates, {epochs}; {minutes:.0f} minutes"
    return Row(name, 100 * result.metrics["hard_accuracy"], "%", note=note)


def _seconds(recipe: Recipe, data: Dataset) -> float:
    """Seconds of the processor that ten short epochs take, in which layers learn for the same shares as in all."""
    some, few = slice(_STEPS * recipe.training.batch), slice(100)
    part = replace(data, train_x=data.train_x[some], train_y=data.train_y[some])
    part = replace(part, test_x=data.test_x[few], test_y=data.test_y[few])
    for epochs in (1, 10):  # the first one compiles what is compiled once
        start = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            train(recipe.changed({"epochs": epochs}), data=part, output=Path(folder) / "run", progress=False)
    return time.process_time() - start


def _plotted() -> list[Row]:
    """The plot, if there is anything of ours to draw."""
    series: dict[str, list[tuple[float, float]]] = {}
    for label, names in OURS.items():
        points = [_point(FOLDER / name) for name in names if (FOLDER / name).exists()]
        if points:
            series[label] = points
    path = plot.lines("convolution", "CIFAR-10", "stored gates, thousands", "%", series | PUBLISHED, logarithmic=True)
    return [Row("accuracy over stored gates", None, "", note=f"drawn: {path}")]


def _point(folder: Path) -> tuple[float, float]:
    """Stored gates in thousands, and the accuracy that the card of a model claims, which a test holds."""
    claimed = re.search(r"accuracy \| \*\*([0-9.]+) %", (folder / "README.md").read_text(encoding="utf-8"))
    assert claimed, "cards are written by ship.py"
    return lgn_edge.load(folder / "model.onnx").n_distinct / 1000, float(claimed[1])


if __name__ == "__main__":
    run("reproduce/convolution", measure)
