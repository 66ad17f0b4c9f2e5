"""One node of a foreign model, read with suspicion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import AttributeProto, NodeProto

from lgn_edge.errors import InputError
from lgn_edge.onnx_model.tensors import Initializers
from lgn_edge.onnx_model.text import called


@dataclass(frozen=True)
class NodeView:
    """A node with the constants it may read.

    Attributes:
        node: any node; nothing of it is trusted.
        initializers: the constants of its graph.
    """

    node: NodeProto
    initializers: Initializers

    def error(self, message: str) -> InputError:
        """An error about this node."""
        return InputError(f"{called(self.node)}: {message}")

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Put the node's name before whatever is wrong inside the block."""
        try:
            yield
        except InputError as error:
            raise self.error(str(error)) from error

    def attributes(self) -> dict[str, AttributeProto]:
        """The attributes by name."""
        return {attribute.name: attribute for attribute in self.node.attribute}

    def expect(self, inputs: int, outputs: int, attributes: Mapping[str, int]) -> None:
        """Check how many inputs and outputs the node has, and the names and types of all its attributes.

        Raises:
            InputError: something is missing, there is more, or it has another type.
        """
        if len(self.node.input) != inputs or len(self.node.output) != outputs:
            raise self.error(
                f"it has {len(self.node.input)} inputs and {len(self.node.output)} outputs;"
                f" the op has {inputs} and {outputs}"
            )
        found = [attribute.name for attribute in self.node.attribute]
        if sorted(found) != sorted(attributes):
            raise self.error(f"it has the attributes {sorted(found)}; the op has {sorted(attributes)}")
        for attribute in self.node.attribute:
            if attribute.type != attributes[attribute.name] or attribute.ref_attr_name:
                expected = AttributeProto.AttributeType.Name(attributes[attribute.name])
                raise self.error(f"the attribute {attribute.name} must be a value of type {expected}")
        if self.node.overload:
            raise self.error(f"it names the overload {self.node.overload!r}; the op has none")

    def constant(self, index: int, dtype: type[np.generic], rank: int = 1) -> NDArray[Any]:
        """The constant of `rank` dimensions behind one input.

        Raises:
            InputError: the input is no initializer of that type and rank.
        """
        return self.initializers.array(self.node.input[index], dtype, rank)
