"""Ops that only move bits are read as ONNX Runtime runs them, in each version; what mixes samples is refused."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper, parser

from lgn_edge.errors import InputError
from lgn_edge.network import pack, unpack
from lgn_edge.onnx_model.bitwise import circuit
from tests.onnx_model.test_bitwise import all_inputs

CONTAINERS = {
    TensorProto.BOOL: np.bool_,
    TensorProto.UINT8: np.uint8,
    TensorProto.INT32: np.int32,
    TensorProto.INT64: np.int64,
    TensorProto.FLOAT: np.float32,
    TensorProto.DOUBLE: np.float64,
}
OPSETS = [7, 9, 10, 11, 12, 13, 14, 17, 18, 21]


class Growing:
    """A random graph of bits that grows by a node at a time; None is the size of the axis of samples."""

    def __init__(self, draw: Callable[..., Any], opset: int) -> None:
        self.draw, self.opset = draw, opset
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []
        signals = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3).filter(lambda s: math.prod(s) <= 6))
        self.at = draw(st.integers(0, len(signals)))  # the axis of samples
        self.shape: list[int | None] = [*signals[: self.at], None, *signals[self.at :]]
        self.input_shape, self.name = list(self.shape), "x"
        self.element = self.input_element = draw(st.sampled_from(list(CONTAINERS)))

    @property
    def signal_axes(self) -> list[int]:
        return [axis for axis, size in enumerate(self.shape) if size is not None]

    def axis(self) -> int:
        axis = int(self.draw(st.sampled_from(self.signal_axes)))
        return axis - self.draw(st.sampled_from([0, len(self.shape)])) if self.opset >= 11 else axis

    def constant(self, values: Any, dtype: Any = np.int64) -> str:
        self.tensors.append(numpy_helper.from_array(np.array(values, dtype), f"c{len(self.tensors)}"))
        return str(self.tensors[-1].name)

    def node(self, op: str, *inputs: str, n: int = 1, **attributes: Any) -> list[str]:
        outputs = [f"v{len(self.nodes)}.{i}" for i in range(n)]
        self.nodes.append(helper.make_node(op, [self.name, *inputs], outputs, **attributes))
        self.name = outputs[0]
        return outputs

    def listed(self, op: str, since: int, name: str, values: list[int], n: int = 1, **attributes: Any) -> list[str]:
        """A node whose list is an attribute before the version `since`, an input from then on."""
        if self.opset < since:
            return self.node(op, n=n, **{name: values}, **attributes)
        return self.node(op, self.constant(values), n=n, **attributes)

    def transpose(self) -> None:
        order = self.draw(st.permutations(range(len(self.shape))))
        if order == list(range(len(self.shape)))[::-1]:
            self.node("Transpose")
        else:
            self.node("Transpose", perm=order)
        self.shape = [self.shape[axis] for axis in order]

    def reshape(self) -> None:
        at = self.shape.index(None)
        before, after = (
            self.factors(math.prod(size or 1 for size in part)) for part in (self.shape[:at], self.shape[at + 1 :])
        )
        after = after if before or after else [1]
        new: list[int | None] = [*before, None, *after]
        if len(before) == at and self.draw(st.booleans()):  # 0 is the axis of the same number
            wanted = [0 if size is None or (i < len(self.shape) and size == self.shape[i]) else size
                      for i, size in enumerate(new)]  # fmt: skip
            if after and self.draw(st.booleans()):
                wanted[-1] = -1
            self.node("Reshape", self.constant(wanted))
        else:
            zero = {"allowzero": 1} if self.opset >= 14 and self.draw(st.booleans()) else {}
            self.node("Reshape", self.constant([-1 if size is None else size for size in new]), **zero)
        self.shape = new

    def factors(self, number: int) -> list[int]:
        cuts = sorted(self.draw(st.lists(st.sampled_from([d for d in range(1, number + 1) if number % d == 0]),
                                         max_size=2)))  # fmt: skip
        edges = [1, *(cut for cut in cuts), number]
        if any(high % low for low, high in pairwise(edges)):
            return [number]
        found = [high // low for low, high in pairwise(edges)]
        return found if number > 1 or self.draw(st.booleans()) else []

    def gather(self) -> None:
        axis = self.axis()
        n = self.shape[axis] or 0
        low = -n if self.opset >= 11 else 0
        if len(self.shape) < 6 and self.draw(st.booleans()):
            rows, columns = self.draw(st.integers(1, 2)), self.draw(st.integers(1, 3))
            index = np.reshape(self.draw(st.lists(st.integers(low, n - 1), min_size=6, max_size=6)), (2, 3))
            self.node("Gather", self.constant(index[:rows, :columns]), axis=axis)
            self.shape[axis : axis + 1] = [rows, columns]
        elif len(self.signal_axes) > 1 and self.draw(st.booleans()):
            self.node("Gather", self.constant(self.draw(st.integers(low, n - 1))), axis=axis)
            del self.shape[axis]
        else:
            index = self.draw(st.lists(st.integers(low, n - 1), min_size=1, max_size=4))
            self.node("Gather", self.constant(index, self.draw(st.sampled_from([np.int32, np.int64]))), axis=axis)
            self.shape[axis] = len(index)

    def slice(self) -> None:
        axes = self.draw(st.lists(st.sampled_from(range(len(self.shape))), min_size=1, max_size=3, unique=True))
        starts, ends, steps = [], [], []
        for axis in axes:
            n = self.shape[axis]
            if n is None:
                start, end, step = 0, 2**31 - 1, 1
            elif self.opset >= 10 and self.draw(st.booleans()):
                start, end, step = self.draw(st.sampled_from([(-1, -9, -1), (n - 1, -9, -2), (0, 9, 2)]))
            else:
                start = self.draw(st.integers(-n, n - 1))
                end, step = self.draw(st.integers(start % n + 1, n + 3)), 1
            self.shape[axis] = n if n is None else len(range(n)[slice(start, end, step)])
            starts, ends, steps = [*starts, start], [*ends, end], [*steps, step]
        if self.opset < 10:
            self.node("Slice", starts=starts, ends=ends, axes=axes)
        else:
            self.node("Slice", *map(self.constant, (starts, ends, axes, steps)))

    def split_and_join(self) -> None:
        axis = self.axis()
        n = self.shape[axis] or 0
        cut = self.draw(st.integers(0, n))
        if self.opset >= 18 and self.draw(st.booleans()):
            parts = self.node("Split", n=n, num_outputs=n, axis=axis)
        elif n and self.draw(st.booleans()) and self.opset < 18:
            parts = self.node("Split", n=n, axis=axis)
        else:
            parts = self.listed("Split", 13, "split", [cut, n - cut], n=2, axis=axis)
        order = self.draw(st.permutations(parts))
        self.name = order[0]
        self.node("Concat", *order[1:], axis=axis)

    def unsqueeze(self) -> None:
        rank = len(self.shape) + 2
        axes = sorted(self.draw(st.lists(st.integers(0, rank - 1), min_size=2, max_size=2, unique=True)))
        below = self.opset >= 11 and self.draw(st.booleans())
        self.listed("Unsqueeze", 13, "axes", [axis - rank if below else axis for axis in axes])
        for axis in axes:
            self.shape.insert(axis, 1)

    def squeeze(self) -> None:
        ones = [axis for axis in self.signal_axes if self.shape[axis] == 1]
        if ones and len(self.signal_axes) > 1:
            axis = self.draw(st.sampled_from(ones))
            self.listed("Squeeze", 13, "axes", [axis])
            del self.shape[axis]

    def flatten(self) -> None:
        if self.opset < 9:
            self.cast(TensorProto.FLOAT)  # which was all that it took
        rank = len(self.shape)
        cuts = [cut for cut in range(rank + 1) if self.flat(cut)]
        if cuts:
            cut = self.draw(st.sampled_from(cuts))
            below = self.opset >= 11 and cut < rank and self.draw(st.booleans())
            self.node("Flatten", axis=cut - rank if below else cut)
            self.shape = self.flat(cut)

    def flat(self, cut: int) -> list[int | None]:
        """The shape of a Flatten before this axis; nothing where samples would mix with signals."""
        halves = self.shape[:cut], self.shape[cut:]
        made = [None if None in half else math.prod(half) for half in halves]
        mixed = any(None in half and any(size not in (None, 1) for size in half) for half in halves)
        return [] if mixed else made

    def tile(self) -> None:
        times = [1 if size is None else self.draw(st.integers(1, 2)) for size in self.shape]
        self.node("Tile", self.constant(times))
        self.shape = [size if size is None else size * n for size, n in zip(self.shape, times, strict=True)]

    def expand(self) -> None:
        """Axes of size 1 to some size, one more axis in front; a 1 in the shape keeps what is there."""
        if self.opset >= 8:
            self.shape = [self.draw(st.integers(1, 3)) if size == 1 else size for size in self.shape]
            front = self.draw(st.lists(st.integers(1, 2), max_size=1))
            self.shape = [*front, *self.shape]
            self.node("Expand", self.constant([1 if size is None else size for size in self.shape]))

    def where(self) -> None:
        """Each element from the value, or from what its neighbour along an axis is, or from a constant."""
        if self.opset >= 9:
            if self.element == TensorProto.BOOL:  # which ONNX Runtime does not choose
                self.cast(TensorProto.UINT8)
            (before,), axis = [self.name], self.draw(st.sampled_from(self.signal_axes))
            n = self.shape[axis] or 0
            other = self.constant(self.draw(st.integers(0, 1)), CONTAINERS[self.element])
            if self.draw(st.booleans()):
                (other,) = self.node("Gather", self.constant([(i + 1) % n for i in range(n)]), axis=axis)
            sizes = [n if i == axis else 1 for i in range(len(self.shape))]
            chosen = np.reshape(self.draw(st.lists(st.booleans(), min_size=n, max_size=n)), sizes)
            self.name = self.constant(chosen, np.bool_)
            self.node("Where", *self.draw(st.permutations([before, other])))

    def by_its_shape(self) -> None:
        """Reshape to sizes that the graph computes, the number of samples among them."""
        before, at = self.name, self.shape.index(None)
        self.node("Shape")
        self.node("Gather", self.constant(list(range(at + 1))), axis=0)
        left = math.prod(size or 1 for size in self.shape[at + 1 :])
        self.node("Concat", self.constant([left]), axis=0)
        shape, self.name = self.name, before
        self.node("Reshape", shape)
        self.shape = [*self.shape[: at + 1], left]

    def joined_with_a_constant(self) -> None:
        """A ConstantOfShape of as many samples, joined."""
        if self.opset >= 9:
            before, axis, size = self.name, self.draw(st.sampled_from(self.signal_axes)), self.draw(st.integers(0, 2))
            self.node("Shape")
            shape = self.name
            parts = []
            for i in range(len(self.shape)):
                if i == axis:
                    parts.append(self.constant([size]))
                else:
                    self.name = shape
                    parts += self.node("Gather", self.constant([i]), axis=0)
            self.name = parts[0]
            self.node("Concat", *parts[1:], axis=0)
            value = numpy_helper.from_array(np.array([self.draw(st.integers(0, 1))], CONTAINERS[self.element]))
            (made,) = self.node("ConstantOfShape", value=value)
            self.name = before
            self.node("Concat", made, axis=axis)
            self.shape[axis] = (self.shape[axis] or 0) + size

    def cast(self, element: int | None = None) -> None:
        self.element = self.draw(st.sampled_from(list(CONTAINERS))) if element is None else element
        self.node("Cast", to=self.element)

    def gate(self) -> None:
        """A gate with a constant that broadcasts, and the complement."""
        self.cast(TensorProto.BOOL)
        rank = self.draw(st.integers(0, len(self.shape) + 1))
        shape = [1, *self.shape][len(self.shape) + 1 - rank :]
        sizes = [1 if size is None or self.draw(st.booleans()) else size for size in shape]
        bits = self.draw(st.lists(st.booleans(), min_size=math.prod(sizes), max_size=math.prod(sizes)))
        self.node(self.draw(st.sampled_from(["And", "Or", "Xor"])), self.constant(np.reshape(bits, sizes), np.bool_))
        self.shape = shape if rank > len(self.shape) else self.shape
        self.node("Not")

    def with_itself(self) -> None:
        """A gate of each two neighbours along an axis."""
        self.cast(TensorProto.BOOL)
        (before,), axis = [self.name], self.axis()
        n = self.shape[axis] or 0
        self.node("Gather", self.constant([(i + 1) % n for i in range(n)]), axis=axis)
        self.node("Xor", before)

    def model(self) -> ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "g",
            [
                helper.make_tensor_value_info(
                    "x", self.input_element, ["N" if s is None else s for s in self.input_shape]
                )
            ],
            [helper.make_tensor_value_info(self.name, self.element, ["M" if s is None else s for s in self.shape])],
            self.tensors,
        )
        return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", self.opset)])


STEPS = [
    "transpose",
    "reshape",
    "gather",
    "slice",
    "split_and_join",
    "unsqueeze",
    "squeeze",
    "cast",
    "gate",
    "with_itself",
    "flatten",
    "tile",
    "expand",
    "where",
    "by_its_shape",
    "joined_with_a_constant",
]


@settings(max_examples=200)
@given(st.data(), st.sampled_from(OPSETS), st.lists(st.sampled_from(STEPS), min_size=1, max_size=6))
def test_moves_are_those_of_onnx(data: st.DataObject, opset: int, steps: list[str]) -> None:
    graph = Growing(data.draw, opset)
    graph.cast()  # an integer is a bit
    for step in steps:
        if len(graph.shape) < 7 or step not in ("unsqueeze", "gate"):
            getattr(graph, step)()
    model = graph.model()
    bits = all_inputs(math.prod(size or 1 for size in graph.input_shape))
    sizes = [size for size in graph.input_shape if size is not None]
    x = np.moveaxis(bits.reshape(-1, *sizes), 0, graph.at).astype(CONTAINERS[graph.input_element])
    (want,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    want = np.moveaxis(want, graph.shape.index(None), 0).reshape(len(bits), -1)
    np.testing.assert_array_equal(unpack(circuit(model).evaluate(pack(bits)), len(bits)), want)


def read(body: str, constants: str, source: str = "bool[N,2,3] x", opset: int = 18) -> ModelProto:
    return parser.parse_model(f"""<ir_version: 8, opset_import: ["": {opset}]>
    g ({source}) => (bool[N] y) <{constants}> {{ {body} }}""")


REFUSED = {
    "samples join signals": ("y = Reshape (x, s)", "int64[1] s = {-1}", "keep the number of signals, and the samples"),
    "samples are cut": ("y = Reshape (x, s)", "int64[3] s = {-1, 2, 1}", "it makes the shape .-1, 2, 1. of"),
    "samples behind signals": ("y = Reshape (x, s)", "int64[3] s = {2, -1, 3}", "and the samples apart"),
    "a number of samples": ("y = Reshape (x, s)", "int64[2] s = {8, 6}", "and the samples apart"),
    "two sizes left": ("y = Reshape (x, s)", "int64[2] s = {-1, -1}", "and the samples apart"),
    "a size that is none": ("y = Reshape (x, s)", "int64[2] s = {0, -6}", "and the samples apart"),
    "no such axis to copy": ("y = Reshape (x, s)", "int64[4] s = {0, 6, 1, 0}", "and the samples apart"),
    "zero is a size": ("y = Reshape <allowzero = 1> (x, s)", "int64[3] s = {0, 2, 3}", "and the samples apart"),
    "zero and left": ("y = Reshape <allowzero = 1> (x, s)", "int64[2] s = {0, -1}", "and the samples apart"),
    "huge shape": ("y = Reshape (x, s)", "int64[3] s = {0, 4611686018427387904, 4}", "and the samples apart"),
    "shape computed": ("s = Shape (x) t = Add (s, c) y = Reshape (x, t)", "int64 c = {0}", "a circuit of this input"),
    "index of samples": ("s = Shape (x) y = Gather <axis = 1> (x, s)", "int64 c = {0}", "depends on the number"),
    "cut by samples": ("s = Shape <end = 1> (x) y = Slice (x, c, s, c)", "int64[1] c = {1}", "on the number of"),
    "samples as bits": ("s = Shape (x) t = Cast <to = 6> (s) y = Concat <axis = 0> (t, s)", "int64 c = {0}", "number"),
    "samples are flattened": ("y = Flatten <axis = 2> (x)", "int64 c = {0}", "samples must stay apart"),
    "flattened before no axis": ("y = Flatten <axis = 4> (x)", "int64 c = {0}", "cuts before the axis 4 of 3"),
    "samples are repeated": ("y = Tile (x, c)", "int64[3] c = {2, 1, 1}", "it repeats samples"),
    "repeated by too few": ("y = Tile (x, c)", "int64[2] c = {2, 1}", "give a number for each"),
    "repeated below zero": ("y = Tile (x, c)", "int64[3] c = {1, -1, 1}", "give a number for each"),
    "samples are expanded": ("y = Expand (x, c)", "int64[3] c = {4, 2, 3}", "meet other samples"),
    "expanded to another size": ("y = Expand (x, c)", "int64[3] c = {1, 4, 3}", "the shapes"),
    "expanded below zero": ("y = Expand (x, c)", "int64[3] c = {1, -1, 3}", "is not below 0"),
    "expanded by signals": ("y = Expand (x, x)", "int64 c = {0}", "must be a constant"),
    "chosen by signals": ("y = Where (x, x, x)", "int64 c = {0}", "its condition .* must be a constant of bool"),
    "chosen of two types": ("a = Cast <to = 2> (x) y = Where (c, x, a)", "bool c = {0}", "of the types BOOL and UINT8"),
    "a constant of two": ("s = Shape (x) y = ConstantOfShape <value = int64[2] {0, 1}> (s)", "int64 c = {0}", "2 el"),
    "a constant of more": ("s = Shape (x) t = ConstantOfShape <value = float[1] {2}> (s) a = Cast <to = 1> (x)"
                           " y = Concat <axis = 1> (a, t)", "int64 c = {0}", "be 0 or 1"),
    "a cast that rounds": ("a = Cast <to = 7> (c) y = Concat <axis = 1> (x, a)", "float[1,1,1] c = {0.5}", "changes"),
    "text in a constant": ("c = Constant <value_string = \"a\"> () y = Identity (x)", "int64 d = {0}", "no numbers"),
    "no permutation": ("y = Transpose <perm = [0, 0, 1]> (x)", "int64 c = {0}", "orders 3 axes as .0, 0, 1."),
    "each two samples": ("t = Transpose <perm = [1, 0]> (x) y = And (x, t)", "int64 c = {0}", "on each two samples"),
    "samples meet signals": ("y = And (x, c)", "bool[2,2,3] c = {1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0}", "meet other"),
    "samples are taken": ("y = Gather <axis = 0> (x, c)", "int64 c = {0}", "axis 0; signals lie along the axes"),
    "samples are sliced": ("y = Slice (x, c, d)", "int64[1] c = {0}, int64[1] d = {5}", "works along the axis 0"),
    "slice by nothing": ("y = Slice (x, c, d, d, c)", "int64[1] c = {0}, int64[1] d = {1}", "a step is not 0"),
    "slice twice": ("y = Slice (x, c, d, e)", "int64[2] c = {0, 0}, int64[2] d = {1, 1}, int64[2] e = {1, -2}", "once"),
    "samples are squeezed": ("y = Squeeze (x)", "int64 c = {0}", "must name its axes"),
    "no axis of 1": ("y = Squeeze (x, c)", "int64[1] c = {1}", "each must be 1"),
    "axis made twice": ("y = Unsqueeze (x, c)", "int64[2] c = {1, -4}", "makes the axes .1, -4. of 5"),
    "other parts": ("a, y = Split <axis = 1, num_outputs = 3> (x)", "int64 c = {0}", "another number of outputs"),
    "other shapes": ("a = Transpose <perm = [0, 2, 1]> (x) y = Concat <axis = 1> (x, a)", "int64 c = {0}", "joins 2"),
    "other types joined": ("a = Cast <to = 2> (x) y = Concat <axis = 1> (x, a)", "int64 c = {0}", "it joins 2 values"),
    "other types": ("a = Cast <to = 2> (x) y = And (x, a)", "int64 c = {0}", "of the types BOOL and UINT8"),
    "text": ("y = Cast <to = 8> (x)", "int64 c = {0}", "it makes the type STRING; bits are held by"),
    "complement of a number": ("a = Cast <to = 2> (x) y = BitwiseNot (a)", "int64 c = {0}", "its complement is not"),
    "float of more": ("a = Cast <to = 1> (x) y = Concat <axis = 1> (a, c)", "float[1,2,1] c = {1, 2}", "be 0 or 1"),
    "a gate of floats": ("a = Cast <to = 1> (x) y = Mul (a, a)", "int64 c = {0}", "a float is read as 0 or 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_only_move_is_refused(case: str) -> None:
    body, constants, message = REFUSED[case]
    with pytest.raises(InputError, match=f"^node that writes '.*{message}"):
        circuit(read(body, constants, "bool[N,1] x" if case == "each two samples" else "bool[N,2,3] x"))


def test_an_output_that_is_no_bit_is_named() -> None:
    for number in ("s = Shape (x) y = Identity (s)", "y = Identity (two)"):
        with pytest.raises(
            InputError, match=r"^output 'y': .* (no bits|must be 0 or 1$|must be all zeros or all ones)"
        ):
            circuit(read(number, "int64[1] two = {2}"))


SMALL = {
    "input": ("y = Identity (x)", "bool[N,1048576,1048576,1048576] x", "more than 134217728 signals"),
    "axes": ("y = Identity (x)", f"bool[N,{','.join(['1'] * 70)}] x", "a value has 71 axes; the most are 32"),
    "unsqueezed": ("y = Unsqueeze (x, many)", "bool[N,2] x", "a value has 34 axes; the most are 32"),
    "gathered": ("y = Gather <axis = 1> (x, zeros)", "bool[N,1,8388608] x", "has 268435456 of"),
    "index of axes": ("y = Gather <axis = 1> (x, deep)", "bool[N,2] x", "a value has 33 axes; the most are 32"),
    "expanded": ("y = Expand (x, huge)", "bool[N,1] x", "has 1152921504606846976 of"),
    "made": ("y = ConstantOfShape (huge)", "bool[N,1] x", "has 1152921504606846976 of"),
    "repeated": ("y = Tile (x, huge)", "bool[1,N,1] x", "has 1152921504606846976 of"),
    "broadcast": ("t = Transpose <perm = [0, 2, 1]> (x) y = And (x, t)", "bool[N,65536,1] x", "has 4294967296 of"),
}


@pytest.mark.parametrize("case", SMALL)
def test_a_small_file_of_a_huge_graph_takes_no_memory(case: str) -> None:
    body, source, message = SMALL[case]
    many = ", ".join(str(i) for i in range(32))
    constants = (
        f"int64[32] many = {{{many}}}, int64[32] zeros = {{{', '.join(['0'] * 32)}}}, "
        f"int64[{','.join(['1'] * 32)}] deep = {{0}}, int64[3] huge = {{1073741824, 1, 1073741824}}"
    )
    model = read(body, constants, source)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=message):
            circuit(model)
        assert tracemalloc.get_traced_memory()[1] < 300 * 2**20
    finally:
        tracemalloc.stop()
