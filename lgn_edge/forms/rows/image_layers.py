"""The kernels of single layers over images, whose words lie as ONNX has them (see `layers`).

The image of a block, with its padding, is in slots: plane by plane, row by row. A tap is the slot, at the first place
of the window, of what is read there; at the place (y, x) it is `y * down + x * right` slots further.

An artifact has other kernels for such layers, `convolve`, which are faster, and take kernels as halves that a build
finds (docs/decisions/0012-convolutions-stay.md says why there are two).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.rows.layers import store_block
from lgn_edge.kernels.shape import Shape
from lgn_edge.kernels.tir import Buffer, Expr, Kernel, Parameter, constant, kernel, quotient, repeat, row, store_row


def convolution(shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_convolution(word *slots, const int32_t *tap, const word *mask, word *words, int64_t stride,
    int32_t count, int32_t kernels, int32_t leaves, int32_t scratch, int32_t rows, int32_t columns, int32_t down,
    int32_t right)`.

    Row `(kernel * rows + y) * columns + x` of `words` becomes a kernel at a place. `tap` is [kernels, leaves], `mask`
    [kernels, leaves - 1, 4]: c0, ca, cb and cab of each gate (see `algebraic_normal_form`), all bits of a word. Nodes
    are kept in the slots from `scratch` on, one each.
    """  # noqa: D205
    parameters = (
        Parameter("slots", shape.word, 1),
        Parameter("tap", "int32", 1),
        Parameter("mask", shape.word, 1),
        *_output(shape),
        *(Parameter(name) for name in ("kernels", "leaves", "scratch", "rows", "columns", "down", "right")),
    )

    def body(
        slots: Buffer,
        tap: Buffer,
        mask: Buffer,
        words: Buffer,
        stride: Expr,
        count: Expr,
        kernels: Expr,
        leaves: Expr,
        scratch: Expr,
        *places: Expr,
    ) -> None:
        lanes = shape.lanes

        def of_kernel(number: Expr, place: Expr, put: Callable[[Expr], None]) -> None:
            first_tap, first_mask = T.Bind(number * leaves), T.Bind(number * (leaves - 1) * 4)
            lowest = T.Bind(quotient(leaves, 2))

            def gate(node: Expr, a: Expr, b: Expr) -> None:
                at = T.Bind(first_mask + node * 4)
                c0, ca, cb, cab = (tirx.Broadcast(mask[at + i], lanes) for i in range(4))
                store_row(slots, scratch + node, lanes, c0 ^ (ca & a) ^ (b & (cb ^ (cab & a))))

            with T.serial(0, lowest) as node:
                of_node = T.Bind(first_tap + node * 2)
                a, b = (T.Bind(row(slots, tap[of_node + i] + place, lanes)) for i in range(2))
                gate(node, a, b)
            with T.serial(lowest, leaves - 1) as node:
                first = T.Bind(scratch + node * 2 - leaves)
                a, b = (T.Bind(row(slots, first + i, lanes)) for i in range(2))
                gate(node, a, b)
            put(T.Bind(row(slots, scratch + leaves - 2, lanes)))

        _at_every_place(shape, words, stride, count, kernels, places, of_kernel)

    return kernel(f"{prefix}_convolution", parameters, (), body)


def pool(shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_pool(word *slots, const int32_t *tap, word *words, int64_t stride, int32_t count, int32_t channels,
    int32_t plane, int32_t taps, int32_t rows, int32_t columns, int32_t down, int32_t right)`.

    Row `(channel * rows + y) * columns + x` of `words` becomes the OR of what the taps of the channel read, which are
    `plane` slots behind those of the channel before.
    """  # noqa: D205
    parameters = (
        Parameter("slots", shape.word, 1),
        Parameter("tap", "int32", 1),
        *_output(shape),
        *(Parameter(name) for name in ("channels", "plane", "taps", "rows", "columns", "down", "right")),
    )

    def body(
        slots: Buffer,
        tap: Buffer,
        words: Buffer,
        stride: Expr,
        count: Expr,
        channels: Expr,
        plane: Expr,
        taps: Expr,
        *places: Expr,
    ) -> None:
        def of_channel(number: Expr, place: Expr, put: Callable[[Expr], None]) -> None:
            first = T.Bind(number * plane + place)

            def ored(i: Expr, value: Expr) -> Expr:
                return value | row(slots, first + tap[i], shape.lanes)

            nothing = constant(0, shape.word, shape.lanes)
            put(repeat(taps, 0, nothing, ored, shape.word, shape.lanes))

        _at_every_place(shape, words, stride, count, channels, places, of_channel)

    return kernel(f"{prefix}_pool", parameters, (), body)


def _output(shape: Shape) -> tuple[Parameter, ...]:
    return Parameter("words", shape.word, 1), Parameter("stride", "int64"), Parameter("count")


def _at_every_place(
    shape: Shape,
    words: Buffer,
    stride: Expr,
    count: Expr,
    channels: Expr,
    places: Sequence[Expr],
    of_channel: Callable[[Expr, Expr, Callable[[Expr], None]], None],
) -> None:
    """Write row `(channel * rows + y) * columns + x` of words for every channel and place.

    `of_channel(channel, place, put)` puts the value of a channel at a place, which is the slots that taps are moved by;
    `places` are rows, columns, down and right.
    """
    rows, columns, down, right = places
    with T.serial(0, channels) as channel, T.serial(0, rows) as y, T.serial(0, columns) as x:
        number = T.Bind((channel * rows + y) * columns + x)
        first = T.Bind(tirx.Cast("int64", number) * stride)
        of_channel(channel, T.Bind(y * down + x * right), lambda value: store_block(words, first, count, shape, value))
