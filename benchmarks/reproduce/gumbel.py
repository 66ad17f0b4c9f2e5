"""Gumbel straight-through against soft training (arXiv 2506.07500): gap, undecided gates, time to equal accuracy.

Not like for like: the paper trains 256,000 gates a layer on CIFAR-10 on a GPU; here it is MNIST and one CPU thread. Its
"unused gates" are held to be gates that have not decided: soft truth tables with an entry between 0.1 and 0.9.
"""

from __future__ import annotations

from typing import Any

from plot import lines
from runs import SEEDS, Options, Row, Run, by_epoch, images, mean, run, spread, trained

ESTIMATORS: dict[str, dict[str, Any]] = {
    "soft": {"estimator": "soft"},
    "gumbel, temperature 1": {"estimator": "gumbel"},
    "gumbel, temperature 0.25": {"estimator": "gumbel", "temperature": 0.25},
    "hard": {"estimator": "hard"},
}


def measure(options: Options) -> list[Row]:
    """Gap, undecided gates and time by estimator, raw gates with residual initialisation."""
    data = images(4000 if options.quick else 10_000)
    seeds, epochs = (SEEDS[:1], 4) if options.quick else (SEEDS, 15)
    recipe = {"widths": (1000,) * 6, "parametrization": "raw", "tau": 4.0, "epochs": epochs}
    recipe |= {"schedule": "constant", "learning_rate": 0.03}
    runs = {name: [trained(data, seed, **recipe, **changes) for seed in seeds] for name, changes in ESTIMATORS.items()}
    rows = []
    for name, group in runs.items():
        last = [one.history[-1] for one in group]
        note = f"6 x 1,000 raw gates, MNIST, {len(data.train_y):,} images, {epochs} epochs"
        rows.append(Row(f"{name}: hard accuracy", 100 * mean([one.best for one in group]), "%", note=note))
        gaps = [100 * epoch.gap for epoch in last]
        rows.append(Row(f"{name}: gap, soft - hard", mean(gaps), "points", note=spread(gaps)))
        rows.append(Row(f"{name}: undecided gates", 100 * mean([epoch.undecided for epoch in last]), "%"))
        if name != "soft":
            rows.append(_faster(name, runs["soft"], group))
    series = {name: by_epoch(group, lambda row: 100 * row.gap) for name, group in runs.items()}
    plot = lines("gumbel", "Gap between soft and hard accuracy", "epoch", "points", series)
    return [*rows, Row("plot", None, "", note=str(plot))]


def _faster(name: str, soft: list[Run], group: list[Run]) -> Row:
    """Seconds that soft training takes to its best hard accuracy, over those that the other one takes to it."""
    ratios = []
    for one, other in zip(soft, group, strict=True):
        equal = other.first(one.best)
        if equal is not None:
            ratios.append(one.seconds[one.first(one.best)] / other.seconds[equal])
    note = f"{spread(ratios)}; paper: 4.5" if ratios else "never as accurate as soft training"
    return Row(
        f"{name}: time to soft's best hard accuracy, soft / {name}", mean(ratios) if ratios else None, "x", note=note
    )


if __name__ == "__main__":
    run("reproduce/gumbel", measure)
