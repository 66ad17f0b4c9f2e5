"""First layers whose gates read neighbouring pixels, against random ones, in dense networks for CIFAR-10.

A third party reports 3 to 4.6 points for a first layer of neighbouring pixels in dense networks of random wiring. Here
each gate of the first layer reads two bits of one plane and threshold, whose pixels touch; all other wires are random,
and everything else is equal. 10,000 images, a tenth of which validates; the best epoch of each seed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from runs import BASE, SEEDS, Options, Row, images, mean, run, spread

from lgn_edge.network.layers import Int32Array
from lgn_edge.training import Dataset, Recipe, save_checkpoint, train
from lgn_edge.training.build import build_model

SIDE = 32
WIDTHS = {"4 x 8,000": (8_000,) * 4, "16,000 and 2 x 8,000": (16_000, 8_000, 8_000)}
STARTS = ("residual", "gaussian")


def measure(options: Options) -> list[Row]:
    """Two rows a network and start: the mean of the seeds with random and with neighbouring first wires."""
    data = images(2_000 if options.quick else 10_000, "cifar10")
    seeds, epochs = (SEEDS[:1], 1) if options.quick else (SEEDS, 12)
    rows = []
    for name, widths in WIDTHS.items():
        for init in STARTS:
            settings = {
                "widths": widths,
                "init": init,
                "init_shift": 1.0,
                "encoder.levels": 3,
                "encoder.planes": True,
                "tau": 12.0,
            }
            recipe = BASE.changed(settings | {"data.name": "cifar10", "epochs": epochs, "learning_rate": 0.02})
            for neighbours in (False, True):
                best = [_best(recipe.changed({"seed": seed}), data, neighbours) for seed in seeds]
                wires = "neighbours" if neighbours else "random"
                rows.append(Row(f"{name}, {init}, {wires}", mean(best), "%", note=f"{spread(best)}; {epochs} epochs"))
    return rows


def neighbours(planes: int, gates: int, seed: int) -> tuple[Int32Array, Int32Array]:
    """Pairs int32[gates] of bits of one plane, whose pixels touch by a side or a corner."""
    rng = np.random.default_rng(seed)
    plane = rng.integers(planes, size=gates)
    pixel = rng.integers(SIDE, size=(2, gates))
    steps = np.array([(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]).T
    other = pixel + steps[:, rng.integers(8, size=gates)]
    other = np.where((other < 0) | (other >= SIDE), 2 * pixel - other, other)  # behind the border: on the other side
    first, second = ((plane * SIDE + y) * SIDE + x for y, x in (pixel, other))
    return first.astype(np.int32), second.astype(np.int32)


def _best(recipe: Recipe, data: Dataset, neighbouring: bool) -> float:
    model = build_model(recipe, data)
    if neighbouring:
        state = model.state_dict()
        planes, gates = model.encoder.out_features // SIDE**2, len(state["layers.0.a"])
        wires = neighbours(planes, gates, recipe.training.seed)
        model.load_state_dict(
            state | dict(zip(("layers.0.a", "layers.0.b"), map(torch.from_numpy, wires), strict=True))
        )
    with tempfile.TemporaryDirectory() as folder:
        save_checkpoint(model, Path(folder) / "start")
        result = train(
            recipe, data=data, output=Path(folder) / "run", start_from=Path(folder) / "start", progress=False
        )
    return 100 * max(epoch.hard_accuracy for epoch in result.history)


if __name__ == "__main__":
    run("reproduce/structured", measure)
