"""Nodes written one after the other, with constants of the graph and constants in nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from lgn_edge.onnx_model.domain import CLASS, LOGITS, OUTPUT_BITS, SCORES


class Builder:
    """A list of nodes that grows; the graph and the bodies inside it share one name space.

    Attributes:
        nodes: in order.
        constants: the data of the network by name, initializers of the graph; everything else is a Constant node.
    """

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self._names: Counter[str] = Counter()

    def node(self, op: str, *inputs: str, name: str, **attributes: Any) -> str:
        """Add a standard node of one output, and return the name of that: `name`, numbered when it is taken."""
        output = self._unique(name)
        self.nodes.append(helper.make_node(op, inputs, [output], output, **attributes))
        return output

    def named(self, op: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        """Add a node whose outputs have exactly these names."""
        self._names.update(outputs)
        self.nodes.append(helper.make_node(op, inputs, outputs, outputs[0], **attributes))

    def outputs(self, names: Container[str], scale: tuple[float, float] | None) -> None:
        """Add those of the outputs `logits`, `class` and `output_bits` that are named; they follow from `scores`.

        Args:
            names: of outputs.
            scale: tau and beta of the logits.
        """
        if LOGITS in names and scale is not None:
            self._logits(*scale)
        if CLASS in names:
            self.named("ArgMax", [SCORES], [CLASS], axis=1, keepdims=0)
        if OUTPUT_BITS in names:
            self.named("Cast", [SCORES], [OUTPUT_BITS], to=TensorProto.BOOL)

    def _logits(self, tau: float, beta: float) -> None:
        number = self.node("Cast", SCORES, name="scores.float", to=TensorProto.FLOAT)
        moved = self.node("Add", number, self.constant(beta, np.float32, name="beta"), name="scores.moved")
        self.named("Div", [moved, self.constant(tau, np.float32, name="tau")], [LOGITS])

    def data(self, name: str, array: NDArray[Any]) -> str:
        """Add data of the network, and return its name."""
        self._names[name] += 1
        self.constants[name] = array
        return name

    def constant(self, values: ArrayLike, dtype: DTypeLike = np.int64, name: str = "constant") -> str:
        """Add a Constant node, and return the name of its output."""
        return self.node("Constant", name=name, value=numpy_helper.from_array(np.array(values, dtype)))

    def body(self) -> Builder:
        """A builder of nodes inside a node of this graph; data of the network stay in the graph around."""
        inner = Builder()
        inner.constants, inner._names = self.constants, self._names
        return inner

    def _unique(self, name: str) -> str:
        self._names[name] += 1
        taken = self._names[name] - 1
        return f"{name}.{taken}" if taken else name
