"""`lgn-edge run`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lgn_edge.cli.arrays import load_array, load_labels
from lgn_edge.cli.console import emit, emit_json, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from lgn_edge.network import Prediction

EXAMPLES: Final = """\b
Examples:
  lgn-edge run model.onnx --input samples.npy
  lgn-edge run firmware --input samples.npy --labels labels.npy --json
  lgn-edge run host --input samples.npy --output scores.npz"""


def run(
    form: Annotated[Path, typer.Argument(metavar="ARTIFACT|MODEL.onnx", help="Folder of `build`, or an ONNX file.")],
    samples_file: Annotated[
        Path, typer.Option("--input", "-i", help="Samples [n, features], .npy, of the model's input type.")
    ],
    labels_file: Annotated[
        Path | None, typer.Option("--labels", help="True classes [n], .npy, to print the accuracy.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for the arrays `scores` and `classes`, .npz.")
    ] = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of a native artifact.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print classes and accuracy as JSON.")] = False,
) -> None:
    """Predict samples with a model or an artifact.

    An ONNX file runs in ONNX Runtime, an artifact on this CPU or in an emulator of its own.
    Prints the class of each sample, one a line: its number, and its name where the model has names. With labels the
    accuracy instead.
    """
    samples = load_array(samples_file)
    execution, names, predict = _predictor(form, threads)
    if samples.ndim == 0:
        samples = samples[None]  # refused by the model with its own words
    labels = None if labels_file is None else load_labels(labels_file, len(samples))
    start = time.perf_counter()
    prediction = predict(samples)
    seconds = time.perf_counter() - start
    say(f"{len(samples):,} samples, {execution}, {seconds:.3g} s")
    if output is not None:
        _save(output, prediction)
    accuracy = None if labels is None or not len(labels) else float((prediction.classes == labels).mean())
    if as_json:
        document: dict[str, Any] = {"schema": 1, "samples": len(samples), "execution": execution}
        emit_json(document | {"accuracy": accuracy, "class_names": names, "classes": prediction.classes.tolist()})
    elif labels is not None:
        emit("accuracy: no samples" if accuracy is None else f"accuracy: {accuracy:.4%}")
    elif output is None:
        emit("\n".join(_line(best, names) for best in prediction.classes.tolist()))
    else:
        emit(str(output))


def _line(best: int, names: list[str]) -> str:
    """A class by its number, and behind a tab by its name; what would break the line is escaped."""
    name = "".join(c if c.isprintable() else repr(c)[1:-1] for c in names[best]) if names else ""
    return f"{best}\t{name}" if names else str(best)


def _predictor(form: Path, threads: int) -> tuple[str, list[str], Callable[[Any], Prediction]]:
    """How the file or folder is executed, the names of its classes, and the function that does it."""
    if form.is_dir():
        from lgn_edge import load_artifact

        artifact = load_artifact(form)
        names = list(artifact.manifest.class_names)
        return str(artifact.execution), names, lambda samples: artifact.predict(samples, threads=threads)
    from lgn_edge.onnx_model import read
    from lgn_edge.onnx_model.runtime import onnxruntime_session

    network = read(form)
    encoder = network.encoder  # says what is wrong with the file or the samples, in our words
    session = onnxruntime_session(form, threads=threads)
    return "onnxruntime", list(network.class_names), lambda samples: session(encoder.check(samples))


def _save(output: Path, prediction: Prediction) -> None:
    import numpy as np

    from lgn_edge.files import atomic_path

    with atomic_path(output) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, scores=prediction.scores, classes=prediction.classes)
