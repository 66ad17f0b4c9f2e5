"""`lgn-edge build`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from lgn_edge.cli.console import emit_json, emit_table, flat, properties, say

EXAMPLES: Final = """\b
Examples:
  lgn-edge build model.onnx --target native -o host
  lgn-edge build model.onnx --target cortex-m4 -o firmware --json"""


def build(
    model: Annotated[Path, typer.Argument(help="ONNX file that `lgn-edge export` wrote.")],
    target: Annotated[str, typer.Option("--target", "-t", help="Machine to build for; see `lgn-edge targets`.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write; replaced as a whole.")],
    name: Annotated[
        str | None, typer.Option("--name", help="Name in the C symbols lgn_NAME_...; the model's own by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Compile a model for a machine.

    The folder that a device engineer takes away holds the library, its header, an example, a
    self-test, the report and the manifest.
    """
    import lgn_edge

    say(f"building {model} for {target}")
    artifact = lgn_edge.build(model, target, output, name=name)
    if as_json:
        document = {"schema": 1, "folder": str(output), "seconds": dict(artifact.seconds)}
        emit_json(document | {"manifest": asdict(artifact.manifest), "report": dict(artifact.report)})
    else:
        emit_table(properties(str(output), flat(artifact.report)))
    say(f"next: lgn-edge verify {model} --artifact {output}")
