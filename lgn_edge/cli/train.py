"""`lgn-edge train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from lgn_edge.cli.console import emit_json, emit_table, flat, properties, say

EXAMPLES: Final = """\b
Examples:
  lgn-edge train digits -o run
  lgn-edge train mnist --data data -o run --set epochs=5 --set seed=7
  lgn-edge train digits -o run --resume"""


def train(
    recipe: Annotated[str, typer.Argument(help="digits, mnist, or a .toml file of your own.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for checkpoints and metrics.")] = Path("run"),
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of the recipe; repeatable.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder that holds a folder of the data set's name.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the output folder.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the metrics as JSON.")] = False,
) -> None:
    """Train a network by a recipe.

    Leaves a checkpoint that `lgn-edge export` reads, and prints the metrics.
    """
    from lgn_edge.training import load_recipe
    from lgn_edge.training import train as train_recipe

    chosen = load_recipe(recipe, settings or ())
    result = train_recipe(chosen, data=data, output=output, resume=resume)
    metrics = dict(result.metrics)
    if as_json:
        emit_json({"schema": 1, "folder": str(output), "metrics": metrics})
    else:
        emit_table(properties(str(output), flat(metrics)))
    say(f"next: lgn-edge export {output} -o model.onnx")
