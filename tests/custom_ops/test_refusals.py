"""Malformed nodes: one clear error of ONNX Runtime for each, and never a crash."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper

from lgn_edge import onnx_library_path, onnx_session
from lgn_edge.errors import InputError
from lgn_edge.network import Network
from lgn_edge.onnx_model import Form, to_model
from tests.onnx_model.forms import fed, joined_images
from tests.onnx_model.mutations import mutated
from tests.strategies import random_network, random_samples

I32, I64, U8, F32 = np.int32, np.int64, np.uint8, np.float32
ELEMENT = {kind: helper.np_dtype_to_tensor_dtype(np.dtype(kind)) for kind in (I32, I64, U8, F32, np.bool_, np.float64)}
WINDOW = {"channels": 1, "height": 2, "width": 2, "size": [1, 1], "stride": [1, 1], "padding": [0, 0]}
KERNELS = {"leaf": I32([[[0, 0, 0], [0, 0, 0]]]), "table": U8([[1]])}
HEAD = {"classes": 2, "tau": 1.0, "beta": 0.0}
WIRES = {"a": I32([0, 1]), "b": I32([1, 0]), "table": U8([1, 7])}
COMPARISONS = {"feature": I32([0, 1]), "threshold": F32([0.5, 0.5])}


def model(
    op: str,
    element: Any,
    shape: list[Any] | None,
    constants: dict[str, Any],
    attributes: dict[str, Any],
    outputs: list[tuple[str, int]],
    given: tuple[str, ...] = (),
) -> ModelProto:
    """One node that reads `x` and constants; those in `given` are inputs of the model instead."""
    inputs = [helper.make_tensor_value_info("x", ELEMENT[element], shape)]
    inputs += [helper.make_tensor_value_info(n, ELEMENT[constants[n].dtype.type], None) for n in given]
    named = {name: value for name, value in constants.items() if value is not None}
    names = [name if name in named else "" for name in constants]
    node = helper.make_node(op, ["x", *names], [name for name, _ in outputs], "node7", domain="ai.lgn", **attributes)
    graph = helper.make_graph(
        [node],
        "graph",
        inputs,
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs],
        [numpy_helper.from_array(value, name) for name, value in named.items() if name not in given],
    )
    imports = [helper.make_opsetid("", 18), helper.make_opsetid("ai.lgn", 1)]
    return helper.make_model(graph, ir_version=10, opset_imports=imports)


def threshold(element: Any = F32, shape: Any = ("N", 2), given: tuple[str, ...] = (), **changed: Any) -> ModelProto:
    outputs = [("words", TensorProto.INT64)]
    return model("Threshold", element, shape and list(shape), COMPARISONS | changed, {}, outputs, given)


def difference(element: Any = np.uint8, shape: Any = ("N", 2), **changed: Any) -> ModelProto:
    constants = {"feature": COMPARISONS["feature"], "minus": I32([-1, 0]), "threshold": COMPARISONS["threshold"]}
    outputs = [("words", TensorProto.INT64)]
    return model("ThresholdDifference", element, shape and list(shape), constants | changed, {}, outputs)


def layer(element: Any = I64, shape: Any = (2, "W"), given: tuple[str, ...] = (), **changed: Any) -> ModelProto:
    outputs = [("result", TensorProto.INT64)]
    return model("LogicLayer", element, shape and list(shape), WIRES | changed, {}, outputs, given)


def image(op: str, element: Any, shape: Any, given: tuple[str, ...], constants: Any, changed: Any) -> ModelProto:
    attributes = {k: v for k, v in (WINDOW | changed).items() if k in WINDOW and v is not None}
    constants = {k: changed.get(k, v) for k, v in constants.items()}
    outputs = [("result", TensorProto.INT64)]
    return model(op, element, shape and list(shape), constants, attributes, outputs, given)


def convolution(element: Any = I64, shape: Any = (4, "W"), given: tuple[str, ...] = (), **changed: Any) -> ModelProto:
    return image("LogicConv2d", element, shape, given, KERNELS, changed)


def pool(element: Any = I64, shape: Any = (4, "W"), **changed: Any) -> ModelProto:
    return image("OrPool2d", element, shape, (), {}, changed)


def group_sum(element: Any = I64, shape: Any = (4, "W"), n: Any = None, **changed: Any) -> ModelProto:
    outputs = [("scores", TensorProto.INT32), ("logits", TensorProto.FLOAT)]
    attributes = {k: v for k, v in (HEAD | changed).items() if v is not None}
    number = I64([64]) if n is None else n
    return model("GroupSum", element, shape and list(shape), {"n": number}, attributes, outputs)


def network(element: Any = F32, shape: Any = ("N", 2), given: tuple[str, ...] = (), **changed: Any) -> ModelProto:
    attributes = {"bits": 2, **HEAD}
    constants: dict[str, Any] = {**COMPARISONS, **WIRES}
    for name, value in changed.items():
        (attributes if name in attributes else constants)[name] = value
    attributes = {name: value for name, value in attributes.items() if value is not None}
    outputs = [("scores", TensorProto.INT32), ("logits", TensorProto.FLOAT), ("class", TensorProto.INT64)]
    return model("LogicNetwork", element, shape and list(shape), constants, attributes, outputs, given)


def network_of_differences(element: Any = np.uint8, shape: Any = ("N", 2), **changed: Any) -> ModelProto:
    comparisons = {"feature": COMPARISONS["feature"], "minus": I32([-1, 0]), "threshold": COMPARISONS["threshold"]}
    constants = {name: changed.get(name, value) for name, value in (comparisons | WIRES).items()}
    outputs = [("scores", TensorProto.INT32), ("logits", TensorProto.FLOAT), ("class", TensorProto.INT64)]
    attributes = {"bits": changed.get("bits", 2), **HEAD}
    return model("LogicNetworkDifference", element, shape and list(shape), constants, attributes, outputs)


NAN, FAR = F32([0.5, np.nan]), I32([0, 2])
REFUSED_AT_ONCE: dict[str, tuple[Callable[[], ModelProto], str]] = {
    "samples of another type": (lambda: threshold(np.float64), "the input x must be float32, uint8 or bool"),
    "samples of rank 3": (lambda: threshold(shape=("N", 2, 2)), "the input x has 3 dimensions; it must have two"),
    "feature not constant": (lambda: threshold(given=("feature",)), "the input feature must be a constant initializer"),
    "feature behind the samples": (lambda: threshold(feature=FAR), r"feature\[1\] is 2; the samples have the features"),
    "negative feature": (lambda: threshold(feature=I32([0, -1])), r"feature\[1\] is -1; it must not be negative"),
    "more thresholds": (lambda: threshold(threshold=F32([1, 2, 3])), "there are 2 features and 3 thresholds"),
    "no bits": (lambda: threshold(feature=I32([]), threshold=F32([])), "there are 0 features and 0 thresholds"),
    "differences of floats": (lambda: difference(F32), "ThresholdDifference"),
    "more of minus": (lambda: difference(minus=I32([0])), "there are 1 of minus and 2 bits; give one each a bit"),
    "minus less than none": (lambda: difference(minus=I32([0, -2])), r"minus\[1\] is -2; it is a feature, or -1"),
    "minus behind the samples": (
        lambda: difference(minus=FAR),
        r"minus\[1\] is 2; the samples have the features 0 to 1",
    ),
    "a network of differences of floats": (lambda: network_of_differences(F32), "LogicNetworkDifference"),
    "a network with more of minus": (
        lambda: network_of_differences(minus=I32([0])),
        "there are 1 of minus and 2 bits; give one each a bit",
    ),
    "a network with minus behind the samples": (
        lambda: network_of_differences(minus=FAR),
        r"minus\[1\] is 2; the samples have the features 0 to 1",
    ),
    "a network of differences of other bits": (
        lambda: network_of_differences(bits=3),
        "there are 2 bits; the attribute bits is 3",
    ),
    "a network of differences with wires behind the bits": (
        lambda: network_of_differences(a=FAR),
        r"a\[1\] is 2; the signals before it are 0 to 1",
    ),
    "threshold not finite": (lambda: threshold(threshold=NAN), r"threshold\[1\] is not finite"),
    "words of another type": (lambda: layer(I32), "Type 'tensor\\(int32\\)' of input parameter"),
    "words of rank 1": (lambda: layer(shape=(2,)), "the input words has 1 dimensions; it must have two"),
    "wiring not constant": (lambda: layer(given=("b",)), "the input b must be a constant initializer"),
    "tables not constant": (lambda: layer(given=("table",)), "the input table must be a constant initializer"),
    "wire behind the signals": (lambda: layer(a=FAR), r"a\[1\] is 2; the signals before it are 0 to 1"),
    "negative wire": (lambda: layer(b=I32([-1, 0])), r"b\[0\] is -1; the signals before it are 0 to 1"),
    "table 16": (lambda: layer(table=U8([1, 16])), r"table\[1\] is 16; a gate is 0 to 15"),
    "fewer tables": (lambda: layer(table=U8([1])), "there are 2 a, 2 b and 1 tables"),
    "wiring of rank 2": (lambda: layer(a=I32([[0, 1]])), "the input a has 2 dimensions; it must have one"),
    "wiring of another type": (lambda: layer(a=I64([0, 1])), "Type 'tensor\\(int64\\)' of input parameter"),
    "kernels not constant": (lambda: convolution(given=("leaf",)), "the input leaf must be a constant initializer"),
    "kernels' tables not constant": (
        lambda: convolution(given=("table",)),
        "the input table must be a constant initial",
    ),
    "image of another size": (lambda: convolution(channels=2), "there are 4 signals, for 2 channels of 2 x 2"),
    "image of another type": (lambda: convolution(I32), "Type 'tensor\\(int32\\)' of input parameter"),
    "image of rank 1": (lambda: pool(shape=(4,)), "the input words has 1 dimensions; it must have two"),
    "no channels": (lambda: pool(channels=0), "channels is 0; give 1 to"),
    "no height": (lambda: pool(height=None), "the attribute height, an INT, is missing"),
    "huge width": (lambda: pool(width=2**62), "width is 4611686018427387904; give 1 to"),
    "stride 0": (lambda: convolution(stride=[0, 1]), "stride is 0; give 1 to"),
    "negative padding": (lambda: convolution(padding=[0, -1]), "padding is -1; give 0 to"),
    "no padding": (lambda: pool(padding=None), "the attribute padding, two INTS, is missing"),
    "a size of one number": (lambda: pool(size=[1]), "the attribute size, two INTS, is missing"),
    "a size of three numbers": (lambda: pool(size=[1, 1, 1]), "the attribute size, two INTS, is missing"),
    "a size that is no list": (lambda: pool(size=1), "the attribute size, two INTS, is missing"),
    "a window too large": (lambda: pool(size=[1, 3]), "a window of 1 x 3 does not fit into the image of 2 x 2"),
    "too much padding": (lambda: pool(padding=[1 << 20, 1 << 20]), "1 channels of 2097154 x 2097154 are more than"),
    "three leaves": (lambda: convolution(leaf=I32([[[0, 0, 0]] * 3])), "leaf has 3 leaves of 3 numbers; give 2, 4, 8"),
    "one leaf": (lambda: convolution(leaf=I32([[[0, 0, 0]]])), "leaf has 1 leaves of 3 numbers"),
    "leaves of two numbers": (lambda: convolution(leaf=I32([[[0, 0]] * 2])), "leaf has 2 leaves of 2 numbers"),
    "leaves of rank 2": (
        lambda: convolution(leaf=I32([[0, 0]])),
        "the input leaf has 2 dimensions; it must have three",
    ),
    "tables of rank 1": (lambda: convolution(table=U8([1])), "the input table has 1 dimensions; it must have two"),
    "tables for more kernels": (lambda: convolution(table=U8([[1], [1]])), "there are 1 x 2 leaves and 2 x 1 tables"),
    "no kernels": (
        lambda: convolution(leaf=np.zeros((0, 2, 3), I32), table=np.zeros((0, 1), U8)),
        "there are 0 kernels at 4 places",
    ),
    "leaf behind the channels": (
        lambda: convolution(leaf=I32([[[0, 0, 0], [1, 0, 0]]])),
        "the channel of leaf 1 of kernel 0 is 1, outside 0 to 0",
    ),
    "negative column": (lambda: convolution(leaf=I32([[[0, 0, -1]] * 2])), "the column of leaf 0 of kernel 0 is -1"),
    "kernel with table 16": (lambda: convolution(table=U8([[16]])), r"table\[0, 0\] is 16; a gate is 0 to 15"),
    "classes that do not divide": (lambda: group_sum(classes=3), "3 classes do not divide 4 signals"),
    "no classes": (lambda: group_sum(classes=0), "there are 0 classes; give 1 to 65535"),
    "too many classes": (lambda: group_sum(shape=("M", "W"), classes=65536), "there are 65536 classes"),
    "tau 0": (lambda: group_sum(tau=0.0), "tau is 0 and beta 0; tau must be finite and positive"),
    "tau missing": (lambda: group_sum(tau=None), "the attribute tau, a FLOAT, is missing"),
    "beta infinite": (lambda: group_sum(beta=float("inf")), "beta inf"),
    "classes of another kind": (lambda: group_sum(classes="two"), "the attribute classes, an INT, is missing"),
    "network: samples of another type": (lambda: network(I32), "the input x must be float32, uint8 or bool samples"),
    "network: wire behind": (lambda: network(a=FAR), r"layer 0: a\[1\] is 2; the signals before it are 0 to 1"),
    "network: negative wire": (lambda: network(b=I32([0, -5])), r"layer 0: b\[1\] is -5"),
    "network: table 255": (lambda: network(table=U8([255, 1])), r"layer 0: table\[0\] is 255; a gate is 0 to 15"),
    "network: wiring not constant": (lambda: network(given=("a",)), "the input a must be a constant initializer"),
    "network: swapped types": (lambda: network(a=U8([0, 1])), "the input a is uint8; it must be int32"),
    "network: fewer b": (lambda: network(b=I32([0])), "layer 0 has 2 a, 1 b and 2 tables"),
    "network: no gates": (lambda: network(a=I32([]), b=I32([]), table=U8([])), "layer 0 has 0 a, 0 b and 0 tables"),
    "network: half a layer": (lambda: network(a2=I32([0, 1])), "there are 4 inputs behind threshold"),
    "network: other bits": (lambda: network(bits=3), "there are 2 bits; the attribute bits is 3"),
    "network: no bits": (lambda: network(bits=0), "there are 0 bits; give 1 to"),
    "network: bits missing": (lambda: network(bits=None), "the attribute bits, an INT, is missing"),
    "network: classes do not divide": (lambda: network(classes=3), "3 classes do not divide 2 signals"),
    "network: no encoder": (lambda: network(feature=None, threshold=None), "feature must be a constant initializer"),
    "network: packed rows": (
        lambda: network(I64, (3, "W"), feature=None, threshold=None),
        "there are 3 bits; the attribute bits is 2",
    ),
    "network: rank 1": (lambda: network(shape=("N",)), "the input x has 1 dimensions; it must have two"),
}
X2, W2, W4 = np.zeros((3, 2), F32), np.zeros((2, 1), I64), np.zeros((4, 1), I64)
REFUSED_WHEN_RUN: dict[str, tuple[Callable[[], ModelProto], np.ndarray, str]] = {
    "samples of rank 1": (lambda: threshold(shape=None), np.zeros(2, F32), "x has 1 dimensions; it must have two"),
    "fewer features": (lambda: threshold(shape=None), np.zeros((3, 1), F32), r"feature\[1\] is 1; the samples have"),
    "fewer signals": (lambda: layer(shape=None), np.zeros((1, 1), I64), "the gates read signal 1; the signals before"),
    "words of rank 3": (lambda: layer(shape=None), np.zeros((2, 1, 1), I64), "words has 3 dimensions"),
    "fewer signals of an image": (
        lambda: convolution(shape=None),
        np.zeros((3, 1), I64),
        "there are 3 signals, for 1 ch",
    ),
    "more signals of an image": (
        lambda: pool(shape=None),
        np.zeros((5, 1), I64),
        "there are 5 signals, for 1 channels",
    ),
    "image of rank 1": (lambda: pool(shape=None), np.zeros(4, I64), "words has 1 dimensions"),
    "classes that do not divide": (lambda: group_sum(shape=None), np.zeros((3, 1), I64), "2 classes do not divide 3"),
    "no signals": (lambda: group_sum(shape=None), np.zeros((0, 1), I64), "2 classes do not divide 0 signals"),
    "more samples than words": (lambda: group_sum(n=I64([65])), np.zeros((4, 1), I64), "n is 65, for 1 words"),
    "fewer samples than words": (lambda: group_sum(n=I64([0])), np.zeros((4, 1), I64), "n is 0, for 1 words"),
    "negative samples": (lambda: group_sum(n=I64([-1])), np.zeros((4, 0), I64), "n is -1, for 0 words"),
    "n of rank 0": (lambda: group_sum(n=np.array(64, I64)), np.zeros((4, 1), I64), "n must be one number"),
    "network: fewer features": (lambda: network(shape=None), np.zeros((3, 1), F32), r"feature\[1\] is 1"),
    "network: rank 1": (lambda: network(shape=None), np.zeros(3, F32), "the input x has 1 dimensions"),
    "network: other rows": (
        lambda: network(I64, None, feature=None, threshold=None),
        np.zeros((5, 1), I64),
        "there are 5 bits; the attribute bits is 2",
    ),
}


@pytest.mark.parametrize("case", REFUSED_AT_ONCE)
def test_refused_when_the_session_is_made(case: str) -> None:
    make, message = REFUSED_AT_ONCE[case]
    with pytest.raises(InputError, match=message) as error:
        onnx_session(make().SerializeToString(), threads=1)
    assert "Type Error" in str(error.value) or "'node7': " in str(error.value), "says where"


@pytest.mark.parametrize("case", REFUSED_WHEN_RUN)
def test_refused_when_it_runs(case: str) -> None:
    make, x, message = REFUSED_WHEN_RUN[case]
    session = onnx_session(make().SerializeToString(), threads=1)
    with pytest.raises(Exception, match=message):
        session.run(None, {"x": x})


def test_the_nodes_are_legal_as_they_are() -> None:
    for make, x in ((threshold, X2), (layer, W2), (convolution, W4), (pool, W4), (group_sum, W4), (network, X2)):
        onnx_session(make().SerializeToString(), threads=1).run(None, {"x": x})


def test_no_samples() -> None:
    no_words = ((layer, W2[:, :0]), (convolution, W4[:, :0]), (pool, W4[:, :0]))
    for make, x in ((threshold, X2[:0]), *no_words, (network, X2[:0])):
        for array in onnx_session(make().SerializeToString(), threads=1).run(None, {"x": x}):
            assert 0 in array.shape
    scores, _ = onnx_session(group_sum(n=I64([0])).SerializeToString()).run(None, {"x": np.zeros((4, 0), I64)})
    assert scores.shape == (0, 2)


def test_without_the_library() -> None:
    with pytest.raises(Exception, match=r"LogicNetwork.*is not a registered function/op"):
        onnxruntime.InferenceSession(network().SerializeToString(), providers=["CPUExecutionProvider"])


def test_no_such_file(tmp_path: Any) -> None:
    with pytest.raises(
        InputError, match=r"nothing\.onnx does not exist; check the name, or give the name of an ONNX file"
    ):
        onnx_session(tmp_path / "nothing.onnx")


EDGES = random_network(13, features=9, bits=40, widths=(50, 30), input_dtype="uint8", edges=True)
NUMBERS = st.one_of(st.integers(-2, 6), st.sampled_from([-(2**31), 2**31 - 1, 1 << 28]))
Strategies = dict[str, st.SearchStrategy[Any]]


def arrays(dtype: Any, values: st.SearchStrategy[Any], *sizes: tuple[int, int]) -> st.SearchStrategy[np.ndarray]:
    """Arrays of axes of these sizes, from the smallest to the largest."""
    shape = st.tuples(*(st.integers(*size) for size in sizes or ((0, 5),)))
    return shape.flatmap(
        lambda shape: st.lists(values, min_size=(n := int(np.prod(shape))), max_size=n).map(
            lambda items: np.array(items, dtype).reshape(shape)
        )
    )


TABLES = st.integers(0, 20)
FLOATS = st.floats(width=32)
COMPARED: Strategies = {"feature": arrays(I32, NUMBERS), "threshold": arrays(F32, FLOATS)}
WIRED: Strategies = {"a": arrays(I32, NUMBERS), "b": arrays(I32, NUMBERS), "table": arrays(U8, TABLES)}
COUNTED: Strategies = {"classes": st.integers(-1, 70000), "tau": FLOATS, "beta": FLOATS}
SEEN: Strategies = dict.fromkeys(("channels", "height", "width"), NUMBERS) | {
    name: st.lists(NUMBERS, min_size=1, max_size=3) for name in ("size", "stride", "padding")
}
GROWN: Strategies = {
    "leaf": arrays(I32, NUMBERS, (0, 2), (1, 4), (2, 3)),
    "table": arrays(U8, TABLES, (0, 2), (0, 3)),
}
MAKERS: dict[Callable[..., ModelProto], Strategies] = {  # and what each takes
    threshold: COMPARED,
    difference: COMPARED | {"minus": arrays(I32, NUMBERS)},
    layer: WIRED,
    convolution: GROWN | SEEN,
    pool: SEEN,
    group_sum: COUNTED,
    network: COMPARED | WIRED | COUNTED | {"bits": st.integers(-1, 2**33)},
    network_of_differences: COMPARED | WIRED | {"minus": arrays(I32, NUMBERS), "bits": st.integers(-1, 2**33)},
}


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_malformed_nodes_never_crash(data: st.DataObject) -> None:
    """Anything in the place of every constant, attribute and shape: an error or a result, in this process."""
    make = data.draw(st.sampled_from(list(MAKERS)))
    changed = {name: data.draw(values, name) for name, values in MAKERS[make].items() if data.draw(st.booleans())}
    element = data.draw(st.sampled_from([F32, U8, I64, I32, np.bool_]))
    shape = data.draw(st.one_of(st.none(), st.lists(st.sampled_from([0, 1, 2, 4, "N"]), max_size=3)))
    try:
        session = onnx_session(make(element, shape, **changed).SerializeToString(), threads=1)
    except InputError:
        return
    x = np.zeros(data.draw(st.lists(st.sampled_from([0, 1, 2, 4, 70]), min_size=1, max_size=3), "x"), element)
    with suppress(Exception):  # ONNX Runtime's own, one class a status code; whatever it is, we are still here
        session.run(None, {"x": x})


@pytest.mark.parametrize(
    ("whole", "form"),
    [
        *(
            (random_network(1, input_dtype="uint8"), Form(ops, i))
            for ops in ("custom", "fused")
            for i in ("", "packed")
        ),
        (joined_images(1), Form()),
        (EDGES, Form("fused")),
    ],
    ids=["custom", "custom-packed", "fused", "fused-packed", "images", "fused-edges"],
)
def test_changed_files_never_crash(whole: Network, form: Form) -> None:
    """Anything changed in the graph of a file: an error or a result, in this process."""
    rng = np.random.default_rng(1)
    model = to_model(whole, form)
    name, x = fed(whole, form, random_samples(whole, 70))
    for i in range(80):
        with suppress(InputError):
            changed = mutated(model, rng, graph_only=True).SerializeToString()
            session = onnx_session(changed, threads=1, fuse=i % 2 == 0)
            with suppress(Exception):  # ONNX Runtime's own
                session.run(None, {name: x})


def test_registered_by_many_sessions() -> None:
    for _ in range(3):
        options = onnxruntime.SessionOptions()
        options.register_custom_ops_library(str(onnx_library_path()))
        onnxruntime.InferenceSession(network().SerializeToString(), options, providers=["CPUExecutionProvider"])
