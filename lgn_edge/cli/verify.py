"""`lgn-edge verify`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lgn_edge.cli.arrays import load_array
from lgn_edge.cli.console import emit, emit_json, emit_report, say, talks, warn

if TYPE_CHECKING:
    from lgn_edge.verification import VerifyReport

EXAMPLES: Final = """\b
Examples:
  lgn-edge verify model.onnx
  lgn-edge verify model.onnx --checkpoint run --artifact host --artifact firmware
  lgn-edge verify model.onnx --backend cortex-m0 --samples 100 --input real.npy

\b
Backends: reference, circuit, torch, onnx-reference, onnxruntime,
onnxruntime-plain, onnxruntime-standard, onnxruntime-library, onnxruntime-fused,
and every target. One that cannot run is listed with its reason and never counts
as a pass.

\b
Exit codes: 0 all that ran are equal; 1 one differs, or one that was asked for
could not run; 2 a mistake in what was asked."""


def verify(
    model: Annotated[Path, typer.Argument(help="ONNX file; its numpy evaluation is what the others are held against.")],
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="Folder of the training; its torch module is run too.")
    ] = None,
    artifact: Annotated[
        list[Path] | None,
        typer.Option("--artifact", metavar="DIR", help="Folder of `build` to run as it is; repeatable."),
    ] = None,
    backend: Annotated[
        list[str] | None,
        typer.Option("--backend", metavar="NAME", help="Run only this one; repeatable. All the usual ones by default."),
    ] = None,
    samples: Annotated[int, typer.Option("--samples", help="The most samples of each test vector.")] = 1000,
    samples_file: Annotated[
        Path | None, typer.Option("--input", "-i", help="Real samples [n, features], .npy, to verify with as well.")
    ] = None,
    scale: Annotated[
        float | None, typer.Option("--scale", help="Multiply the real samples by this first, to the scale of training.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the random vectors.")] = 0,
    save_failure: Annotated[
        Path, typer.Option("--save-failure", metavar="DIR", help="Where a difference leaves what shows it again.")
    ] = Path("lgn-edge-mismatch"),
    force: Annotated[
        bool, typer.Option("--force", help="Replace the folder of --save-failure whatever is in it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Hold every form of a model against it, bit for bit.

    Each runs the same samples, and scores and classes must be equal, without tolerance.

    What is not given with --artifact is built for the occasion. A difference is reported with its first sample, layer
    and gate.
    """
    import lgn_edge

    report = lgn_edge.verify(
        model,
        checkpoint=checkpoint,
        artifacts=artifact or (),
        backends=backend or None,
        samples=samples,
        data=None if samples_file is None else load_array(samples_file),
        scale=scale,
        seed=seed,
        save_failure=save_failure,
        force=force,
        bar=talks(),
        progress=lambda name: say(f"running {name}"),
    )
    if as_json:
        emit_json(report.to_json())
    else:
        emit_report(report)
        if talks() or not report.ok:
            emit(report.summary())
    _keep(report)
    if report.saved:
        warn(f"what shows the difference again is in {report.saved}")
    if not report.ok:
        raise typer.Exit(1)


def _keep(report: VerifyReport) -> None:
    """Tell `lgn-edge targets` what was executed."""
    from lgn_edge._version import __version__
    from lgn_edge.errors import InputError
    from lgn_edge.targets.executed import Executed, record
    from lgn_edge.targets.registry import TARGETS
    from lgn_edge.verification import Outcome

    today = date.today().isoformat()
    runs = {
        result.backend: Executed(
            today, result.outcome is Outcome.EQUAL, result.samples, f"lgn-edge {__version__}, {result.version}"
        )
        for result in report.results
        if result.backend in TARGETS and result.outcome is not Outcome.NOT_RUN
    }
    try:
        record(runs)
    except InputError as error:
        warn(f"`lgn-edge targets` will not know of this run: {error}")
