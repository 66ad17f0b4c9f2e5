"""torch.onnx.export of modules that hold logic layers among ordinary ones: one node of the domain a layer.

    with onnx_export.layers_as_nodes(model):
        program = torch.onnx.export(model, (x,), dynamo=True, dynamic_shapes=({0: torch.export.Dim("N")},))
    onnx_export.save(program, "model.onnx")

Between two logic layers bits stay packed; what an ordinary layer reads is unpacked to float32 0.0 and 1.0. The file has
the function bodies of the domain, so that any runtime runs it, and nothing of the machine it was exported on.
A whole `LogicGateNetwork` is better written by `lgn_edge.export`: that file is read back, built and verified.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from google.protobuf.message import Message
from onnx import ModelProto
from torch import Tensor, nn

from lgn_edge import network
from lgn_edge._version import __version__
from lgn_edge.checks import of_kind
from lgn_edge.errors import InputError
from lgn_edge.files import write_atomic
from lgn_edge.nn.encoder import Threshold
from lgn_edge.nn.layers import GroupSum
from lgn_edge.nn.logic_layer import LogicLayer
from lgn_edge.nn.model import LogicGateNetwork
from lgn_edge.nn.signals import require_samples
from lgn_edge.onnx_model.domain import DOMAIN, STANDARD_DOMAINS, VERSION, WORD_BITS
from lgn_edge.onnx_model.functions import functions
from lgn_edge.onnx_model.ops import (
    group_sum,
    image,
    logic_conv2d,
    logic_layer,
    or_pool2d,
    threshold,
    threshold_difference,
)
from lgn_edge.onnx_model.writer import PRODUCER, check_output, is_ours


@contextmanager
def layers_as_nodes(model: nn.Module) -> Iterator[None]:
    """Within the block, `torch.onnx.export` of the model makes one node of each of our layers in it.

    The layers compute as in evaluation mode: what enters a logic layer that no layer of ours precedes must be bits, 0.0
    and 1.0. A group sum that does not follow one is exported as the torch ops that it is.

    Raises:
        InputError: the model has none of our layers, or one of them is in training mode; or, when it is called, this is
            not by `torch.onnx.export(..., dynamo=True)`.
    """
    of_kind(model, nn.Module, "model", "a module with layers of ours in it")
    ours = {name: module for name, module in model.named_modules() if isinstance(module, _OURS)}
    if not ours:
        raise InputError(
            f"the {type(model).__name__} has no logic layer, encoder or group sum; use torch.onnx.export alone"
        )
    training = next((name for name, module in ours.items() if module.training), None)
    if training is not None:
        raise InputError(f"the layer {training or 'itself'!r} is in training mode; call eval() before the export")
    trace = _Trace()
    before = {module: module.__dict__.get("forward") for module in ours.values()}
    try:
        for module in ours.values():
            module.__dict__["forward"] = trace.forward_of(module)  # before the method of its class
        yield
    finally:
        for module, forward in before.items():
            module.__dict__.pop("forward", None)
            if forward is not None:
                module.__dict__["forward"] = forward


def to_model(program: Any) -> ModelProto:
    """The ONNX model of an exported program, complete: with function bodies and the import of the domain.

    Stack traces, paths and whatever else the exporter notes about the author's machine are left out.

    Args:
        program: what `torch.onnx.export(..., dynamo=True)` returned.
    """
    model: ModelProto = program.model_proto
    bodies = functions({node.op_type for node in model.graph.node if node.domain == DOMAIN})
    standard = next(entry.version for entry in model.opset_import if entry.domain in STANDARD_DOMAINS)
    for body in bodies:  # what they use has not changed since their own version
        body.opset_import[0].version = standard
    model.functions.extend(bodies)
    for entry in [entry for entry in model.opset_import if entry.domain == DOMAIN]:
        model.opset_import.remove(entry)
    model.opset_import.add(domain=DOMAIN, version=VERSION)
    _forget(model)
    model.producer_name, model.producer_version = PRODUCER, __version__
    return model


def save(program: Any, path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Write `to_model(program)` to a file.

    Args:
        program: as for `to_model`.
        path: the file to write.
        force: replace a file that is not a model of ours as well.

    Raises:
        InputError: a file that is not a model of ours would be lost, or it cannot be written.
    """
    check_output(path, force)
    write_atomic(path, to_model(program).SerializeToString(deterministic=True), ours=is_ours, force=force)


_OURS = (Threshold, LogicLayer, GroupSum, LogicGateNetwork)


Forward = Callable[[Tensor], Tensor]


class _Trace:
    """The forward functions of one export, and the packed words behind each tensor of bits that they returned.

    What a node holds as a constant is computed when its function is made, before anything is traced.
    """

    def __init__(self) -> None:
        self._words: dict[int, tuple[Tensor, Tensor]] = {}  # by identity; the bits are held so that it stays theirs

    def forward_of(self, module: nn.Module) -> Forward:
        """The forward function of a module for the exporter of torch that works with `torch.export`."""
        forward = self._forward_of(module)

        def exported(x: Tensor) -> Tensor:
            if not torch.compiler.is_exporting():
                raise InputError(
                    "within layers_as_nodes a model is only exported, by torch.onnx.export(..., dynamo=True); call it"
                    " outside, and for dynamo=False export it outside, too: then its layers are ordinary ONNX ops"
                )
            return forward(x)

        return exported

    def _forward_of(self, module: nn.Module) -> Forward:
        if isinstance(module, Threshold):
            return self._encoder(module)
        if isinstance(module, LogicLayer):
            return self._layer(module)
        if isinstance(module, GroupSum):
            return self._head(module)
        assert isinstance(module, LogicGateNetwork)
        return lambda x: module.head(deque(module.walk(module.encoder(x)), 1)[0][1])

    def _encoder(self, encoder: Threshold) -> Forward:
        feature, limits = encoder.feature.to(torch.int32), encoder.limits().detach().clone()
        if encoder.minus is None:
            return lambda x: self._bits(_pack(x, feature, limits), (x.shape[0], len(feature)))
        minus = encoder.minus.to(torch.int32)

        def differences(x: Tensor) -> Tensor:
            require_samples(x, encoder.n_features, encoder.input_dtype)
            constants = (feature, minus, limits)
            words = _symbolic(
                threshold_difference.OP.name, (x.to(torch.uint8), *constants), torch.int64, _packed_shape(x, feature)
            )
            return self._bits(words, (x.shape[0], len(feature)))

        return differences

    @torch.no_grad()
    def _layer(self, layer: LogicLayer) -> Forward:
        every, half = torch.arange(layer.in_features, dtype=torch.int32), torch.full((layer.in_features,), 0.5)
        nodes = [_node(part) for part in layer.discrete_layers()]

        def forward(x: Tensor) -> Tensor:
            words = self._packed(x)
            if words is None:
                words = _pack(x.flatten(1), every, half)
            for op, constants, attributes, outputs in nodes:
                shape = (outputs, words.shape[1])
                words = _symbolic(op, (words, *constants), torch.int64, shape, attributes)
            return self._bits(words, (x.shape[0], *(layer.out_shape if x.ndim > 2 else (layer.out_features,))))

        return forward

    def _head(self, head: GroupSum) -> Forward:
        group = head.in_features // head.classes
        attributes: dict[str, Any] = {"classes": head.classes, "tau": float(head.tau), "beta": float(head.beta)}

        def forward(x: Tensor) -> Tensor:
            words = self._packed(x)
            if words is None:  # as in GroupSum, whose len(x) would be a fixed number here
                return (x.reshape(x.shape[0], head.classes, group).sum(2) + head.beta) / head.tau
            shape = (x.shape[0], head.classes)
            _, logits = torch.onnx.ops.symbolic_multi_out(
                f"{DOMAIN}::{group_sum.OP.name}",
                (words, torch.full((1,), x.shape[0], dtype=torch.int64)),
                attrs=attributes,
                dtypes=(torch.int32, torch.float32),
                shapes=(shape, shape),
                version=VERSION,
            )
            return logits

        return forward

    def _packed(self, bits: Tensor) -> Tensor | None:
        return self._words[id(bits)][1] if id(bits) in self._words else None

    def _bits(self, words: Tensor, shape: Sequence[Any]) -> Tensor:
        """Bits float32 [n, ...] of packed words; the exporter drops them again where only our layers read them."""
        masks = torch.tensor([1 << bit for bit in range(WORD_BITS - 1)] + [-(1 << WORD_BITS - 1)])
        spread = (words[:, :, None] & masks).ne(0).reshape(words.shape[0], -1)
        bits = spread[:, : shape[0]].t().to(torch.float32).reshape(*shape)
        self._words[id(bits)] = bits, words
        return bits


def _node(layer: network.Layer) -> tuple[str, tuple[Tensor, ...], dict[str, Any], int]:
    """The op of a discrete layer, its constants and attributes, and its outputs."""
    arrays: dict[str, Any]
    attributes: dict[str, Any] = {}
    if isinstance(layer, network.LogicConv2d):
        op, arrays, attributes = logic_conv2d.OP, logic_conv2d.constants(layer, ""), image.attributes(layer)
    elif isinstance(layer, network.OrPool2d):
        op, arrays, attributes = or_pool2d.OP, {}, image.attributes(layer)
    else:
        assert isinstance(layer, network.LogicDense)
        op, arrays = logic_layer.OP, {"a": layer.a, "b": layer.b, "table": layer.table}
    constants = tuple(torch.from_numpy(array.copy()) for array in arrays.values())
    return op.name, constants, attributes, layer.n_outputs


def _pack(x: Tensor, feature: Tensor, limits: Tensor) -> Tensor:
    return _symbolic(threshold.OP.name, (x, feature.to(torch.int32), limits), torch.int64, _packed_shape(x, feature))


def _packed_shape(x: Tensor, feature: Tensor) -> tuple[Any, ...]:
    return (len(feature), (x.shape[0] + WORD_BITS - 1) // WORD_BITS)


def _symbolic(
    op: str,
    inputs: tuple[Tensor, ...],
    dtype: torch.dtype,
    shape: tuple[Any, ...],
    attributes: dict[str, Any] | None = None,
) -> Tensor:
    found: Tensor = torch.onnx.ops.symbolic(
        f"{DOMAIN}::{op}", inputs, attrs=attributes, dtype=dtype, shape=shape, version=VERSION
    )
    return found


def _forget(message: Message) -> None:
    """Clear the notes for people of a message and all of its parts; those of the domain's functions stay."""
    for field, value in message.ListFields():
        if field.name == "functions":
            continue
        if field.name in ("metadata_props", "doc_string"):
            message.ClearField(field.name)
        elif field.type == field.TYPE_MESSAGE:
            for part in [value] if isinstance(value, Message) else value:
                _forget(part)
