"""Sessions of ONNX Runtime that have the library."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lgn_edge.checks import MOST_THREADS, any_path, whole_number
from lgn_edge.errors import InputError
from lgn_edge.onnx_library.path import onnx_library_path
from lgn_edge.paths import Wanted, require

_DATA_FOLDER = "session.model_external_initializers_file_folder_path"


def onnx_session(
    model: str | os.PathLike[str] | bytes, *, threads: int | None = None, optimize: bool = True, fuse: bool = True
) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU in which ops of the domain `ai.lgn` run as compiled code.

    Args:
        model: an ONNX file, or its bytes. Any model that holds ops of the domain somewhere.
        threads: threads inside one op; ONNX Runtime's choice when None.
        optimize: let ONNX Runtime rewrite the graph (all its levels), or not at all.
        fuse: run a chain of the domain's nodes as one; the file stays as it is.

    Raises:
        InputError: no such file, or ONNX Runtime refuses the model; the message says why.
        MissingProgramError, UnsupportedError: see `onnx_library_path`.
    """
    import onnxruntime

    if not isinstance(model, bytes):
        require(any_path(model, "model", "the name of an ONNX file, or its bytes"), Wanted.MODEL)
    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = whole_number(threads, "threads", least=1, most=MOST_THREADS)
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # spinning takes the cores from others
    options.log_severity_level = 3  # errors; warnings about constants go to standard error
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimize else levels.ORT_DISABLE_ALL
    options.register_custom_ops_library(os.fspath(onnx_library_path()))
    source = model if isinstance(model, bytes) else os.fspath(model)
    if fuse and (fused := _fused(source)) is not None:
        if isinstance(source, str):
            options.add_session_config_entry(_DATA_FOLDER, os.fspath(Path(source).parent.resolve()))
        source = fused
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own, one class a status code
        raise InputError(f"ONNX Runtime refuses the model: {str(error).splitlines()[0]}") from error


def _fused(source: str | bytes) -> bytes | None:
    """The model with its chains fused; None where there is none, or what is there is no model."""
    from google.protobuf.message import DecodeError
    from onnx import ModelProto

    from lgn_edge.onnx_library.fuse import fuse

    model = ModelProto()
    try:
        model.ParseFromString(source if isinstance(source, bytes) else Path(source).read_bytes())
    except DecodeError:
        return None  # ONNX Runtime says what is wrong
    if not fuse(model):
        return None
    data: bytes = model.SerializeToString()
    return data
