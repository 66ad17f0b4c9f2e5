"""Gates of more than two inputs and learned thresholds: what they cost, and what they reach on handwritten digits."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from harness import Options, Row, interleaved, run

from lgn_edge import nn
from lgn_edge.network import GroupSum, Network, Threshold, flatten
from lgn_edge.nn import LogicDense, LogicGateNetwork, LookupDense
from lgn_edge.nn.decompose import decompose
from lgn_edge.passes import simplify
from lgn_edge.training import load_recipe, train

SEEDS = (0, 1, 2)
GATES = {2: 1000, 3: 500, 4: 250, 6: 100}  # of a layer, by their inputs: so that a random one takes about as many
RATES = (0.0, 0.002, 0.01)
WIDTHS = (0.1, 0.5)


def measure(options: Options) -> list[Row]:
    """Sizes of random functions, time of a step; accuracy on digits by inputs of a gate, and by threshold rate."""
    epochs, seeds = (15, SEEDS[:1]) if options.quick else (60, SEEDS)
    rows = [_random_functions(k, 50 if options.quick else 500) for k in (3, 4, 5, 6)]
    rows += _steps(3 if options.quick else 15)
    for k, gates in GATES.items():
        changes = {"layers.0.width": gates} | ({"layers.0.kind": "lookup", "layers.0.arity": k} if k > 2 else {})
        rows += _trained(f"two layers of {gates} gates of {k} inputs", changes, epochs, seeds)
    for rate in RATES:
        for width in WIDTHS if rate else WIDTHS[:1]:
            learned = f"thresholds learned, rate {rate}, width {width}" if rate else "thresholds fixed"
            changes = {"levels": 1, "threshold_rate": rate, "threshold_width": width}
            rows += _trained(f"one threshold a pixel, {learned}", changes, epochs, seeds)[:1]
    return rows


def _random_functions(k: int, functions: int) -> Row:
    rng = np.random.default_rng(0)
    wires = np.array([rng.permutation(64)[:k] for _ in range(functions)], np.int32).T
    layers = decompose(64, wires, rng.random((functions, 2**k)) < 0.5)
    encoder = Threshold(64, np.arange(64), np.full(64, 0.5, np.float32), "uint8")
    circuit, _ = simplify(flatten(Network(encoder, layers, GroupSum(functions, 1))))
    return Row(f"two-input gates of a random function of {k}", len(circuit.table) / functions, "gates")


def _steps(rounds: int) -> list[Row]:
    """Forward and backward of two layers on one thread."""
    torch.set_num_threads(1)
    bits, labels = torch.rand(128, 784) > 0.5, torch.arange(128) % 10

    def step(k: int) -> Callable[[], object]:
        options: dict[str, Any] = {"estimator": "hard", "init": "gaussian", "seed": 0}
        sizes = (784, 8000), (8000, 8000)
        layers = [LogicDense(*s, **options) if k == 2 else LookupDense(*s, arity=k, **options) for s in sizes]
        model = LogicGateNetwork(nn.Threshold.bits(784), layers, nn.GroupSum(8000, 10, 20.0)).train()
        return lambda: torch.nn.functional.cross_entropy(model.logits(bits), labels).backward()

    seconds = interleaved({str(k): step(k) for k in (2, 3, 4, 5, 6)}, rounds)
    what = "step, 2 x 8,000, batch 128, gates of"
    rows = [Row(f"{what} 2 inputs", seconds["2"] * 1e3, "ms", note=f"median of {rounds} rounds")]
    rows += [Row(f"{what} {k} against 2 inputs", seconds[str(k)] / seconds["2"], "x") for k in (3, 4, 5, 6)]
    return rows


def _trained(name: str, changes: Mapping[str, Any], epochs: int, seeds: Sequence[int]) -> list[Row]:
    accuracies, sizes = [], []
    for seed in seeds:
        recipe = load_recipe("digits").changed({"threads": 1, "epochs": epochs, "seed": seed, **changes})
        with tempfile.TemporaryDirectory() as folder:
            result = train(recipe, output=folder, progress=False)
        accuracies.append(100 * result.metrics["hard_accuracy"])
        sizes.append(len(simplify(flatten(result.network))[0].table))
    spread = f"{min(accuracies):.2f} to {max(accuracies):.2f}, {len(seeds)} seeds, {epochs} epochs, digits' test set"
    return [
        Row(f"{name}: accuracy", statistics.mean(accuracies), "%", note=spread),
        Row(f"{name}: two-input gates, simplified", statistics.mean(sizes), "gates"),
    ]


if __name__ == "__main__":
    run("training_variants", measure)
