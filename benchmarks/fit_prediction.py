"""The rates by which costs are predicted, fitted to networks that are built and executed on each core.

Prints for each core and form the largest errors of the rates in forms/table/cost.py and forms/straight/cost.py, and
with --fit new rates, to be copied there. Relative errors are made small, not absolute ones: a small network counts as
much as a large one.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from lgn_edge.artifact import build
from lgn_edge.forms.choice import Plan
from lgn_edge.forms.form import Task
from lgn_edge.forms.straight.cost import straight_units
from lgn_edge.forms.straight.form import STRAIGHT, Straight, StraightPart
from lgn_edge.forms.table.cost import table_units
from lgn_edge.forms.table.form import TABLE, Table, TablePart
from lgn_edge.network import GroupSum, LogicDense, Network, Threshold, flatten
from lgn_edge.passes import simplify
from lgn_edge.targets.registry import find_target

CORES = {"armv6-m": "cortex-m0", "armv7-m": "cortex-m4", "rv32": "riscv32"}
TRUE_GATES = (1, 2, 4, 6, 7, 8, 9, 11, 13, 14)  # those whose output depends on both inputs
# features, bits, widths, classes, gates
SHAPES: tuple[tuple[int, int, tuple[int, ...], int, Sequence[int]], ...] = (
    (4, 9, (30,), 2, range(16)),
    (12, 20, (40, 30), 3, range(16)),
    (12, 40, (90, 60), 3, TRUE_GATES),
    (32, 64, (200, 160), 8, range(16)),
    (30, 90, (400, 300, 300, 300), 5, TRUE_GATES),
    (64, 135, (1000, 1000), 10, range(16)),
    (64, 300, (200, 100), 4, TRUE_GATES),
    (100, 500, (700, 600), 10, TRUE_GATES),
    (200, 700, (3000, 2000), 10, TRUE_GATES),
    (8, 16, (24, 24), 4, range(16)),
    (20, 30, (120,), 6, TRUE_GATES),
    (50, 50, (80, 80, 80, 80), 4, TRUE_GATES),
    (784, 600, (1000, 500), 10, TRUE_GATES),
    (16, 200, (500, 400), 2, range(16)),
    (40, 420, (1500, 1000), 5, TRUE_GATES),
    (24, 100, (300, 100, 50), 10, TRUE_GATES),
)
FLASH = (
    "one", "loops", "deep", "mixed", "large", "tables", "gates", "outputs", "fused", "reads", "writes", "far", "floats",
    "edges",
)  # fmt: skip
INSTRUCTIONS = (
    "one", "bits", "fast_bits", "gates", "fast_gates", "outputs", "fused", "reads", "far", "runs", "classes",
    "float_bits", "fast_float_bits", "edge_bits", "fast_edge_bits",
)  # fmt: skip
STACK = ("one", "alive", "far", "floats")
LARGEST_STRAIGHT = 1_600
ROUNDS = 200


def network(seed: int, shape: tuple[int, int, tuple[int, ...], int, Sequence[int]], dtype: str) -> Network:
    """A random network: thresholds in the middle of what its features are."""
    features, bits, widths, classes, gates = shape
    rng = np.random.default_rng(seed)
    threshold = rng.integers(0, 255, bits).astype(np.float32)
    if dtype == "float32":
        threshold = rng.normal(size=bits).astype(np.float32)
    feature = np.sort(np.arange(bits) % features).astype(np.int32)
    encoder = Threshold(features, feature, threshold, "uint8" if dtype == "edges" else dtype)
    if dtype == "edges":  # half of the bits compare differences of neighbours
        minus = np.where(np.arange(bits) % 2 == 0, -1, np.minimum(feature + 1, features - 1))
        encoder = Threshold(features, feature, threshold / np.float32(4), "uint8", minus)
    layers, width = [], bits
    for count in widths:
        a, b = rng.integers(0, width, (2, count)).astype(np.int32)
        layers.append(LogicDense(width, a, b, rng.choice(list(gates), count).astype(np.uint8)))
        width = count
    return Network(encoder, tuple(layers), GroupSum(width, classes), name="random")


def measured(core: str, form: str) -> Iterator[tuple[Network, dict[str, int], dict[str, float], dict[str, float]]]:
    """Each network with what it has of every unit, what it needs, and what was predicted."""
    target = find_target(core)
    for seed, shape in enumerate(SHAPES):
        if form == STRAIGHT and sum(shape[2]) > LARGEST_STRAIGHT:
            continue
        for dtype in ("uint8", "float32", "edges"):
            made = network(seed, shape, dtype)
            circuit, _ = simplify(flatten(made))
            part = {TABLE: Table(), STRAIGHT: Straight()}[form].plan(Task(made, circuit, target, "speed"))
            plan = Plan((part,), "it is measured", {})
            with tempfile.TemporaryDirectory() as work, patch("lgn_edge.artifact.builder.plan", return_value=plan):
                costs = build(made, core, Path(work) / "a").report["measured"]
            expected = part.cost()
            assert expected is not None
            slots = part.n_slots * (np.dtype(part.slot).itemsize if isinstance(part, StraightPart) else 1)
            needs = {"flash": costs["flash_bytes"], "instructions": costs["instructions"]}
            needs["stack"] = costs["ram_bytes"] + costs["stack_bytes"] - slots
            guess = {"flash": expected.flash, "instructions": expected.instructions or 0, "stack": expected.ram - slots}
            yield made, units(part), needs, {name: float(value) for name, value in guess.items()}


def units(part: TablePart | StraightPart) -> dict[str, int]:
    """How often a part has what rates are for."""
    if isinstance(part, TablePart):
        return table_units(part.tape, part.network)
    return straight_units(part.steps, part.network, part.input_bit, part.complemented)


def rates(rows: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.float64]:
    """Rates, none negative, of the smallest largest relative error.

    Least squares, again and again, each time with more weight on the networks whose error was larger (Lawson's
    algorithm); the best of all rounds.
    """
    relative, weight = rows / wanted[:, None], np.full(len(wanted), 1 / len(wanted))
    found = []
    for _ in range(ROUNDS):
        found.append(least_squares(relative * np.sqrt(weight)[:, None], np.sqrt(weight)))
        weight = weight * (np.abs(relative @ found[-1] - 1) + 1e-4)
        weight /= weight.sum()
    return min(found, key=lambda each: float(np.abs(relative @ each - 1).max()))


def least_squares(rows: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.float64]:
    """Rates that are not negative: units with a negative one are left out, one by one."""
    kept = [column for column in range(rows.shape[1]) if rows[:, column].any()]
    each = np.zeros(rows.shape[1])
    while kept:
        found = np.linalg.lstsq(rows[:, kept], wanted, rcond=None)[0]
        if (found >= 0).all():
            each[kept] = found
            break
        kept.pop(int(found.argmin()))
    return each


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", action="store_true", help="print new rates as well")
    parser.add_argument("--quick", action="store_true", help="one core only")
    options = parser.parse_args()
    for kind, core in list(CORES.items())[: 1 if options.quick else None]:
        for form in (TABLE, STRAIGHT):
            found = list(measured(core, form))
            for name, columns in (("flash", FLASH), ("instructions", INSTRUCTIONS), ("stack", STACK)):
                wanted = np.array([needs[name] for _, _, needs, _ in found], float)
                guess = np.array([expected[name] for _, _, _, expected in found])
                errors = np.abs(guess - wanted) / wanted
                print(f"{kind} {form} {name}: {len(found)} networks, error at most {errors.max():.1%}", flush=True)
                if options.fit:
                    rows = np.array([[has.get(column, 0) for column in columns] for _, has, _, _ in found], float)
                    new = rates(rows, wanted)
                    errors = np.abs(rows @ new - wanted) / wanted
                    named = ", ".join(
                        f'"{column}": {rate:.4g}' for column, rate in zip(columns, new, strict=True) if rate
                    )
                    print(f"    {name}={{{named}}},  # error at most {errors.max():.1%}")


if __name__ == "__main__":
    main()
