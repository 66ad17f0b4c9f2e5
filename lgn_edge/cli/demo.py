"""`lgn-edge demo`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from lgn_edge.cli.console import emit_json, emit_report, say, talks, tell

EXAMPLES: Final = """\b
Examples:
  lgn-edge demo
  lgn-edge demo --dataset mnist --data data -o mnist-demo"""


class Dataset(StrEnum):
    """What the demo trains on."""

    DIGITS = "digits"
    MNIST = "mnist"


def demo(
    dataset: Annotated[Dataset, typer.Option("--dataset", help="digits comes with scikit-learn.")] = Dataset.DIGITS,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder that holds a folder `mnist` with the published files.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for all that is made.  [default: lgn-edge-demo-DATASET]"),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change a setting of the recipe; repeatable."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what lies where model and artifacts go.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """From images to firmware in a few minutes.

    Trains, exports, builds for this CPU and for an Arm Cortex-M4, and verifies every form bit for bit.
    Takes a few minutes on two cores and leaves the model and both artifacts.
    """
    from lgn_edge.demo import run_demo

    result = run_demo(
        dataset.value, data=data, output=output, settings=settings or (), force=force, bar=talks(), progress=say
    )
    if as_json:
        emit_json(result.to_json())
    else:
        emit_report(result.report)
        tell(result.table())
    if not result.report.ok:
        raise typer.Exit(1)
