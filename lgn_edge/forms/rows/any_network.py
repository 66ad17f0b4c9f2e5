"""The kernels of a network that is known only when they run: tables and sizes are parameters.

They do what those of an artifact do, by the same definitions; the ONNX Runtime library is made of them
(`custom_ops/kernels.h` declares them for C).
"""

from __future__ import annotations

from typing import Any, Final

from lgn_edge.forms.rows.counters import flips, set_counters
from lgn_edge.forms.rows.gates import Sizes, WireForm, run_gates, wire_form
from lgn_edge.forms.rows.load import copy_rows
from lgn_edge.forms.rows.pack_scalar import compare_scalar
from lgn_edge.forms.rows.pack_vectors import PackForm, compare_vectors
from lgn_edge.forms.rows.scores import ADD_BITS, finish
from lgn_edge.kernels.shape import Shape
from lgn_edge.kernels.tir import Buffer, Expr, Kernel, Parameter, Table, kernel

COMPARED: Final = ("uint8", "int32", "edge")  # the order is that of `enum lgn_compared`
# A kernel for each, as what is compared together is unrolled: all numbers of blocks that a few samples have, and steps.
PACK_FORMS: Final = tuple(
    PackForm(element, width, together)
    for element in ("uint8", "int32")
    for width, numbers in ((8, (1, 4)), (16, (1, 4)), (32, (1, 4)), (64, (1, 2, 3, 4, 6, 8, 10, 13, 16)))
    for together in numbers
) + tuple(
    PackForm("uint8", width, together, edges=True)
    for width, numbers in ((8, (1, 4)), (16, (1, 4)), (32, (1, 4)), (64, (1, 2, 3, 4, 6, 8)))
    for together in numbers
)
WIRE_FORMS: Final = ("near", "narrow", "wide")  # the order is that of `enum lgn_form`


def wire_forms(shape: Shape) -> tuple[WireForm, ...]:
    """Every form that wires may have, the one for the fewest slots first."""
    scaled = (1 << 16) // shape.lanes
    return wire_form(scaled, shape.lanes), wire_form(scaled + 1, shape.lanes), wire_form((1 << 16) + 1, shape.lanes)


def pack(form: PackForm, shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_pack_COMPAREDxWIDTHxTOGETHER(const element *samples, int32_t count, word *slots, ...)`.

    As the artifact's `pack` of samples with 8 features or more. Parameters behind these: the tables (the first feature
    of each piece int32, the level of each column of the form's type, the slot of each column int32, the slots that are
    always one int32, the first feature that is subtracted of each piece int32, which edges alone read), n_features,
    n_slots, n_groups, n_ones.
    """
    tables = {"start": "int32", "level": form.level, "column_slot": "int32", "one_slot": "int32", "minus": "int32"}
    parameters = (
        Parameter("samples", form.element, 1),
        Parameter("count"),
        Parameter("slots", shape.word, 1),
        *(Parameter(name, dtype, 1) for name, dtype in tables.items()),
        *(Parameter(name) for name in ("n_features", "n_slots", "n_groups", "n_ones")),
    )

    def body(samples: Buffer, count: Expr, slots: Buffer, *given: Any) -> None:
        *tables, minus, n_features, n_slots, n_groups, n_ones = given
        tables = [*tables, minus] if form.edges else tables
        compare_vectors(form, n_features, n_slots, n_groups, n_ones, samples, count, slots, *tables)

    symbol = f"{prefix}_pack_{form.name}x{form.width}x{form.together}"
    return kernel(symbol, parameters, (), body, form.llvm())


def pack_scalar(compared: str, shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_pack_COMPARED(const element *samples, int32_t count, word *slots, ...)`, of less than 8 features.

    Parameters behind these: the feature, the level and the slot of each bit and the feature that is subtracted, which
    edges alone read, int32; n_features, n_bits.
    """
    element = "int32" if compared == "int32" else "uint8"
    parameters = (
        Parameter("samples", element, 1),
        Parameter("count"),
        Parameter("slots", shape.word, 1),
        *(Parameter(name, "int32", 1) for name in ("feature", "level", "slot", "minus")),
        *(Parameter(name) for name in ("n_features", "n_bits")),
    )

    def body(samples: Buffer, count: Expr, slots: Buffer, *given: Any) -> None:
        *tables, minus, n_features, n_bits = given
        tables = [*tables, minus] if compared == "edge" else tables
        compare_scalar(element, n_features, n_bits, shape, samples, count, slots, *tables)

    return kernel(f"{prefix}_pack_{compared}", parameters, (), body)


def load(shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_load(const word *words, int32_t stride, int32_t count, word *slots, const int32_t *bit, int32_t n)`.

    As the artifact's `load`, for `n` live inputs.
    """
    parameters = (
        Parameter("words", shape.word, 1),
        Parameter("stride"),
        Parameter("count"),
        Parameter("slots", shape.word, 1),
        Parameter("bit", "int32", 1),
        Parameter("n"),
    )

    def body(words: Buffer, stride: Expr, count: Expr, slots: Buffer, bit: Buffer, n: Expr) -> None:
        copy_rows(n, shape, words, stride, count, slots, bit)

    return kernel(f"{prefix}_load", parameters, (), body)


def gates(shape: Shape, prefix: str) -> tuple[Kernel, ...]:
    """A kernel a form of wires, `void PREFIX_gates_FORM(...)`, as `uniform_interpreter`.

    Parameters: the slots; wires, and the rows, stops (with a zero before them), classes and complements of the trees,
    and what each class begins with, each int32; n_slots, zero_slot, n_trees, classes and n_planes.
    """
    tables = [Parameter(name, "int32", 1) for name in ("tree_row", "tree_stop", "tree_class", "tree_inverted", "base")]
    sizes = [Parameter(name) for name in ("n_slots", "zero_slot", "n_trees", "classes", "n_planes")]
    parameters = [Parameter("slots", shape.word, 1), Parameter("wires", "uint64", 1), *tables, *sizes]

    def of(form: WireForm, symbol: str) -> Kernel:
        def body(slots: Buffer, wires: Buffer, *given: Any) -> None:
            trees, base, sizes, flip = given[:4], given[4], given[5:-1], given[-1:]
            of_program = Sizes(*sizes)
            set_counters(slots, of_program.n_slots, of_program.classes, of_program.n_planes, base, shape)
            run_gates(of_program, form, shape, slots, wires, *trees, *flip)

        return kernel(symbol, parameters, [Table(f"{symbol}_flip", flips(shape))], body)

    return tuple(of(form, f"{prefix}_gates_{name}") for form, name in zip(wire_forms(shape), WIRE_FORMS, strict=True))


def scores(shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_sum(const word *slots, int32_t count, int32_t *scores, uint16_t *classes, ...)`, as `scores`.

    Parameters behind these: the first row of the counters, the number of classes, the planes of a class.
    """
    parameters = (
        Parameter("slots", shape.word, 1),
        Parameter("count"),
        Parameter("scores", "int32", 1),
        Parameter("classes", "uint16", 1),
        Parameter("first"),
        Parameter("n_classes"),
        Parameter("n_planes"),
    )

    def body(
        slots: Buffer, count: Expr, scores: Buffer, classes: Buffer, first: Expr, n_classes: Expr, n_planes: Expr
    ) -> None:
        finish(first, n_classes, n_planes, shape, slots, count, scores, classes)

    return kernel(f"{prefix}_sum", parameters, (), body, ADD_BITS)
