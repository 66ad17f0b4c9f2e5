"""Image layers, and layers that read several, refused as all else (see `test_refused_graphs.py`)."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from lgn_edge.errors import InputError
from lgn_edge.onnx_model import from_model, to_model
from tests.onnx_model.changes import IMAGES, Change, attribute, node, set_array, swap


def another_join(place: int) -> Change:
    join = helper.make_node("Concat", ["layer1", "layer0"], ["x"], "more", axis=0)
    return lambda m: m.graph.node.insert(place, join)


# nodes: 0 Threshold, 1 layer0, 2 layer1, 3 Concat, 4 layer2, 5 Shape, 6 GroupSum, 7 ArgMax
IMAGE_CHANGES: dict[str, tuple[Change, str]] = {
    "another channel": (attribute("LogicConv2d", "channels", i=3), "node 'layer0' .*3 x 3 x 3 signals; it reads 18"),
    "no channels": (attribute("OrPool2d", "channels", i=0), "node 'layer1' .*0 x 4 x 4 signals; it reads 32"),
    "negative sides": (lambda m: [attribute("OrPool2d", name, i=-4)(m) for name in ("height", "width")],
                       "node 'layer1' .*2 channels of -4 x -4"),
    "stride 0": (attribute("LogicConv2d", "stride", ints=[0, 1]), "node 'layer0' .*stride is 0 x 1"),
    "negative padding": (attribute("OrPool2d", "padding", ints=[0, -1]), "node 'layer1' .*padding is 0 x -1"),
    "a window too large": (attribute("LogicConv2d", "size", ints=[6, 2]), "node 'layer0' .*6 x 2 does not fit"),
    "too much padding": (attribute("OrPool2d", "padding", ints=[2**62, 2**62]), "node 'layer1' .*more than"),
    "one number": (attribute("OrPool2d", "size", ints=[2]), "attribute size has 1 numbers; give rows and columns"),
    "no numbers": (attribute("LogicConv2d", "stride", ints=[]), "attribute stride has 0 numbers"),
    "numbers of another type": (attribute("LogicConv2d", "size", type=2), "attribute size must be .* INTS"),
    "attribute missing": (lambda m: node(m, "OrPool2d").attribute.pop(), "node 'layer1' .*it has the attributes"),
    "attribute too many": (lambda m: node(m, "OrPool2d").attribute.append(helper.make_attribute("x", 1)), "'x'"),
    "leaf in another channel": (set_array("layer0.leaf", np.full((2, 4, 3), 2), np.int32),
                                "node 'layer0' .*channel of leaf 0 of kernel 0 is 2"),
    "leaf negative": (set_array("layer0.leaf", np.full((2, 4, 3), -1), np.int32), "node 'layer0' .*is -1"),
    "three leaves": (set_array("layer0.leaf", np.zeros((2, 3, 3)), np.int32), "node 'layer0' .*a power of two"),
    "leaf of two numbers": (set_array("layer0.leaf", np.zeros((2, 4, 2)), np.int32), "node 'layer0' .*leaf has shape"),
    "leaf of rank 2": (set_array("layer0.leaf", np.zeros((8, 3)), np.int32), "node 'layer0' .*must have 3 dimensions"),
    "no kernels": (set_array("layer0.leaf", np.zeros((0, 4, 3)), np.int32), "node 'layer0' .*leaf has shape"),
    "int64 leaves": (set_array("layer0.leaf", np.zeros((2, 4, 3)), np.int64), "is INT64; it must be int32"),
    "leaves not constant": (lambda m: node(m, "LogicConv2d").input.__setitem__(1, "threshold"), "must be a constant"),
    "fewer tables": (set_array("layer0.table", np.zeros((2, 2)), np.uint8), r"node 'layer0' .*have \[2, 3\]"),
    "tables of rank 1": (set_array("layer0.table", np.zeros(6), np.uint8), "node 'layer0' .*must have 2 dimensions"),
    "table too large": (set_array("layer0.table", np.full((2, 3), 16), np.uint8), r"'layer0' .*table\[0, 0\] is 16"),
    "input missing": (lambda m: node(m, "LogicConv2d").input.pop(), "it has 2 inputs and 1 outputs; the op has 3"),
    "input too many": (lambda m: node(m, "OrPool2d").input.append("threshold"), "it has 2 inputs"),
    "other signals": (lambda m: node(m, "OrPool2d").input.__setitem__(0, "threshold"), "4 x 4 signals; it reads 18"),
    "no body": (lambda m: m.functions.pop(2), "0 function bodies for LogicConv2d|0 function bodies for OrPool2d"),
    "an unknown image op": (lambda m: node(m, "OrPool2d").__setattr__("op_type", "AndPool2d"), "is no op that"),
    "reads a later layer": (lambda m: node(m, "LogicConv2d").input.__setitem__(0, "layer2"),
                            r"'layer0' .*reads 'layer2'; it may read \['threshold'\]"),
    "reads itself": (lambda m: node(m, "LogicConv2d").input.__setitem__(0, "layer0"), "'layer0' .*reads 'layer0'"),
    "reads samples": (lambda m: node(m, "LogicConv2d").input.__setitem__(0, "samples"), "'layer0' .*reads 'samples'"),
    "joins a later layer": (lambda m: node(m, "Concat").input.append("layer2"), "'layer2.words' .*reads 'layer2'"),
    "joins twice the same": (lambda m: node(m, "Concat").input.append("layer1"), "'layer2.words' .*none twice"),
    "joins one": (lambda m: node(m, "Concat").input.pop(), "'layer2.words' .*two values or more"),
    "joins none": (lambda m: node(m, "Concat").ClearField("input"), "'layer2.words' .*two values or more"),
    "joins a constant": (lambda m: node(m, "Concat").input.append("layer0.leaf"), "'layer2.words' .*'layer0.leaf'"),
    "another axis": (attribute("Concat", "axis", i=1), "'layer2.words' .*axis is 1; signals are axis 0"),
    "no axis": (lambda m: node(m, "Concat").attribute.pop(), "'layer2.words' .*it has the attributes"),
    "join without output": (lambda m: node(m, "Concat").ClearField("output"), "'layer2.words' .*0 outputs"),
    "join of another domain": (lambda m: node(m, "Concat").__setattr__("domain", "x"), "of domain 'x'"),
    "join of ours": (lambda m: node(m, "Concat").__setattr__("domain", "ai.lgn"), "no op that ai.lgn 1 has"),
    "join not read": (lambda m: node(m, "LogicLayer").input.__setitem__(0, "layer1"),
                      r"'layer2' .*reads 'layer1'; it may read \['layer2.words'\]"),
    "join before another layer": (swap(2, 3), "'layer2.words' .*reads 'layer1'|'layer1' .*reads 'layer0'"),
    "join before a join": (another_join(3), "node 'more' .*a layer must stand behind it; there is node 'layer2.words'"),
    "join before the head": (another_join(6), "node 'more' .*a layer must stand behind it; there is node 'group_sum'"),
    "join behind the head": (another_join(7), "one head"),
    "join before the encoder": (swap(0, 3), "they must be one Threshold"),
    "head of an earlier layer": (lambda m: node(m, "GroupSum").input.__setitem__(0, "layer1"),
                                 r"'group_sum' .*reads 'layer1'; it may read \['layer2'\]"),
    "head of a join": (lambda m: node(m, "GroupSum").input.__setitem__(0, "layer2.words"), "'group_sum' .*reads"),
}  # fmt: skip


@pytest.mark.parametrize("case", IMAGE_CHANGES)
def test_model_of_images_is_refused(case: str) -> None:
    change, message = IMAGE_CHANGES[case]
    model = to_model(IMAGES)
    assert from_model(model) == IMAGES
    change(model)
    with pytest.raises(InputError, match=message) as caught:
        from_model(model)
    assert "\n" not in str(caught.value)
