"""`lgn-edge export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from lgn_edge.cli.console import emit, say

EXAMPLES: Final = """\b
Examples:
  lgn-edge export run -o model.onnx"""


def export(
    checkpoint: Annotated[Path, typer.Argument(help="Folder that `lgn-edge train` wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="ONNX file to write.")] = Path("model.onnx"),
) -> None:
    """Write a trained checkpoint as one ONNX file.

    The file holds the encoder, every gate, the group sum, class names and provenance; it is what the other commands
    read. Prints its path.
    """
    import lgn_edge

    network = lgn_edge.export(checkpoint, output)
    say(f"{network.name}: {len(network.layers)} layers, {network.n_gates:,} gates, {network.head.classes} classes")
    emit(str(output))
    say(f"next: lgn-edge inspect {output}, or lgn-edge verify {output} --checkpoint {checkpoint}")
