"""A network as an ONNX model, in the form that is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import DecodeError, EncodeError
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from lgn_edge._version import __version__
from lgn_edge.errors import InputError
from lgn_edge.files import atomic_path, check_file, write_atomic
from lgn_edge.network import Network
from lgn_edge.onnx_model import custom, external, fused, metadata, qonnx, standard
from lgn_edge.onnx_model.domain import IR_VERSION
from lgn_edge.onnx_model.form import CUSTOM, FUSED, QONNX, STANDARD, Form, input_info, output_infos, resolved
from lgn_edge.onnx_model.lowering import Lowering
from lgn_edge.onnx_model.tensors import describe, inline

PRODUCER: Final = "lgn-edge"

Tensors = Callable[[str, NDArray[Any]], TensorProto]

_LOWERINGS: Final[dict[str, Callable[[Network, Form], Lowering]]] = {
    CUSTOM: custom.lower,
    STANDARD: standard.lower,
    FUSED: fused.lower,
    QONNX: qonnx.lower,
}


def to_model(network: Network, form: Form | None = None) -> ModelProto:
    """The network as an ONNX model with all constants inside.

    The usual form has the input `samples` [N, features] float32 or uint8, any N, and the outputs `scores` int32
    [N, classes], `logits` float32 [N, classes], `class` int64 [N]. The same network gives the same model. The format is
    `docs/onnx-domain.md`.

    Raises:
        UnsupportedError: a layer has no op in the domain.
        InputError: a name or a piece of provenance is not text.
    """
    return _Plan(network, form or Form()).model(inline)


def write(
    network: Network,
    path: str | os.PathLike[str],
    form: Form | None = None,
    *,
    threshold_bytes: int = 100_000_000,
    force: bool = False,
) -> None:
    """Write the network to an ONNX file; the same network gives the same bytes.

    Above `threshold_bytes` of constants they go to one file beside it, `<path>.data`. Both files are complete before
    either gets its name.

    Args:
        network: any network.
        path: the file to write, `.onnx` by custom.
        form: the ops, input and outputs of the file; those of `Form()` when not given.
        threshold_bytes: the most bytes of constants (9 a gate) that stay inside.
        force: replace files that are not models of ours as well.

    Raises:
        UnsupportedError: a layer has no op in the domain.
        InputError: the file cannot be written, a file that is not ours would be lost, the model is above 2 GiB without
            external data, or a name is not text.
    """
    target = Path(path)
    check_output(target, force)
    plan = _Plan(network, form or Form())
    arrays = plan.lowering.constants
    if sum(array.nbytes for array in arrays.values()) <= threshold_bytes:
        write_atomic(target, _serialise(plan.model(inline)), ours=is_ours, force=force)
        return
    data = target.with_name(f"{target.name}.data")
    # The data gets its name first: a model whose data is missing is never seen.
    with (
        atomic_path(target, ours=is_ours, force=force) as model_file,
        atomic_path(data, ours=lambda data: _is_data_of(data, target), force=force) as data_file,
    ):
        entries = external.write(arrays, data_file, data.name)

        def tensor(name: str, array: NDArray[Any]) -> TensorProto:
            proto = describe(name, array)
            proto.data_location = TensorProto.EXTERNAL
            proto.external_data.extend(entries[name])
            return proto

        model_file.write_bytes(_serialise(plan.model(tensor)))


def check_output(path: str | os.PathLike[str], force: bool = False) -> None:
    """Make sure that a model can be written to a file; for what takes long before it is.

    Raises:
        InputError: a file that is not a model of ours would be lost, or nothing can be written there.
    """
    check_file(path, is_ours, force)


def is_ours(path: Path) -> bool:
    """Whether a file is a model that we wrote; one that another tool changed and marked as its own is not."""
    model = _parse(path)
    return model is not None and model.producer_name == PRODUCER


def _is_data_of(data: Path, path: Path) -> bool:
    """Whether a file is the external data, unchanged, that we wrote for the model at `path`."""
    model = _parse(path) if path.is_file() and is_ours(path) else None
    tensors = [] if model is None else [tensor for tensor in model.graph.initializer if tensor.external_data]
    try:
        external.check(tensors, data.parent)
    except InputError:
        return False
    return any(entry.key == "location" and entry.value == data.name for t in tensors for entry in t.external_data)


def _parse(path: Path) -> ModelProto | None:
    model = ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except DecodeError:
        return None
    return model


class _Plan:
    """A network lowered, ready to become a model with its constants inside or outside."""

    def __init__(self, network: Network, form: Form) -> None:
        self._inside, self._form = resolved(network, form)
        self._properties = metadata.properties(network, self._form)
        self.lowering = _LOWERINGS[self._form.ops](self._inside, self._form)

    def model(self, tensor: Tensors) -> ModelProto:
        versions = {"": self.lowering.opset, **self.lowering.domains}
        graph = helper.make_graph(
            self.lowering.nodes,
            self._inside.name or "network",
            inputs=[input_info(self._inside, self._form)],
            outputs=output_infos(self._inside.head, self._form.outputs),
            initializer=[tensor(name, array) for name, array in self.lowering.constants.items()],
            value_info=list(self.lowering.values),
        )
        model = helper.make_model(
            graph,
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid(domain, version) for domain, version in versions.items()],
            functions=self.lowering.functions,
            producer_name=PRODUCER,
            producer_version=__version__,
        )
        helper.set_model_props(model, {**self._properties, **self.lowering.properties})
        return model


def _serialise(model: ModelProto) -> bytes:
    try:
        data: bytes = model.SerializeToString(deterministic=True)
    except (EncodeError, ValueError) as error:
        raise InputError(
            "the model is above the 2 GiB of an ONNX file; lower threshold_bytes for external data"
        ) from error
    return data
