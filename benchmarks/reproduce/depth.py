"""Hard accuracy by depth, raw and light gates, residual and Gaussian initialisation (arXiv 2510.03250).

Not like for like: the paper's depths are on CIFAR-10 and CIFAR-100; here it is MNIST, 500 gates a layer, few epochs.
"""

from __future__ import annotations

from plot import lines
from runs import SEEDS, Options, Row, images, mean, run, spread, trained


def measure(options: Options) -> list[Row]:
    """One row a depth, parametrisation and initialisation."""
    data = images(4000 if options.quick else 10_000)
    seeds, epochs = (SEEDS[:1], 2) if options.quick else (SEEDS, 6)
    rows = []
    series: dict[str, list[tuple[float, float]]] = {}
    for depth in (4, 8, 16, 32):
        for parametrization in ("raw", "light", "light-sine"):
            for init in ("residual", "gaussian"):
                recipe = {"widths": (500,) * depth, "parametrization": parametrization, "init": init, "tau": 3.0}
                recipe |= {"estimator": "soft", "epochs": epochs, "learning_rate": 0.03}
                best = [100 * trained(data, seed, **recipe).best for seed in seeds]
                name = f"{depth} x 500, {parametrization}, {init}"
                series.setdefault(f"{parametrization}, {init}", []).append((depth, mean(best)))
                rows.append(Row(name, mean(best), "%", note=spread(best) + f"; {epochs} epochs"))
    plot = lines("depth", "Hard accuracy by depth, MNIST, 500 gates a layer", "layers", "%", series)
    return [*rows, Row("plot", None, "", note=str(plot))]


if __name__ == "__main__":
    run("reproduce/depth", measure)
