"""`lgn-edge train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lgn_edge.cli.console import command, emit_json, emit_table, flat, properties, say, talks, tell, warn
from lgn_edge.errors import MissingDataError

if TYPE_CHECKING:
    from rich.table import Table

    from lgn_edge.training import Plan
    from lgn_edge.training.plan import Layer, Outline

EXAMPLES: Final = """\b
Examples:
  lgn-edge train digits -o run
  lgn-edge train mnist --data data -o run --set training.epochs=5 --set layers.0.width=4000
  lgn-edge train mnist --data data --dry-run
  lgn-edge train digits -o run --resume
  lgn-edge train digits -o run --resume --set training.epochs=300
  lgn-edge train digits -o tuned --start-from run --set training.learning_rate=0.005"""


def train(
    recipe: Annotated[
        str, typer.Argument(help="Name of a recipe such as digits or mnist, or a .toml file of your own.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for checkpoints and metrics.")] = Path("run"),
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change a setting of the recipe; repeatable."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder that holds a folder of the data set's name.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in the output folder, or extend it.")
    ] = False,
    start_from: Annotated[
        Path | None, typer.Option("--start-from", help="Checkpoint whose weights and wiring a new run starts from.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print gates, parameters and memory; train nothing.")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write telemetry for TensorBoard, in the output folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the metrics as JSON.")] = False,
) -> None:
    """Train a network by a recipe.

    Leaves a checkpoint that `lgn-edge export` reads, and prints the metrics.
    """
    from lgn_edge.nn.kernels import missing
    from lgn_edge.training import load_recipe, plan_training
    from lgn_edge.training import train as train_recipe
    from lgn_edge.training.plan import Outline

    chosen = load_recipe(recipe, settings or ())
    reason = missing(chosen.training.device)
    if reason:
        warn(f"layers run in torch, without compiled kernels: {reason}")
    if dry_run:
        plan: Plan | Outline
        try:
            plan = plan_training(chosen, data)
        except MissingDataError as error:
            plan = Outline.of(chosen)
            warn(f"without its data a recipe says only this; {error}")
        if as_json:
            emit_json({"schema": 1, "plan": plan.to_json()})
        else:
            emit_table(
                _outline_table(chosen.name, plan) if isinstance(plan, Outline) else _plan_table(chosen.name, plan)
            )
        return
    result = train_recipe(
        chosen,
        data=data,
        output=output,
        resume=resume,
        start_from=start_from,
        tensorboard=tensorboard,
        progress=talks(),
    )
    metrics = dict(result.metrics)
    if as_json:
        emit_json({"schema": 1, "folder": str(output), "metrics": metrics})
    else:
        tell(properties(str(output), flat(metrics)))
    say(f"next: {command('export', output, '-o', 'model.onnx')}")


def _layer(layer: Layer, varying: float | None) -> str:
    vary = "" if varying is None else f", {varying:.0%} of the channels vary"
    if not layer.gates_stored:
        return f"pool of {layer.inputs:,} inputs, {layer.outputs:,} outputs, {layer.gates:,} ORs{vary}"
    gates = f"{layer.gates:,} gates"
    if layer.gates > layer.gates_stored:
        gates += f" at all places, {layer.gates_stored:,} stored"
    return f"{gates}, {layer.wiring} wiring of {layer.inputs:,} inputs, {layer.parameters:,} parameters{vary}"


def _outline_table(name: str, outline: Outline) -> Table:
    layers = {
        f"layer {i}": f"{layer.kind}, {layer.gates_stored:,} gates stored"
        + (layer.wiring and f", {layer.wiring} wiring")
        for i, layer in enumerate(outline.layers)
    }
    return properties(
        name,
        {
            **layers,
            "gates stored": outline.gates_stored,
            "epochs": f"{outline.epochs:,}, in steps of batch {outline.batch}",
            "not known": "inputs, gates at all places, parameters, steps and memory, which follow from the data",
        },
    )


def _plan_table(name: str, plan: Plan) -> Table:
    layers = {f"layer {i}": _layer(layer, plan.varying.get(i)) for i, layer in enumerate(plan.layers)}
    return properties(
        name,
        {
            **layers,
            "gates": plan.gates,
            "gates stored": plan.gates_stored,
            "parameters": plan.parameters,
            "steps": f"{plan.steps:,} of batch {plan.batch}",
            "memory": f"about {plan.memory_bytes / 2**20:,.0f} MiB, beside torch itself",
            "kernels": plan.kernels,
        },
    )
