"""The kernels of image layers: one loop a shape of tree, at every place, with the pool that follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.images.images import Group, Images
from lgn_edge.forms.images.trees import GATE_MASKS, NODE_MASKS, TreeShape, gate_value, node_value, tree_value
from lgn_edge.kernels.shape import Shape
from lgn_edge.kernels.tir import (
    Buffer,
    Expr,
    Integers,
    Kernel,
    Parameter,
    Table,
    as_index,
    constant,
    kernel,
    row,
    scratch,
    store_row,
)

_CELL = 4  # places that are ORed into one output while they are in registers: a window of 2 x 2
_PLACES = 7  # numbers of a stage


@dataclass(frozen=True)
class Loop:
    """What the code of a loop depends on.

    Attributes:
        shape: of its trees.
        together: places whose values are computed together, 1 or 4.
    """

    shape: TreeShape
    together: int


def convolve(images: Images, shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_convolve(word *slots)`: run all stages on one block of samples.

    The encoder's bits are in their rows, and the rows of `Images.zeros` hold zeros. The code depends on the shapes of
    trees that there are, not on their number.

    Args:
        images: what to run.
        shape: the machine's row; more than one word.
        prefix: of the C symbols.
    """
    lanes = shape.lanes
    loops: dict[Loop, list[tuple[int, Group]]] = {}
    for i, stage in enumerate(images.stages):
        together = _CELL if len(stage.places.window) == _CELL else 1
        for tree, group in stage.groups.items():
            loops.setdefault(Loop(tree, together), []).append((i, group))
    tables = [
        Table(f"{prefix}_gate_mask", _masks(GATE_MASKS, shape)),
        Table(f"{prefix}_node_mask", _masks(NODE_MASKS, shape)),
        *_places(images, lanes, prefix),
        *(
            table
            for loop, groups in loops.items()
            for table in _kernels(loop, groups, len(images.stages), lanes, prefix)
        ),
    ]

    def body(
        slots: Buffer, gate_mask: Buffer, node_mask: Buffer, places: Buffer, window: Buffer, *given: Buffer
    ) -> None:
        with T.serial(0, len(images.stages)) as stage:
            here = _Places(window, *(T.Bind(places[stage * _PLACES + i]) for i in range(_PLACES)))
            for i, loop in enumerate(loops):
                stop, tap, gate, node, out = given[5 * i : 5 * i + 5]
                with T.serial(as_index(stop[stage]), as_index(stop[stage + 1])) as k:
                    _run(loop, here, _Kernel(loop, k, tap, gate, node, out), gate_mask, node_mask, slots, lanes)

    return kernel(f"{prefix}_convolve", [Parameter("slots", shape.word, images.n_rows * lanes)], tables, body)


def clear(images: Images, shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_clear(word *slots)`: zeros into the rows that stay zeros, block after block."""
    rows = images.zeros()
    tables = (Table(f"{prefix}_zero_row", rows if len(rows) else np.zeros(1, np.int32)),)

    def body(slots: Buffer, zero_row: Buffer) -> None:
        with T.serial(0, len(rows)) as i:
            store_row(slots, as_index(zero_row[i]), shape.lanes, constant(0, shape.word, shape.lanes))

    return kernel(f"{prefix}_clear", [Parameter("slots", shape.word, images.n_rows * shape.lanes)], tables, body)


def _masks(ones: Integers, shape: Shape) -> Integers:
    """All bits of a word for each mask, those of a gate side by side."""
    return np.where(ones, np.array(2**shape.word_bits - 1, shape.word), np.array(0, shape.word)).ravel()


@dataclass(frozen=True)
class _Places:
    """The numbers of a stage, in words, as the kernel has them (see `images.Places`)."""

    window: Buffer
    rows: Expr
    columns: Expr
    step_y: Expr
    step_x: Expr
    pitch: Expr
    first_cell: Expr
    end_cell: Expr


def _places(images: Images, lanes: int, prefix: str) -> tuple[Table, Table]:
    windows = [stage.places.window for stage in images.stages]
    ends = np.cumsum([len(window) for window in windows])
    numbers = [
        (*p.shape, p.step[0] * lanes, p.step[1] * lanes, p.pitch * lanes, end - len(p.window), end)
        for p, end in zip((stage.places for stage in images.stages), ends.tolist(), strict=True)
    ]
    return (
        Table(f"{prefix}_places", np.array(numbers, np.int32).ravel()),
        Table(f"{prefix}_window", (np.concatenate(windows) * lanes).astype(np.int32)),
    )


def _kernels(
    loop: Loop, groups: Sequence[tuple[int, Group]], stages: int, lanes: int, prefix: str
) -> tuple[Table, ...]:
    """Where the kernels of each stage end, and the data of all: taps and outputs by their first word."""
    counts = np.zeros(stages + 1, np.int32)
    for stage, group in groups:
        counts[stage + 1] = len(group.out)

    def together(arrays: Sequence[Integers]) -> Integers:
        joined = np.concatenate(arrays).ravel()
        return joined if len(joined) else np.zeros(1, np.uint8)

    name = f"{prefix}_{loop.shape.leaves}x{loop.together}"
    return (
        Table(f"{name}_stop", np.cumsum(counts, dtype=np.int32)),
        Table(f"{name}_tap", together([group.tap * np.int32(lanes) for _, group in groups])),
        Table(f"{name}_gate", together([group.trees.gate for _, group in groups])),
        Table(f"{name}_node", together([group.trees.node for _, group in groups])),
        Table(f"{name}_out", together([group.out * np.int32(lanes) for _, group in groups])),
    )


class _Kernel:
    """The numbers of a kernel, read once before its places."""

    def __init__(self, loop: Loop, k: Expr, tap: Buffer, gate: Buffer, node: Buffer, out: Buffer) -> None:
        shape = loop.shape
        self.tap = [T.Bind(tap[k * shape.leaves + i]) for i in range(shape.leaves)]
        self.gate = [T.Bind(as_index(gate[k * shape.gates + i]) * GATE_MASKS.shape[1]) for i in range(shape.gates)]
        self.node = [T.Bind(as_index(node[k * shape.nodes + i]) * NODE_MASKS.shape[1]) for i in range(shape.nodes)]
        self.out = T.Bind(out[k])


def _run(
    loop: Loop, places: _Places, of: _Kernel, gate_mask: Buffer, node_mask: Buffer, slots: Buffer, lanes: int
) -> None:
    """Emit the loops over the outputs of a kernel."""

    def masks(table: Buffer, first: Expr, n: int) -> list[Expr]:
        return [T.Bind(tirx.Broadcast(table[first + i], lanes)) for i in range(n)]

    def values(at: Sequence[Expr]) -> list[Expr]:
        """The tree at some places at once."""

        def gate(i: int, a: list[Expr], b: list[Expr] | None) -> list[Expr]:
            m = masks(gate_mask, of.gate[i], GATE_MASKS.shape[1])
            return [T.Bind(gate_value(x, y, *m)) for x, y in zip(a, b or [None] * len(a), strict=True)]

        def node(i: int, a: list[Expr], b: list[Expr]) -> list[Expr]:
            m = masks(node_mask, of.node[i], NODE_MASKS.shape[1])
            return [T.Bind(node_value(x, y, *m)) for x, y in zip(a, b, strict=True)]

        def leaf(i: int) -> list[Expr]:
            return [T.Bind(tirx.BufferLoad(slots, [tirx.Ramp(place + of.tap[i], 1, lanes)])) for place in at]

        return tree_value(loop.shape, leaf, gate, node)

    with T.serial(0, places.rows) as y:
        read, write = T.Bind(y * places.step_y), T.Bind(of.out + y * places.pitch)
        with T.serial(0, places.columns) as x:
            at = T.Bind(read + x * places.step_x)
            if loop.together == _CELL:
                cells = [T.Bind(at + places.window[places.first_cell + i]) for i in range(_CELL)]
                first, second, third, fourth = values(cells)
                value = (first | second) | (third | fourth)
            else:
                value = _or_of_window(places, lambda offset: values([T.Bind(at + offset)])[0], slots.dtype, lanes)
            T.buffer_store(slots, value, [tirx.Ramp(write + x * lanes, 1, lanes)])


def _or_of_window(places: _Places, value: Callable[[Expr], Expr], dtype: str, lanes: int) -> Expr:
    """The OR of a value over the cells of a window, one after the other."""
    carried = scratch(dtype, lanes)
    store_row(carried, 0, lanes, constant(0, dtype, lanes))
    with T.serial(places.first_cell, places.end_cell) as cell:
        store_row(carried, 0, lanes, row(carried, 0, lanes) | value(places.window[cell]))
    return row(carried, 0, lanes)
