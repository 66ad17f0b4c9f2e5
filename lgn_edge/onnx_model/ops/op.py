"""What an op of the domain is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from onnx import AttributeProto, FunctionProto, NodeProto, defs, helper, parser

from lgn_edge.onnx_model.domain import DOMAIN, OPSET, VERSION
from lgn_edge.onnx_model.inference import InferenceContext

INT64 = "tensor(int64)"
INT32 = "tensor(int32)"
FLOAT32 = "tensor(float)"
UINT8 = "tensor(uint8)"
BOOL = "tensor(bool)"
_KIND: Final = {
    defs.OpSchema.AttrType.INT: AttributeProto.INT,
    defs.OpSchema.AttrType.INTS: AttributeProto.INTS,
    defs.OpSchema.AttrType.FLOAT: AttributeProto.FLOAT,
}


@dataclass(frozen=True)
class Parameter:
    """One input or output.

    Attributes:
        name: in the schema.
        type: or type variable.
        doc: what it holds.
        option: whether it must be there; the last input may be variadic, each of its own type.
    """

    name: str
    type: str
    doc: str
    option: defs.OpSchema.FormalParameterOption = defs.OpSchema.FormalParameterOption.Single

    def formal(self) -> defs.OpSchema.FormalParameter:
        """The parameter as ONNX's registry takes it."""
        is_homogeneous = self.option != defs.OpSchema.FormalParameterOption.Variadic
        return defs.OpSchema.FormalParameter(
            self.name, self.type, self.doc, param_option=self.option, is_homogeneous=is_homogeneous
        )


@dataclass(frozen=True)
class Attribute:
    """One required attribute."""

    name: str
    type: defs.OpSchema.AttrType
    doc: str


@dataclass(frozen=True)
class Op:
    """An op: its contract, how types and shapes follow, and its meaning in standard ops.

    Attributes:
        name: op_type in the domain `ai.lgn`.
        doc: what it computes.
        inputs, outputs, attributes: in order.
        types: legal types of each type variable.
        infer: sets type and shape of the outputs.
        body: the statements of the function body in ONNX's text syntax, standard ops of opset 18 only; empty for an op
            that has none.
    """

    name: str
    doc: str
    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...]
    infer: Callable[[InferenceContext], None]
    body: str
    attributes: tuple[Attribute, ...] = ()
    types: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def kinds(self) -> dict[str, int]:
        """The type of each attribute of a node, as `AttributeProto` has it."""
        return {attribute.name: _KIND[attribute.type] for attribute in self.attributes}

    def node(self, name: str, inputs: Iterable[str], outputs: Sequence[str] = (), **attributes: Any) -> NodeProto:
        """The node `name` of the op; where no outputs are given its output has the same name."""
        return helper.make_node(self.name, list(inputs), list(outputs or [name]), name, domain=DOMAIN, **attributes)

    def schema(self) -> defs.OpSchema:
        """The op as ONNX's registry takes it."""
        schema = defs.OpSchema(
            self.name,
            DOMAIN,
            VERSION,
            self.doc,
            inputs=[p.formal() for p in self.inputs],
            outputs=[p.formal() for p in self.outputs],
            attributes=[defs.OpSchema.Attribute(a.name, a.type, a.doc) for a in self.attributes],
            type_constraints=[(name, legal, "") for name, legal in self.types],
        )
        schema.set_type_and_shape_inference_function(self.infer)
        return schema

    def function(self) -> FunctionProto:
        """The op as a model-local function: what a runtime without the op executes."""
        attributes = f"<{', '.join(a.name for a in self.attributes)}>" if self.attributes else ""
        function = parser.parse_function(
            f'<domain: "{DOMAIN}", opset_import: ["" : {OPSET}]>\n'
            f"{self.name} {attributes} ({', '.join(p.name for p in self.inputs)})"
            f" => ({', '.join(p.name for p in self.outputs)}) {{{self.body}}}"
        )
        function.doc_string = self.doc
        return function
