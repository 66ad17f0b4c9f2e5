"""Gumbel straight-through against soft training (arXiv 2506.07500): gap, undecided gates, time to equal accuracy.

Not like for like: the paper trains 256,000 gates a layer on CIFAR-10 on a GPU, with Gaussian initialisation; here it is
one CPU thread, MNIST with residual initialisation, and CIFAR-10 with Gaussian one, but of 1,600 gates a layer. Its
"unused gates" are held to be gates that have not decided: soft truth tables with an entry between 0.1 and 0.9. The gap
is given twice: of the soft network without noise at the end, and, as the paper's code measures it, of the network that
was trained: for Gumbel discrete gates with noise, for hard straight-through the discrete ones themselves (best epoch).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from plot import lines
from runs import SEEDS, Options, Row, Run, by_epoch, images, mean, run, spread, trained

from lgn_edge.errors import LgnError

HARD = {"estimator": "hard"}
ESTIMATORS: dict[str, dict[str, Any]] = {
    "soft": {"estimator": "soft"},
    "gumbel, temperature 1": {"estimator": "gumbel"},
    "gumbel, temperature 0.25": {"estimator": "gumbel", "temperature": 0.25},
    "hard": HARD,
}


@dataclass(frozen=True)
class Setup:
    """What the estimators are compared on.

    Attributes:
        name: for people and the plot's file.
        dataset: of images, the first 10,000.
        seeds: one run each.
        recipe: beside the data set and the estimator; raw gates, a constant learning rate.
    """

    name: str
    dataset: str
    seeds: tuple[int, ...]
    recipe: dict[str, Any]


SETUPS = (
    Setup("6 x 1,000, MNIST", "mnist", SEEDS, {"widths": (1000,) * 6, "tau": 4.0, "epochs": 15, "learning_rate": 0.03}),
    Setup(
        "8 x 1,600, CIFAR-10, Gaussian",
        "cifar10",
        SEEDS,
        {"widths": (1600,) * 8, "tau": 10.0, "epochs": 30, "learning_rate": 0.01, "init": "gaussian"},
    ),
)


def measure(options: Options) -> list[Row]:
    """Gap, undecided gates and time by estimator, raw gates; --quick takes fewer images, epochs and seeds."""
    return [row for setup in SETUPS for row in _compared(setup, options.quick)]


def _compared(setup: Setup, quick: bool) -> list[Row]:
    try:
        data = images(4000 if quick else 10_000, setup.dataset)
    except LgnError as error:
        return [Row(setup.name, None, "", note=f"not measured: {error}")]
    seeds = setup.seeds[: 1 if quick else None]
    recipe = {**setup.recipe, "dataset": setup.dataset, "parametrization": "raw", "schedule": "constant"}
    recipe |= {"epochs": 4} if quick else {}
    runs = {name: [trained(data, seed, **recipe, **changes) for seed in seeds] for name, changes in ESTIMATORS.items()}
    rows = []
    for name, group in runs.items():
        last, what = [one.history[-1] for one in group], f"{setup.name}, {name}"
        note = f"raw gates, {len(data.train_y):,} images, {recipe['epochs']} epochs"
        rows.append(Row(f"{what}: hard accuracy", 100 * mean([one.best for one in group]), "%", note=note))
        gaps = [100 * epoch.gap for epoch in last if epoch.gap is not None]
        if gaps:  # of the network that straight-through without noise trains there is no soft one
            rows.append(Row(f"{what}: gap, soft - hard", mean(gaps), "points", note=spread(gaps)))
        gaps = [100 * (one.as_trained - one.best) for one in group]
        rows.append(Row(f"{what}: gap, as trained - hard", mean(gaps), "points", note=spread(gaps)))
        rows.append(Row(f"{what}: undecided gates", 100 * mean([epoch.undecided for epoch in last]), "%"))
        if name != "soft":
            ratio = f"{what}: time to soft's best hard accuracy, ratio"
            short = Row(ratio, None, "x", note="not measured: --quick ends before soft training learns anything")
            rows.append(short if quick else _faster(ratio, runs["soft"], group))
    series = {
        name: by_epoch(group, lambda row: 100 * row.gap) for name, group in runs.items() if ESTIMATORS[name] != HARD
    }
    title = f"Gap between soft and hard accuracy, {setup.name}"
    plot = lines(f"gumbel-{setup.dataset}", title, "epoch", "points", series)
    return [*rows, Row(f"{setup.name}: plot", None, "", note=str(plot))]


def _faster(name: str, soft: list[Run], group: list[Run]) -> Row:
    """Seconds that soft training takes to its best hard accuracy, over those that the other one takes to it."""
    ratios = []
    for one, other in zip(soft, group, strict=True):
        equal = other.first(one.best)
        if equal is not None:
            ratios.append(one.seconds[one.first(one.best)] / other.seconds[equal])
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    note = f"{each}, {len(ratios)} of {len(soft)} seeds; paper: 4.5" if ratios else "never as accurate as soft training"
    return Row(name, mean(ratios) if ratios else None, "x", note=note)


if __name__ == "__main__":
    run("reproduce/gumbel", measure)
