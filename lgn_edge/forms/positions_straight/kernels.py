"""The kernels of image layers as straight-line code: an expression a gate, over words of positions.

Where an output has several words they are a loop, whose code is the cells of one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Final

import numpy as np
from tvm import tirx
from tvm.ir import PointerType, PrimType
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.images.trees import HALVES, ROOTS, half_value
from lgn_edge.forms.positions.convolve import each_word, folded, masks_of
from lgn_edge.forms.positions.halos import spread
from lgn_edge.forms.positions.memory import memory
from lgn_edge.forms.positions.program import Image, Positions, Stage
from lgn_edge.forms.positions_straight.functions import Function, Tree, functions_of
from lgn_edge.kernels.tir import Buffer, Expr, Kernel, Table, constant, kernel
from lgn_edge.passes.push_complements import EXECUTE

MACROS: Final = """\
/* lgn_at: some words, which are read by instructions that hold the distance from here. */
#define lgn_at(words, distance) lgn_keep((words) + (distance))
"""


def convolve_straight(positions: Positions, prefix: str) -> tuple[Kernel, ...]:
    """`void PREFIX_convolve(word *memory)`, as `convolve.convolve` has it, and before it the functions that it calls.

    C around it has `one_sample.classify.KEEP` and MACROS.
    """
    functions: list[Kernel] = []
    calls: list[list[str]] = []
    for stage in positions.stages:
        tables = _mask_tables(stage.out, f"{prefix}_mask{len(calls)}")
        symbols = []
        for function in functions_of(stage):
            symbols.append(f"{prefix}_kernels{len(functions)}")
            functions.append(kernel(symbols[-1], [memory(positions)], tables, partial(_trees, function)))
        calls.append(symbols)

    def body(memory: Buffer) -> None:
        spread(positions.images[0], memory)
        for stage, symbols in zip(positions.stages, calls, strict=True):
            for symbol in symbols:
                T.evaluate(tirx.call_extern("void", symbol, memory.data))
            spread(stage.out, memory)

    return *functions, kernel(f"{prefix}_convolve", [memory(positions)], (), body)


def _mask_tables(image: Image, symbol: str) -> tuple[Table, ...]:
    """The lanes of an output's words, where they differ."""
    masks = masks_of(image)
    return (Table(symbol, masks.astype(np.uint32)),) if len(set(masks.tolist())) > 1 else ()


def _trees(function: Function, memory: Buffer, *masks: Buffer) -> None:
    """Emit the kernels of a function."""
    outputs: dict[int, Buffer] = {}
    for tree in function.trees:
        first = function.first(tree)
        begin = _begin(function.begins, first)
        if begin not in outputs:
            outputs[begin] = _words_at(memory, begin)
        each_word(function.stage, partial(_word, function.stage, tree, memory, outputs[begin], first - begin, masks))


def _word(
    stage: Stage,
    tree: Tree,
    memory: Buffer,
    output: Buffer,
    first: int,
    masks: Sequence[Buffer],
    number: Expr,
    at: Expr,
    place: Expr,
) -> None:
    """Emit a word of a kernel's output, the first of which is `output[first]`."""
    word = str(memory.dtype)
    pointers: dict[int, Buffer] = {}

    def read(tap: int, cell: int) -> Expr:
        begin = _begin(tree.begins, tap)
        if begin not in pointers:
            pointers[begin] = _words_at(memory, at + begin)
        return T.Bind(pointers[begin][tap - begin + cell])

    cells = (_cell(stage, tree, partial(read, cell=cell)) for cell in stage.points[0].tolist())
    result = reduce(lambda ored, value: T.Bind(ored | value), cells)
    inside = masks[0][number] if masks else constant(int(masks_of(stage.out)[0]), word)
    T.buffer_store(output, folded(result, stage.folds, word) & inside, [first + place])


def _cell(stage: Stage, tree: Tree, read: Callable[[int], Expr]) -> Expr:
    """Emit what a kernel gives at a point, where `read` gives the word of a tap."""
    halves = [T.Bind(half_value(HALVES[stage.kind[half]], _leaf(stage, half, read))) for half in tree.halves]
    value = halves[0] if len(halves) == 1 else T.Bind(EXECUTE[ROOTS[stage.root[tree.number]]](*halves))
    return ~value if stage.flip[tree.number] else value


def _leaf(stage: Stage, half: int, read: Callable[[int], Expr]) -> Callable[[int], Expr]:
    taps = stage.tap[half].tolist()
    return lambda leaf: read(taps[leaf])


def _begin(begins: Sequence[int], word: int) -> int:
    """The last that is not behind a word."""
    return begins[bisect_right(begins, word) - 1]


def _words_at(memory: Buffer, distance: Expr | int) -> Buffer:
    """Some words further on in memory."""
    word = str(memory.dtype)
    kind = PointerType(PrimType(word))
    pointer = tirx.Var("some", kind)
    T.Bind(tirx.call_extern(kind, "lgn_at", memory.data, distance), var=pointer)
    return T.decl_buffer((1,), word, data=pointer)
