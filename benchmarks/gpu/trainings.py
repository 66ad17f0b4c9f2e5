"""Trainings on a GPU to their hard accuracy, and two papers' own set-ups, as far as minutes allow.

Those are the backward pass of arXiv 2510.03250, and raw gates with Gumbel noise beside soft ones, as arXiv 2506.07500
has them but for the images: here they are MNIST's.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch
from harness import Options, Row, run

from gpu.timing import DEVICE, seconds
from lgn_edge.errors import InputError
from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, Threshold
from lgn_edge.training import Epoch, Recipe, load_dataset, load_recipe, train

REACHED: Final = 0.984  # of the images that are held out
WIDE: Final[dict[str, Any]] = {"widths": [64_000] * 6, "epochs": 30, "validation": 0.1, "tau": 22.0}
DEEP: Final = (80, 128_000)  # layers and gates of arXiv 2510.03250; the batch is 1


GAP: Final[dict[str, Any]] = {
    "widths": [64_000] * 6,
    "parametrization": "raw",
    "init": "gaussian",
    "wiring": "unique",
    "levels": 31,
    "learning_rate": 0.01,
    "schedule": "constant",
    "epochs": 1000,
    "validation": 0.1,
    "tau": 60.0,
}
GAP_REACHED: Final = 0.95  # of the images that are held out
GAP_RUNS: Final = (("soft", 1.0), ("gumbel", 1.0), ("gumbel", 0.25))  # estimators and temperatures


class _EndedError(Exception):
    pass


def measure(options: Options) -> Iterator[Row]:
    """Seconds to an accuracy, and what is reached; the ratio of two backward passes."""
    end = time.monotonic() + options.seconds
    if options.quick:
        small = load_recipe("digits").changed({"widths": [100, 100], "epochs": 1})
        yield from trained(small, 0.0, end)
        yield from deep(2, 40)
        yield from gap(small.changed({"parametrization": "raw", "init": "gaussian"}), 0.0, end)
        return
    yield from trained(load_recipe("mnist").changed({**WIDE, "device": DEVICE}), REACHED, end - 20)
    yield from deep(*DEEP)
    yield from gap(load_recipe("mnist").changed({**GAP, "device": DEVICE}), GAP_REACHED, end)


def gap(recipe: Recipe, wanted: float, end: float) -> Iterator[Row]:
    """Steps to an accuracy of the discrete network, and what differs between it and the one that is trained."""
    training = recipe.training
    samples = len(load_dataset(recipe.data.name).train_y) * (1 - training.validation)
    for i, (estimator, tau) in enumerate(GAP_RUNS):
        until = time.monotonic() + (end - time.monotonic()) / (len(GAP_RUNS) - i)
        history = run_until(recipe.changed({"estimator": estimator, "temperature": tau}), wanted, until)
        what = f"Mind the Gap's set-up, {estimator}, temperature {tau}"
        if isinstance(history, str):
            yield Row(f"{what}: steps", None, "", note=history)
            continue
        took, last = history[-1]
        steps = last.epoch * math.ceil(samples / training.batch)
        shown = f"{steps:,} steps, {took:.0f} s, held-out accuracy {100 * last.hard_accuracy:.2f} %"
        reached = last.hard_accuracy >= wanted
        note = shown if reached else f"not reached: {shown}"
        yield Row(f"{what}: steps to {100 * wanted:.0f} %", steps if reached else None, "", note=note)
        yield Row(f"{what}: soft - hard", None if last.gap is None else 100 * last.gap, "points", note=shown)
        yield Row(f"{what}: undecided gates", 100 * last.undecided, "%", note=shown)


def trained(recipe: Recipe, wanted: float, end: float) -> Iterator[Row]:
    """Seconds to an accuracy on the images that are held out, as long as there is time."""
    what = f"{recipe.name}, {sum(getattr(layer, 'width', 0) for layer in recipe.layers):,} gates"
    history = run_until(recipe, wanted, end)
    if isinstance(history, str):
        yield Row(what, None, "s", note=history)
        return
    took, last = history[-1]
    best = max(epoch.hard_accuracy for _, epoch in history)
    note = f"{last.epoch} epochs, {took / last.epoch:.1f} s each; held-out accuracy {100 * best:.2f} % at best"
    reached = last.hard_accuracy >= wanted
    goal = f"{what}: to {100 * wanted:.1f} % of the held-out images"
    yield Row(goal, took if reached else None, "s", aim="< 60", note=note if reached else f"not reached: {note}")


def run_until(recipe: Recipe, wanted: float, end: float) -> list[tuple[float, Epoch]] | str:
    """Epochs with the seconds after each, until an accuracy is reached or time is over; or why there are none."""
    history: list[tuple[float, Epoch]] = []
    start = time.monotonic()

    def after(epoch: Epoch) -> None:
        history.append((time.monotonic() - start, epoch))
        spent = history[-1][0] / len(history)
        if epoch.hard_accuracy >= wanted or time.monotonic() + spent > end:
            raise _EndedError

    try:
        with tempfile.TemporaryDirectory() as folder:
            train(recipe, output=Path(folder) / "run", progress=False, on_epoch=after)
    except _EndedError:
        pass
    except InputError as error:
        return f"not run: {error}"
    return history


def deep(layers: int, gates: int) -> Iterator[Row]:
    """The backward pass of many wide layers of real-valued gates, batch 1: raw over light gates."""
    found: dict[str, float] = {}
    for parametrization in ("raw", "light"):
        many = [LogicDense(gates, gates, parametrization=parametrization, seed=i) for i in range(layers)]
        model = LogicGateNetwork(Threshold.bits(gates), many, GroupSum(gates, 10)).train().to(DEVICE)
        x = torch.rand(1, gates, device=DEVICE) > 0.5
        loss = model.logits(x).logsumexp(1).sum()

        def backward(loss: torch.Tensor = loss, model: LogicGateNetwork = model) -> None:
            model.zero_grad()
            loss.backward(retain_graph=True)

        took = seconds(backward)
        what = f"backward, {layers} x {gates:,}, batch 1: {parametrization}"
        note = "" if took else "executed, not timed: no GPU"
        yield Row(what, took and took * 1e3, "ms", note=note)
        found |= {parametrization: took} if took else {}
        del model, many, loss
    if found:
        yield Row("raw over light", found["raw"] / found["light"], "x", note="1.86 in arXiv 2510.03250")


if __name__ == "__main__":
    run("trainings", measure)
