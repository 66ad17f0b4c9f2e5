"""A network as an ONNX model: one node a layer, wiring and tables as constants, a function body for every op."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from google.protobuf.message import EncodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

from lgn_edge._version import __version__
from lgn_edge.errors import InputError, UnsupportedError
from lgn_edge.files import atomic_path, write_atomic
from lgn_edge.network import Layer, LogicDense, Network
from lgn_edge.onnx_model import external, metadata
from lgn_edge.onnx_model.domain import CLASS, DOMAIN, IR_VERSION, LOGITS, OPSET, SAMPLES, SCORES, VERSION
from lgn_edge.onnx_model.functions import functions
from lgn_edge.onnx_model.ops import group_sum, logic_layer, threshold
from lgn_edge.onnx_model.tensors import describe, inline

Tensors = Callable[[str, NDArray[Any]], TensorProto]

_OP_OF_LAYER: Final[dict[type, ModuleType]] = {LogicDense: logic_layer}
_ENCODER: Final = "threshold"
_HEAD: Final = "group_sum"
_COUNT: Final = "n"


def to_model(network: Network) -> ModelProto:
    """The network as an ONNX model with all constants inside.

    Input `samples` [N, features] float32 or uint8, any N; outputs `scores` int32 [N, classes], `logits` float32
    [N, classes], `class` int64 [N]. The same network gives the same model. The format is `docs/onnx-domain.md`.

    Raises:
        UnsupportedError: a layer has no op in the domain.
        InputError: a name or a piece of provenance is not text.
    """
    return _model(network, inline)


def write(network: Network, path: str | os.PathLike[str], *, threshold_bytes: int = 100_000_000) -> None:
    """Write the network to an ONNX file; the same network gives the same bytes.

    Above `threshold_bytes` of constants they go to one file beside it, `<path>.data`. Both files are complete before
    either gets its name.

    Args:
        network: any network.
        path: the file to write, `.onnx` by custom.
        threshold_bytes: the most bytes of constants (9 a gate) that stay inside.

    Raises:
        UnsupportedError: a layer has no op in the domain.
        InputError: the file cannot be written, the model is above 2 GiB without external data, or a name is not text.
    """
    target = Path(path)
    if target.is_dir():
        raise InputError(f"{target} is a folder; give the name of a file to write to")
    arrays = _constants(network)
    if sum(array.nbytes for array in arrays.values()) <= threshold_bytes:
        write_atomic(target, _serialise(to_model(network)))
        return
    data = target.with_name(f"{target.name}.data")
    # The data gets its name first: a model whose data is missing is never seen.
    with atomic_path(target) as model_file, atomic_path(data) as data_file:
        entries = external.write(arrays, data_file, data.name)

        def tensor(name: str, array: NDArray[Any]) -> TensorProto:
            proto = describe(name, array)
            proto.data_location = TensorProto.EXTERNAL
            proto.external_data.extend(entries[name])
            return proto

        model_file.write_bytes(_serialise(_model(network, tensor)))


def _model(network: Network, tensor: Tensors) -> ModelProto:
    properties = metadata.properties(network)
    graph = _graph(network, tensor)
    model = helper.make_model(
        graph,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, VERSION)],
        functions=functions({node.op_type for node in graph.node if node.domain == DOMAIN}),
        producer_name="lgn-edge",
        producer_version=__version__,
    )
    helper.set_model_props(model, properties)
    return model


def _graph(network: Network, tensor: Tensors) -> GraphProto:
    classes = network.head.classes
    return helper.make_graph(
        _nodes(network),
        network.name or "network",
        inputs=[
            helper.make_tensor_value_info(
                SAMPLES, threshold.element_type(network.encoder), ["N", network.encoder.n_features]
            )
        ],
        outputs=[
            helper.make_tensor_value_info(SCORES, TensorProto.INT32, ["N", classes]),
            helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, ["N", classes]),
            helper.make_tensor_value_info(CLASS, TensorProto.INT64, ["N"]),
        ],
        initializer=[tensor(name, array) for name, array in _constants(network).items()],
    )


def _nodes(network: Network) -> list[NodeProto]:
    nodes = [threshold.node(network.encoder, _ENCODER, SAMPLES)]
    nodes += [
        _op(layer).node(layer, _name(i), _name(i - 1) if i else _ENCODER) for i, layer in enumerate(network.layers)
    ]
    return [
        *nodes,
        helper.make_node("Shape", [SAMPLES], [_COUNT], "count", start=0, end=1),
        group_sum.node(network.head, _HEAD, _name(len(network.layers) - 1), _COUNT),
        helper.make_node("ArgMax", [SCORES], [CLASS], "argmax", axis=1, keepdims=0),
    ]


def _constants(network: Network) -> dict[str, NDArray[Any]]:
    arrays = threshold.constants(network.encoder, _ENCODER)
    for i, layer in enumerate(network.layers):
        arrays |= _op(layer).constants(layer, _name(i))
    return arrays


def _op(layer: Layer) -> ModuleType:
    if type(layer) not in _OP_OF_LAYER:
        known = ", ".join(kind.__name__ for kind in _OP_OF_LAYER)
        raise UnsupportedError(f"a {type(layer).__name__} layer has no op in the domain {DOMAIN}; known are {known}")
    return _OP_OF_LAYER[type(layer)]


def _name(layer: int) -> str:
    return f"layer{layer}"


def _serialise(model: ModelProto) -> bytes:
    try:
        data: bytes = model.SerializeToString(deterministic=True)
    except (EncodeError, ValueError) as error:
        raise InputError(
            "the model is above the 2 GiB of an ONNX file; lower threshold_bytes for external data"
        ) from error
    return data
