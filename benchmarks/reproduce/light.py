"""Light against raw gates (arXiv 2510.03250): parameters, the time of a backward pass, steps to equal accuracy.

Not like for like: the paper's times are of a GPU, its accuracies of CIFAR-10 and other sets; here both are of one CPU
thread and MNIST. The steps are counted in whole epochs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise

import torch
from plot import lines
from runs import SEEDS, Options, Row, Run, by_epoch, images, interleaved, mean, run, trained

from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, Threshold
from lgn_edge.nn.kernels import cpu

GATES = ("raw", "light", "light-sine")  # the last one is what the paper's own code takes unless told otherwise


@dataclass(frozen=True)
class Setup:
    """What steps are counted on.

    Attributes:
        widths: gates of each layer.
        tau: of the group sum.
        inits: initialisations; those with which raw gates learn at this depth.
    """

    widths: tuple[int, ...]
    tau: float
    inits: tuple[str, ...]

    def __str__(self) -> str:
        return f"{len(self.widths)} x {self.widths[0]:,}"


SETUPS = (Setup((2000,) * 6, 6.0, ("gaussian", "residual")), Setup((500,) * 32, 3.0, ("residual",)))


def network(parametrization: str, depth: int, width: int) -> LogicGateNetwork:
    widths = [784] + [width] * depth
    options = {"parametrization": parametrization, "estimator": "soft", "seed": 0}
    layers = [LogicDense(a, b, **options) for a, b in pairwise(widths)]
    return LogicGateNetwork(Threshold.bits(784), layers, GroupSum(width, 10, 10.0)).train()


def passes(depth: int, width: int, batch: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Median seconds of a forward and of a backward pass by parametrisation."""
    x = torch.rand(batch, 784) > 0.5
    y = torch.randint(10, (batch,))
    models = {name: network(name, depth, width) for name in ("raw", "light")}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in models}

    def step(name: str) -> None:
        start = time.perf_counter()
        loss = torch.nn.functional.cross_entropy(models[name].logits(x), y)
        middle = time.perf_counter()
        loss.backward()
        times[name].append((middle - start, time.perf_counter() - middle))

    interleaved({name: lambda name=name: step(name) for name in models}, rounds)
    return {
        name: tuple(sorted(part)[len(part) // 2] for part in zip(*values, strict=True))
        for name, values in times.items()
    }


def measure(options: Options) -> list[Row]:
    """The three claims about light gates."""
    torch.set_num_threads(1)
    cpu.keep_memory()
    ratio = network("raw", 6, 8000).logic[0].weight.numel() / network("light", 6, 8000).logic[0].weight.numel()
    rows = [Row("parameters, raw / light", ratio, "x", ">= 4", note="paper: 4")]
    for depth, width, batch in ((6, 8000, 128), (80, 8000, 1)):
        seconds = passes(depth, width, batch, 3 if options.quick else 9)
        for i, (what, paper) in enumerate((("forward", "1.11"), ("backward", "1.86"))):
            name = f"{what} pass, raw / light, {depth} x {width:,}, batch {batch}"
            both = f"raw {seconds['raw'][i] * 1e3:.1f} ms, light {seconds['light'][i] * 1e3:.1f} ms"
            note = f"{both}; paper, GPU, 80 layers, batch 1: {paper}"
            rows.append(Row(name, seconds["raw"][i] / seconds["light"][i], "x", note=note))
    return [*rows, *(row for setup in SETUPS for row in _steps(setup, options.quick))]


def _steps(setup: Setup, quick: bool) -> list[Row]:
    data = images(4000 if quick else 10_000)
    seeds, epochs = (SEEDS[:1], 4) if quick else (SEEDS, 15)
    rows, series = [], {}
    for init in setup.inits:
        recipe = {"widths": setup.widths, "estimator": "soft", "init": init, "epochs": epochs, "tau": setup.tau}
        recipe |= {"schedule": "constant", "learning_rate": 0.03}
        runs = {name: [trained(data, seed, parametrization=name, **recipe) for seed in seeds] for name in GATES}
        for name, group in runs.items():
            series[f"{name}, {init}"] = by_epoch(group, lambda row: 100 * row.hard_accuracy)
        for name in GATES[1:]:
            ratios = [_ratio(raw, light) for raw, light in zip(runs["raw"], runs[name], strict=True)]
            reached = [ratio for ratio in ratios if ratio is not None]
            each = f" ({', '.join(f'{ratio:.2f}' for ratio in reached)})" if reached else ""
            best = ", ".join(f"{kind} {mean([one.best for one in runs[kind]]):.4f}" for kind in ("raw", name))
            note = f"MNIST, {len(data.train_y):,} images, {epochs} epochs; best hard accuracy {best};"
            note += f" {len(reached)} of {len(ratios)} seeds reach it{each}; paper: 8.5"
            what = f"{setup}: steps to raw's best hard accuracy, raw / {name}, {init} init"
            rows.append(Row(what, mean(reached) if reached else None, "x", note=note))
    plot = lines(f"light-{len(setup.widths)}", f"Hard accuracy by epoch, MNIST, {setup} gates", "epoch", "%", series)
    return [*rows, Row(f"{setup}: plot", None, "", note=str(plot))]


def _ratio(raw: Run, light: Run) -> float | None:
    """Epochs that raw gates take to their best hard accuracy, over those that light ones take to it; None: never."""
    first, equal = raw.first(raw.best), light.first(raw.best)
    return None if first is None or equal is None else (first + 1) / (equal + 1)


if __name__ == "__main__":
    run("reproduce/light", measure)
