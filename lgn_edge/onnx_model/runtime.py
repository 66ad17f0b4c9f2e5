"""Running a model file by what ONNX itself offers, without any library of ours: a second opinion for `verify`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from onnx import ModelProto

from lgn_edge.errors import InputError
from lgn_edge.network import Prediction
from lgn_edge.onnx_model.domain import CLASS, LOGITS, SAMPLES, SCORES

ModelSource: TypeAlias = str | os.PathLike[str] | ModelProto
Predict: TypeAlias = Callable[[ArrayLike], Prediction]
Outputs: TypeAlias = Mapping[str, NDArray[Any]]
Run: TypeAlias = Callable[[ArrayLike], Outputs]

_NAMES = (SCORES, LOGITS, CLASS)


def reference_session(model: ModelSource) -> Predict:
    """Samples to predictions by ONNX's reference evaluator, which runs the function bodies in numpy. Slow.

    Args:
        model: a file of `write`, or a model of `to_model`.

    Returns:
        a function of samples [n, features] of the model's input type, any n.
    """
    return _predict(reference_run(model))


def onnxruntime_session(model: ModelSource, *, optimize: bool = True, threads: int = 1) -> Predict:
    """Samples to predictions by plain ONNX Runtime on the CPU, which runs the function bodies.

    Args:
        model: a file of `write`, or a model of `to_model`.
        optimize: let ONNX Runtime rewrite the graph (all its levels), or not at all.
        threads: threads inside one op.

    Returns:
        a function of samples [n, features] of the model's input type, any n.

    Raises:
        InputError: ONNX Runtime refuses the model.
    """
    return _predict(onnxruntime_run(model, optimize=optimize, threads=threads))


def reference_run(model: ModelSource) -> Run:
    """As `reference_session`, returning `scores`, `logits` and `class` by name."""
    from onnx.reference import ReferenceEvaluator

    session = ReferenceEvaluator(model if isinstance(model, ModelProto) else _existing(model))

    def run(samples: ArrayLike) -> Outputs:
        return dict(zip(_NAMES, session.run(list(_NAMES), {SAMPLES: np.asarray(samples)}), strict=True))

    return run


def onnxruntime_run(model: ModelSource, *, optimize: bool = True, threads: int = 1) -> Run:
    """As `onnxruntime_session`, returning `scores`, `logits` and `class` by name."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors; warnings about constants go to standard error
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimize else levels.ORT_DISABLE_ALL
    source = model.SerializeToString() if isinstance(model, ModelProto) else _existing(model)
    try:
        session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own, one class a status code
        raise InputError(f"ONNX Runtime refuses the model: {str(error).splitlines()[0]}") from error

    def run(samples: ArrayLike) -> Outputs:
        return dict(zip(_NAMES, session.run(list(_NAMES), {SAMPLES: np.asarray(samples)}), strict=True))

    return run


def _predict(run: Run) -> Predict:
    def predict(samples: ArrayLike) -> Prediction:
        outputs = run(samples)
        return Prediction(outputs[SCORES], outputs[CLASS].astype(np.uint16))

    return predict


def _existing(path: str | os.PathLike[str]) -> str:
    if not Path(path).is_file():
        raise InputError(f"{path} is not a file; give the name of an ONNX file")
    return os.fspath(path)
