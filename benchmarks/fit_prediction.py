"""The rates by which costs are predicted, fitted to networks that are built and executed on each core.

Prints for each core and form the largest errors of the rates in forms/FORM/cost.py, and with --fit new rates, to be
copied there. Relative errors are made small, not absolute ones: a small network counts as much as a large one. The tape
behind words of positions has the rates of the table.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from lgn_edge.artifact import build
from lgn_edge.forms.choice import Plan
from lgn_edge.forms.form import Form, Task
from lgn_edge.forms.positions.cost import positions_units
from lgn_edge.forms.positions.form import POSITIONS, PositionsForm, PositionsPart
from lgn_edge.forms.positions_straight.cost import positions_straight_units
from lgn_edge.forms.positions_straight.form import POSITIONS_STRAIGHT, PositionsStraight, PositionsStraightPart
from lgn_edge.forms.prediction import Cost
from lgn_edge.forms.straight.cost import straight_units
from lgn_edge.forms.straight.form import STRAIGHT, Straight, StraightPart
from lgn_edge.forms.table.cost import table_units, tape_cost
from lgn_edge.forms.table.form import TABLE, Table, TablePart
from lgn_edge.network import GroupSum, Layer, LogicConv2d, LogicDense, Network, OrPool2d, Threshold, flatten
from lgn_edge.network.truth_table import PASS_A
from lgn_edge.nn.edges import EdgeRecipe
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
# rows, columns, channels, size of windows, kernels of each layer, whether pools of 2 x 2 follow, share of gates that
# are wires, gates of the head, classes, whether neighbouring positions are neighbouring features
IMAGES: tuple[tuple[int, int, int, int, tuple[int, ...], bool, float, int, int, bool], ...] = (
    (6, 6, 1, 3, (4,), True, 0.0, 20, 2, True),
    (8, 8, 1, 3, (8, 8), True, 0.3, 60, 3, True),
    (8, 8, 2, 3, (20,), False, 0.6, 100, 10, False),
    (12, 9, 1, 3, (16, 24), True, 0.5, 200, 5, True),
    (14, 14, 1, 5, (10, 20), True, 0.0, 300, 10, True),
    (16, 16, 3, 3, (16, 32, 64), True, 0.5, 500, 10, True),
    (16, 16, 3, 3, (16, 32, 64), True, 0.0, 160, 10, False),
    (20, 20, 1, 3, (24, 24), False, 0.7, 400, 4, True),
    (28, 28, 1, 5, (16, 48), True, 0.3, 1000, 10, True),
    (28, 28, 1, 5, (16, 48, 144), True, 0.6, 720, 10, True),
    (28, 28, 1, 5, (8, 16, 32), True, 0.0, 2000, 10, True),
    (32, 32, 3, 3, (16, 64, 128), True, 0.5, 1000, 10, True),
    (24, 24, 4, 3, (32, 96), True, 0.8, 1500, 6, True),
    (10, 30, 2, 3, (40,), True, 0.4, 80, 8, True),
    (32, 32, 9, 3, (32, 128, 256), True, 0.6, 2000, 10, True),
    (7, 7, 4, 3, (64, 64), False, 0.5, 50, 2, False),
    (7, 7, 1, 3, (7, 7), True, 0.1, 60, 3, False),
    (11, 11, 1, 3, (7, 7), True, 0.2, 60, 3, True),
    (9, 9, 2, 3, (12,), False, 0.2, 39, 3, True),
    (18, 12, 2, 5, (30, 60), True, 0.3, 300, 5, True),
    (28, 28, 1, 3, (8, 16, 32, 64), True, 0.4, 800, 10, True),
    (13, 13, 3, 3, (20, 40), False, 0.5, 150, 5, False),
    (6, 6, 2, 3, (7, 7), True, 0.1, 60, 3, False),
    (32, 32, 3, 5, (12, 24, 48), True, 0.2, 600, 10, True),
)
FORMS: dict[str, Form] = {
    TABLE: Table(),
    STRAIGHT: Straight(),
    POSITIONS: PositionsForm(),
    POSITIONS_STRAIGHT: PositionsStraight(),
}
FLASH = (
    "one", "loops", "deep", "mixed", "large", "tables", "gates", "outputs", "fused", "reads", "writes", "far", "floats",
    "edges",
)  # fmt: skip
INSTRUCTIONS = (
    "one", "bits", "fast_bits", "gates", "fast_gates", "outputs", "fused", "reads", "far", "runs", "classes",
    "float_bits", "fast_float_bits", "edge_bits", "fast_edge_bits",
)  # fmt: skip
OF_GATES = {"flash": FLASH, "instructions": INSTRUCTIONS, "stack": ("one", "alive", "far", "floats")}
AROUND_FLASH = (
    "one", "tables", "halo_code", "pack_loops", "pack_code", "float_pack_code", "edge_pack_code", "listed_edge_code",
    "groups", "slot_code", "floats",
)  # fmt: skip
AROUND_INSTRUCTIONS = (
    "one", "bits", "float_bits", "edge_bits", "listed_bits", "packed_words", "halos", "slot_words", "slots",
)  # fmt: skip
COLUMNS = {
    TABLE: OF_GATES,
    STRAIGHT: OF_GATES,
    POSITIONS: {
        "flash": (
            *AROUND_FLASH, "half_loops", "root_loops", "half_code", "root_code", "fold_code", "nests", "nest_code",
        ),
        "instructions": (
            *AROUND_INSTRUCTIONS, "halves", "taps", "half_words", "seen", "reads", "values", "kernels", "kernel_words",
            "root_reads", "folds",
        ),
        "stack": ("one", "floats"),
    },
    POSITIONS_STRAIGHT: {
        "flash": (
            *AROUND_FLASH, "operations", "pointers", "far_pointers", "loops", "functions",
        ),
        "instructions": (
            *AROUND_INSTRUCTIONS, "operations_executed", "pointers_executed", "looped_executed", "loops",
        ),
        "stack": ("one", "floats"),
    },
}  # fmt: skip
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


def image_network(seed: int, shape: tuple[Any, ...], dtype: str) -> Network:
    """A random network of image layers, behind which a layer reads the image and all pools."""
    rows, columns, channels, size, widths, pools, wires, gates, classes, regular = shape
    rng = np.random.default_rng(seed)
    pixels = rows * columns
    feature = np.arange(channels * pixels) if regular else rng.permutation(channels * pixels)
    levels = rng.normal(size=channels) if dtype == "float32" else rng.integers(0, 255, channels)
    threshold, minus = np.repeat(levels, pixels).astype(np.float32), None
    if dtype == "edges":  # four more channels
        plus, subtracted = EdgeRecipe(levels=1).channels(len(feature), (rows, columns))
        minus = np.concatenate([np.full(len(feature), -1), *subtracted])
        feature, channels = np.concatenate([feature, *plus]), channels + len(plus)
        threshold = np.concatenate([threshold, np.full(len(feature) - len(threshold), 30)]).astype(np.float32)
    kind = "float32" if dtype == "float32" else "uint8"
    encoder = Threshold(int(feature.max()) + 1, feature, threshold, kind, minus)
    bits = encoder.n_outputs
    layers: list[Layer] = []
    read = [0]
    for kernels in widths:
        leaf = np.stack([rng.integers(0, n, (kernels, 8)) for n in (channels, size, size)], axis=2).astype(np.int32)
        table = np.where(rng.random((kernels, 7)) < wires, PASS_A, rng.choice(TRUE_GATES, (kernels, 7)))
        layers.append(LogicConv2d(channels, rows, columns, size, leaf, table.astype(np.uint8), padding=size // 2))
        layers += [OrPool2d(kernels, rows, columns, 2)] * pools
        channels, rows, columns = layers[-1].out_shape
        read.append(len(layers))
    given = bits + sum(layers[i - 1].n_outputs for i in read[1:])
    a, b = rng.integers(0, given, (2, gates)).astype(np.int32)
    reads = (*((i,) for i in range(len(layers))), tuple(read))
    layers.append(LogicDense(given, a, b, rng.choice(TRUE_GATES, gates).astype(np.uint8)))
    return Network(encoder, tuple(layers), GroupSum(gates // classes * classes, classes), name="images", reads=reads)


def networks(form: str) -> Iterator[Network]:
    """What a form is measured on."""
    make, shapes = (image_network, IMAGES) if form in (POSITIONS, POSITIONS_STRAIGHT) else (network, SHAPES)
    for seed, shape in enumerate(shapes):
        if form != STRAIGHT or sum(shape[2]) <= LARGEST_STRAIGHT:
            yield from (make(seed, shape, dtype) for dtype in ("uint8", "float32", "edges"))


class Found(NamedTuple):
    """A network that was measured.

    Attributes:
        units: how often it has what rates are for.
        needs: flash, instructions and stack.
        guess: the same, as they are predicted.
        given: what of that has rates already.
    """

    units: dict[str, int]
    needs: dict[str, float]
    guess: dict[str, float]
    given: dict[str, float]


def measured(core: str, form: str) -> Iterator[Found]:
    """Each network of a form."""
    target = find_target(core)
    for made in networks(form):
        circuit, _ = simplify(flatten(made))
        part = FORMS[form].plan(Task(made, circuit, target, "speed"))
        plan = Plan((part,), "it is measured", {})
        with tempfile.TemporaryDirectory() as work, patch("lgn_edge.artifact.builder.plan", return_value=plan):
            costs = build(made, core, Path(work) / "a").report["measured"]
        assert isinstance(part, TablePart | StraightPart | PositionsPart)
        slots = part.n_slots * (np.dtype(part.slot).itemsize if isinstance(part, StraightPart) else 1)
        slots = part.memory.bytes if isinstance(part, PositionsPart) else slots
        needs = {"flash": costs["flash_bytes"], "instructions": costs["instructions"]}
        needs["stack"] = costs["ram_bytes"] + costs["stack_bytes"] - slots
        behind = tape_cost(part.tape, made, target) if isinstance(part, PositionsPart) else Cost(0, 0, 0)
        assert behind is not None
        given = {"flash": behind.flash, "instructions": behind.instructions or 0, "stack": 0}
        expected = part.cost() or Cost(0, slots, 0)
        guess = {"flash": expected.flash, "instructions": expected.instructions or 0, "stack": expected.ram - slots}
        yield Found(units(part), needs, guess, given)


def units(part: TablePart | StraightPart | PositionsPart) -> dict[str, int]:
    """How often a part has what rates are for."""
    if isinstance(part, TablePart):
        return table_units(part.tape, part.network)
    if isinstance(part, PositionsStraightPart):
        return positions_straight_units(part.positions, part.slots, part.network, part.input_bit)
    if isinstance(part, PositionsPart):
        return positions_units(part.positions, part.slots, part.network, part.input_bit)
    return straight_units(part.steps, part.network, part.input_bit, part.complemented)


def rates(rows: NDArray[Any], wanted: NDArray[Any], given: NDArray[Any]) -> NDArray[np.float64]:
    """Rates, none negative, of the smallest largest relative error, `given` what else is needed.

    Least squares, again and again, each time with more weight on the networks whose error was larger (Lawson's
    algorithm); the best of all rounds.
    """
    relative, left, weight = rows / wanted[:, None], 1 - given / wanted, np.full(len(wanted), 1 / len(wanted))
    found = []
    for _ in range(ROUNDS):
        found.append(least_squares(relative * np.sqrt(weight)[:, None], left * np.sqrt(weight)))
        weight = weight * (np.abs(relative @ found[-1] - left) + 1e-4)
        weight /= weight.sum()
    return min(found, key=lambda each: float(np.abs(relative @ each - left).max()))


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
    parser.add_argument("--form", action="append", choices=list(FORMS), help="this one only; may be repeated")
    parser.add_argument("--quick", action="store_true", help="one core only")
    options = parser.parse_args()
    for kind, core in list(CORES.items())[: 1 if options.quick else None]:
        for form in options.form or FORMS:
            found = list(measured(core, form))
            for name, columns in COLUMNS[form].items():
                wanted = np.array([each.needs[name] for each in found], float)
                guess = np.array([each.guess[name] for each in found], float)
                given = np.array([each.given[name] for each in found], float)
                errors = np.abs(guess - wanted) / wanted
                print(f"{kind} {form} {name}: {len(found)} networks, error at most {errors.max():.1%}", flush=True)
                if options.fit:
                    rows = np.array([[has.units.get(column, 0) for column in columns] for has in found], float)
                    new = rates(rows, wanted, given)
                    errors = np.abs(rows @ new + given - wanted) / wanted
                    named = ", ".join(
                        f'"{column}": {rate:.4g}' for column, rate in zip(columns, new, strict=True) if rate
                    )
                    print(f"    {name}={{{named}}},  # error at most {errors.max():.1%}")


if __name__ == "__main__":
    main()
