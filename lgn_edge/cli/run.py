"""`lgn-edge run`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lgn_edge.checks import MOST_THREADS, whole_number
from lgn_edge.cli.arrays import load_array, load_labels
from lgn_edge.cli.console import emit, emit_json, say, tell
from lgn_edge.errors import InputError
from lgn_edge.words import listed, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from lgn_edge.network import Prediction

    Predict = Callable[[Any], Prediction]

EXAMPLES: Final = """\b
Examples:
  lgn-edge run model.onnx --input samples.npy
  lgn-edge run firmware --input samples.npy --labels labels.npy --json
  lgn-edge run host --input samples.npy --output scores.npz
  lgn-edge run host --input floats.npy --scale 255"""


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
    scale: Annotated[
        float | None,
        typer.Option("--scale", help="Multiply the samples by this first, to the scale of training; uint8 is rounded."),
    ] = None,
    threads: Annotated[
        int,
        typer.Option("--threads", help="Threads of a native artifact, or of ONNX Runtime."),
    ] = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace the output file whatever it is.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print classes and accuracy as JSON.")] = False,
) -> None:
    """Predict samples with a model or an artifact.

    An ONNX file runs in ONNX Runtime, an artifact on this CPU or in an emulator of its own.
    Prints the class of each sample, one a line: its number, and its name where the model has names. With labels the
    accuracy instead. Of a model without classes, the bits or the score of each sample.
    """
    from lgn_edge.files import check_file

    whole_number(threads, "--threads", least=1, most=MOST_THREADS)
    if output is not None:
        check_file(output, _ours, force)
    samples = load_array(samples_file)
    runner = _runner(form, threads, scale)
    names = runner.names
    if samples.ndim == 0:
        samples = samples[None]  # refused by the model with its own words
    labels = None
    if labels_file is not None:
        if not runner.decides:
            raise InputError(f"{form} gives a score or bits and has no classes to compare; leave --labels out")
        labels = load_labels(labels_file, len(samples), names or [str(i) for i in range(runner.outputs)])
    start = time.perf_counter()
    prediction = runner.predict(samples)
    seconds = time.perf_counter() - start
    say(f"{len(samples):,} samples, {runner.execution}, {seconds:.3g} s")
    if output is not None:
        _save(output, prediction, force)
    accuracy = None if labels is None or not len(labels) else float((prediction.classes == labels).mean())
    if as_json:
        document: dict[str, Any] = {"schema": 1, "samples": len(samples), "execution": runner.execution}
        emit_json(document | {"accuracy": accuracy} | _results(prediction, names))
    elif labels is not None:
        emit("accuracy: no samples" if accuracy is None else f"accuracy: {accuracy:.4%}")
    elif output is not None:
        tell(str(output))
    elif prediction.decision is None:
        if names:
            say(f"outputs: {listed(names)}")
        emit("\n".join("\t".join(map(str, row)) for row in prediction.scores.tolist()))
    else:
        emit("\n".join(_line(best, names) for best in prediction.classes.tolist()))


def _results(prediction: Prediction, names: list[str]) -> dict[str, Any]:
    """The classes and their names; of a model without classes, its bits or its score."""
    if prediction.decision is None:
        return {"output_names": names, "classes": None, "scores": prediction.scores.tolist()}
    return {"class_names": names, "classes": prediction.classes.tolist()}


def _line(best: int, names: list[str]) -> str:
    """A class by its number, and behind a tab by its name; what would break the line is escaped."""
    return f"{best}\t{printable(names[best])}" if names else str(best)


@dataclass(frozen=True)
class _Runner:
    """What runs a file or a folder.

    Attributes:
        execution: where.
        outputs: classes, bits, or one score.
        names: of them, if any.
        decides: whether they are classes.
        predict: samples to a prediction.
    """

    execution: str
    outputs: int
    names: list[str]
    decides: bool
    predict: Predict


def _runner(form: Path, threads: int, scale: float | None) -> _Runner:
    if form.is_dir():
        from lgn_edge import load_artifact

        artifact = load_artifact(form)
        manifest = artifact.manifest
        return _Runner(
            artifact.execution,
            manifest.classes,
            list(manifest.class_names),
            manifest.decides,
            lambda samples: artifact.predict(samples, threads=threads, scale=scale),
        )
    from lgn_edge.onnx_model import is_foreign, read, to_model
    from lgn_edge.onnx_model.runtime import onnxruntime_session

    network = read(form)  # says what is wrong with the file or the samples, in our words
    foreign = is_foreign(form)
    if foreign:
        say(f"{form} is a foreign circuit: what runs is written from what was read of it")
    session = onnxruntime_session(to_model(network) if foreign else form, threads=threads)
    return _Runner(
        "onnxruntime",
        network.head.n_outputs,
        list(network.class_names),
        network.head.decides,
        lambda samples: session(network.check(samples, scale=scale)),
    )


def _save(output: Path, prediction: Prediction, force: bool) -> None:
    import numpy as np

    from lgn_edge.files import atomic_path

    with atomic_path(output, ours=_ours, force=force) as temporary, temporary.open("wb") as file:
        if prediction.decision is None:
            np.savez_compressed(file, scores=prediction.scores)
        else:
            np.savez_compressed(file, scores=prediction.scores, classes=prediction.classes)


def _ours(path: Path) -> bool:
    """Whether a file is an archive of the arrays that `_save` writes, and of no other."""
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            return sorted(archive.namelist()) in (["classes.npy", "scores.npy"], ["scores.npy"])
    except zipfile.BadZipFile:
        return False
