"""Trainings on a GPU to their hard accuracy, and the backward pass of the Light paper's own set-up."""

from __future__ import annotations

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
from lgn_edge.training import Epoch, Recipe, load_recipe, train

REACHED: Final = 0.984  # of the images that are held out
WIDE: Final[dict[str, Any]] = {"widths": [64_000] * 6, "epochs": 30, "validation": 0.1, "tau": 22.0}
DEEP: Final = (80, 128_000)  # layers and gates of arXiv 2510.03250; the batch is 1


class _EndedError(Exception):
    pass


def measure(options: Options) -> Iterator[Row]:
    """Seconds to an accuracy, and what is reached; the ratio of two backward passes."""
    end = time.monotonic() + options.seconds
    if options.quick:
        yield from trained(load_recipe("digits").changed({"widths": [100, 100], "epochs": 1}), 0.0, end)
        yield from deep(2, 40)
        return
    yield from trained(load_recipe("mnist").changed({**WIDE, "device": DEVICE}), REACHED, end - 20)
    yield from deep(*DEEP)
    yield from trained(load_recipe("mnist-48000").changed({"device": DEVICE}), 1.0, end)


def trained(recipe: Recipe, wanted: float, end: float) -> Iterator[Row]:
    """Seconds to an accuracy on the images that are held out, as long as there is time."""
    history: list[tuple[float, Epoch]] = []
    start = time.monotonic()

    def after(epoch: Epoch) -> None:
        history.append((time.monotonic() - start, epoch))
        spent = history[-1][0] / len(history)
        if epoch.hard_accuracy >= wanted or time.monotonic() + spent > end:
            raise _EndedError

    what = f"{recipe.name}, {sum(getattr(layer, 'width', 0) for layer in recipe.layers):,} gates"
    try:
        with tempfile.TemporaryDirectory() as folder:
            train(recipe, output=Path(folder) / "run", progress=False, on_epoch=after)
    except _EndedError:
        pass
    except InputError as error:
        yield Row(what, None, "s", note=f"not run: {error}")
        return
    took, last = history[-1]
    best = max(epoch.hard_accuracy for _, epoch in history)
    note = f"{last.epoch} epochs, {took / last.epoch:.1f} s each; held-out accuracy {100 * best:.2f} % at best"
    reached = last.hard_accuracy >= wanted
    goal = f"{what}: to {100 * wanted:.1f} % of the held-out images"
    yield Row(goal, took if reached else None, "s", aim="< 60", note=note if reached else f"not reached: {note}")


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
