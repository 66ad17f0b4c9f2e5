"""The kernels of single layers, whose words lie as ONNX has them: rows of any length, one behind the other.

A block of `shape.lanes` words of every row is worked on at a time; `stride` is the words of a row, and `count`, up to
`shape.lanes`, the words of the block that there are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.rows.counters import add_tree, clear_counters
from lgn_edge.forms.rows.gates import WireForm, first_words
from lgn_edge.forms.rows.schedule import TREE, uniform_gate
from lgn_edge.kernels.shape import Shape
from lgn_edge.kernels.tir import Buffer, Expr, Kernel, Parameter, constant, kernel, quotient, row, store_row

AHEAD: Final = 24  # gates
_ROWS_AHEAD: Final = 16
_LINE: Final = 8  # words of a line of the cache


def read_rows(shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_read(const word *words, int64_t stride, int32_t count, word *slots, int32_t n)`: row i into slot i.

    What is behind `count` words of a slot is undefined.
    """
    parameters = (
        Parameter("words", shape.word, 1),
        Parameter("stride", "int64"),
        Parameter("count"),
        Parameter("slots", shape.word, 1),
        Parameter("n"),
    )

    def body(words: Buffer, stride: Expr, count: Expr, slots: Buffer, n: Expr) -> None:
        with T.serial(0, n) as i:
            first = T.Bind(tirx.Cast("int64", i) * stride)
            _ask(_READ, words, first + _ROWS_AHEAD * stride, shape)
            _words_of_block(
                shape,
                count,
                lambda: store_row(slots, i, shape.lanes, _from(words, first, shape)),
                lambda word: T.buffer_store(slots, words[first + word], [i * shape.lanes + word]),
            )

    return kernel(f"{prefix}_read", parameters, (), body, _PREFETCH)


def write_rows(shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_write(const word *slots, word *words, int64_t stride, int32_t count, word last, int32_t n)`.

    Slot i into row i; of the last word only the bits of `last`, the others are 0.
    """
    parameters = (
        Parameter("slots", shape.word, 1),
        Parameter("words", shape.word, 1),
        Parameter("stride", "int64"),
        Parameter("count"),
        Parameter("last", shape.word),
        Parameter("n"),
    )

    def body(slots: Buffer, words: Buffer, stride: Expr, count: Expr, last: Expr, n: Expr) -> None:
        with T.serial(0, n) as i:
            first = T.Bind(tirx.Cast("int64", i) * stride)
            _ask(_WRITE, words, first + _ROWS_AHEAD * stride, shape)
            _words_of_block(
                shape,
                count,
                lambda: _store(words, first, shape, row(slots, i, shape.lanes)),
                lambda word: T.buffer_store(words, slots[i * shape.lanes + word], [first + word]),
            )
            end = first + tirx.Cast("int64", count) - 1
            T.buffer_store(words, words[end] & last, [end])

    return kernel(f"{prefix}_write", parameters, (), body, _PREFETCH)


def layer_forms(shape: Shape) -> tuple[WireForm, ...]:
    """The forms of a layer's wires: 16-bit and 32-bit fields that hold rows, so that rows of any width share them."""
    shift = shape.lanes.bit_length() - 1
    return WireForm(16, 0, shift), WireForm(32, 0, shift)


def layer(shape: Shape, prefix: str) -> tuple[Kernel, ...]:
    """A kernel a form of wires: one layer of gates over one block.

    `void PREFIX_layer_FORM(word *slots, const uint64_t *wires, word *words, int64_t stride, int32_t count, int32_t
    n_inputs, int32_t n_plain, int32_t n_gates)`: row `dst` of `words` becomes the uniform gate of slots x, y and z,
    complemented from gate `n_plain` on. Slot `n_inputs` becomes the row of zeros. The wires of AHEAD more gates are
    read, and not used.
    """
    parameters = (
        Parameter("slots", shape.word, 1),
        Parameter("wires", "uint64", 1),
        Parameter("words", shape.word, 1),
        Parameter("stride", "int64"),
        Parameter("count"),
        Parameter("n_inputs"),
        Parameter("n_plain"),
        Parameter("n_gates"),
    )

    def of(form: WireForm, symbol: str) -> Kernel:
        def body(
            slots: Buffer,
            wires: Buffer,
            words: Buffer,
            stride: Expr,
            count: Expr,
            n_inputs: Expr,
            n_plain: Expr,
            n_gates: Expr,
        ) -> None:
            store_row(slots, n_inputs, shape.lanes, constant(0, shape.word, shape.lanes))

            def first_of(dst: Expr) -> Expr:
                return tirx.Cast("int64", dst >> (shape.lanes.bit_length() - 1)) * stride

            def run(start: Expr, stop: Expr, ones: Expr, put: Callable[[Expr, Expr], None]) -> None:
                with T.serial(start, stop) as gate:
                    dst, x, y, z = first_words(wires, gate, form)
                    _ask(_WRITE, words, first_of(first_words(wires, gate + AHEAD, form)[0]), shape)
                    value = T.Bind(uniform_gate(*(_from(slots, word, shape) for word in (x, y, z))) ^ ones)
                    put(first_of(dst), value)

            def whole(first: Expr, value: Expr) -> None:
                _store(words, first, shape, value)

            def part(first: Expr, value: Expr) -> None:
                _store_words(words, first, count, shape, value)

            for ones, start, stop in (
                (0, constant(0, "int32"), n_plain),
                ((1 << shape.word_bits) - 1, n_plain, n_gates),
            ):
                flip = constant(ones, shape.word, shape.lanes)
                with T.If(count == shape.lanes):
                    with T.Then():
                        run(start, stop, flip, whole)
                    with T.Else():
                        run(start, stop, flip, part)

        return kernel(symbol, parameters, (), body, _PREFETCH)

    names = ("narrow", "wide")
    return tuple(of(form, f"{prefix}_layer_{name}") for form, name in zip(layer_forms(shape), names, strict=True))


# Ask the cache for a line that will be read or written: rows of many words lie far apart, which no processor foresees.
_READ: Final = "lgn_ask_to_read"
_WRITE: Final = "lgn_ask_to_write"
_PREFETCH: Final = "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)\n" + "".join(
    f"define linkonce_odr hidden i32 @{name}(ptr %line) alwaysinline {{\n"
    f"  call void @llvm.prefetch.p0(ptr %line, i32 {write}, i32 3, i32 1)\n"
    "  ret i32 0\n}\n"
    for write, name in enumerate((_READ, _WRITE))
)


def _ask(what: str, words: Buffer, first_word: Expr, shape: Shape) -> None:
    first = T.Bind(first_word)
    for word in range(0, shape.lanes, _LINE):
        T.evaluate(tirx.call_extern("int32", what, tirx.address_of(words[first + word])))


def count_rows(shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_count(const word *words, int64_t stride, int32_t n_blocks, word *counters, int32_t classes, int32_t
    group, int32_t n_planes)`: count the ones of each class's `group` rows into vertical counters.

    Blocks are whole and side by side; the counters of a block stand behind those of the block before. Sixteen rows are
    walked from block to block together: memory is read in long lines, which processors foresee.
    """  # noqa: D205
    parameters = (
        Parameter("words", shape.word, 1),
        Parameter("stride", "int64"),
        Parameter("n_blocks"),
        Parameter("counters", shape.word, 1),
        Parameter("classes"),
        Parameter("group"),
        Parameter("n_planes"),
    )

    def body(
        words: Buffer, stride: Expr, n_blocks: Expr, counters: Buffer, classes: Expr, group: Expr, n_planes: Expr
    ) -> None:
        rows = T.Bind(classes * n_planes)
        clear_counters(counters, 0, n_blocks * rows, shape)

        def count(c: Expr, at: Callable[[int, Expr], Expr]) -> None:
            with T.serial(0, n_blocks) as block:
                word = T.Bind(tirx.Cast("int64", block * shape.lanes))
                add_tree(counters, lambda i: at(i, word), block * rows + c * n_planes, n_planes, shape)

        def row_of(signal: Expr, word: Expr) -> Expr:
            return _from(words, tirx.Cast("int64", signal) * stride + word, shape)

        with T.serial(0, classes) as c:
            first, whole = T.Bind(c * group), T.Bind(quotient(group, TREE))
            with T.serial(0, whole) as tree:
                count(c, lambda i, word: row_of(first + tree * TREE + i, word))
            left = T.Bind(group - whole * TREE)

            def rest(i: int, word: Expr) -> Expr:
                """A row that is there, or the first one masked away."""
                there = i < left
                signal = tirx.Select(there, first + whole * TREE + i, first)
                ones = tirx.Select(there, constant((1 << shape.word_bits) - 1, shape.word), constant(0, shape.word))
                return row_of(signal, word) & tirx.Broadcast(ones, shape.lanes)

            with T.If(left > 0), T.Then():
                count(c, rest)

    return kernel(f"{prefix}_count", parameters, (), body)


def store_block(words: Buffer, first: Expr, count: Expr, shape: Shape, value: Expr) -> None:
    """Store a row into the words from `first` on, as many as there are of the block."""
    with T.If(count == shape.lanes):
        with T.Then():
            _store(words, first, shape, value)
        with T.Else():
            _store_words(words, first, count, shape, value)


def _words_of_block(shape: Shape, count: Expr, whole: Callable[[], None], one: Callable[[int], None]) -> None:
    """All words of a block at once where they are there, else one after the other."""
    with T.If(count == shape.lanes):
        with T.Then():
            whole()
        with T.Else():
            for word in range(shape.lanes):
                with T.If(word < count), T.Then():
                    one(word)


def _store_words(words: Buffer, first: Expr, count: Expr, shape: Shape, value: Expr) -> None:
    for word in range(shape.lanes):
        with T.If(word < count), T.Then():
            T.buffer_store(words, tirx.Shuffle([value], [tirx.const(word, "int32")]), [first + word])


def _from(words: Buffer, first_word: Expr, shape: Shape) -> Expr:
    return tirx.BufferLoad(words, [tirx.Ramp(first_word, 1, shape.lanes)])


def _store(words: Buffer, first_word: Expr, shape: Shape, value: Expr) -> None:
    T.buffer_store(words, value, [tirx.Ramp(first_word, 1, shape.lanes)])
