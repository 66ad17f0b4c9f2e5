"""Running a model file by what ONNX itself offers, without any library of ours: a second opinion for `verify`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from onnx import ModelProto

from lgn_edge.checks import MOST_THREADS, any_path, whole_number
from lgn_edge.errors import InputError
from lgn_edge.network import Prediction
from lgn_edge.onnx_model import metadata
from lgn_edge.onnx_model.domain import BITS, CLASS, OUTPUT_BITS, SAMPLES, SCORES, WORDS
from lgn_edge.onnx_model.form import BOOL, PACKED, feed
from lgn_edge.onnx_model.interface import outside
from lgn_edge.paths import Wanted, require

ModelSource: TypeAlias = str | os.PathLike[str] | ModelProto
Predict: TypeAlias = Callable[[ArrayLike], Prediction]
Outputs: TypeAlias = Mapping[str, NDArray[Any]]
Run: TypeAlias = Callable[[ArrayLike], Outputs]


def reference_session(model: ModelSource) -> Predict:
    """Samples to predictions by ONNX's reference evaluator, which runs the function bodies in numpy. Slow.

    Args:
        model: a file of `write`, or a model of `to_model`.

    Returns:
        a function of samples [n, features], any n; where the input of the model is encoded or packed, so are they.

    Raises:
        InputError: the model gives neither scores nor bits (when it is run).
    """
    return predicting(reference_run(model))


def onnxruntime_session(model: ModelSource, *, optimize: bool = True, threads: int = 1) -> Predict:
    """Samples to predictions by plain ONNX Runtime on the CPU, which runs the function bodies.

    Args:
        model: a file of `write`, or a model of `to_model`.
        optimize: let ONNX Runtime rewrite the graph (all its levels), or not at all.
        threads: threads inside one op.

    Returns:
        a function of samples [n, features], any n; where the input of the model is encoded or packed, so are they.

    Raises:
        InputError: ONNX Runtime refuses the model, or (when it is run) the model gives neither scores nor
            bits.
    """
    return predicting(onnxruntime_run(model, optimize=optimize, threads=threads))


def reference_run(model: ModelSource) -> Run:
    """As `reference_session`, returning the outputs of the model by name."""
    from onnx.reference import ReferenceEvaluator

    session = ReferenceEvaluator(model if isinstance(model, ModelProto) else _existing(model))
    found = session.proto_
    width = {WORDS: 0}.get(found.graph.input[0].name, 1)

    def call(names: Sequence[str], feeds: Mapping[str, NDArray[Any]]) -> Any:
        return session.run(names, dict(feeds))

    return _run(
        call,
        session.input_names[0],
        found.graph.input[0].type.tensor_type.shape.dim[width].dim_value,
        session.output_names,
        {entry.key: entry.value for entry in found.metadata_props},
    )


def onnxruntime_run(model: ModelSource, *, optimize: bool = True, threads: int = 1) -> Run:
    """As `onnxruntime_session`, returning the outputs of the model by name."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = whole_number(threads, "threads", least=1, most=MOST_THREADS)
    options.log_severity_level = 3  # errors; warnings about constants go to standard error
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimize else levels.ORT_DISABLE_ALL
    source = model.SerializeToString() if isinstance(model, ModelProto) else _existing(model)
    try:
        session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own, one class a status code
        raise InputError(f"ONNX Runtime refuses the model: {str(error).splitlines()[0]}") from error
    return session_run(session)


def session_run(session: Any) -> Run:
    """Samples to the outputs, by name, of an `onnxruntime.InferenceSession` of one of our models."""
    (source,) = session.get_inputs()
    return _run(
        session.run,
        source.name,
        source.shape[{WORDS: 0}.get(source.name, 1)],
        [output.name for output in session.get_outputs()],
        session.get_modelmeta().custom_metadata_map,
    )


def _run(
    call: Callable[[Sequence[str], Mapping[str, NDArray[Any]]], Any],
    source: str,
    width: int,
    names: Sequence[str],
    properties: Mapping[str, str],
) -> Run:
    if source == SAMPLES:
        return lambda samples: dict(zip(names, call(list(names), {source: np.asarray(samples)}), strict=True))
    if source not in (BITS, WORDS):
        raise InputError(f"the model was not written here, its input is {source!r}; write it anew with lgn-edge export")
    chosen = {BITS: BOOL, WORDS: PACKED}[source]
    encoder = outside(chosen, width, metadata.encoder(properties))

    def run(samples: ArrayLike) -> Outputs:
        checked = encoder.check(samples)
        outputs = call(list(names), {source: feed(encoder, chosen, checked)})
        return {name: output[: len(checked)] for name, output in zip(names, outputs, strict=True)}

    return run


def predicting(run: Run) -> Predict:
    """Samples to predictions by what gives the outputs of a model.

    Raises:
        InputError: the model gives neither scores nor bits (when it is run).
    """

    def predict(samples: ArrayLike) -> Prediction:
        outputs = run(samples)
        if OUTPUT_BITS in outputs:
            return Prediction(outputs[OUTPUT_BITS].astype(np.int32), None)
        if SCORES not in outputs:
            raise InputError(f"the model gives {' and '.join(outputs)}, but no scores; export it with the scores")
        scores = outputs[SCORES]
        if CLASS in outputs and scores.shape[1] > 1:
            return Prediction(scores, outputs[CLASS].astype(np.uint16))
        return Prediction.of(scores, decides=scores.shape[1] > 1)

    return predict


def _existing(path: str | os.PathLike[str]) -> str:
    return os.fspath(require(any_path(path, "model", "the name of an ONNX file"), Wanted.MODEL))
