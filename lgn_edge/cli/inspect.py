"""`lgn-edge inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lgn_edge.cli.console import emit_json, emit_table, flat, properties

if TYPE_CHECKING:
    from rich.table import Table

    from lgn_edge.network import Network

EXAMPLES: Final = """\b
Examples:
  lgn-edge inspect model.onnx
  lgn-edge inspect model.onnx --json"""


def inspect(
    model: Annotated[Path, typer.Argument(help="ONNX file that `lgn-edge export` wrote, or a circuit of bitwise ops.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show what is in a model.

    Layers, gates by kind, what simplification leaves of them, and how much of the input matters.
    """
    import lgn_edge

    facts = describe(lgn_edge.load(model), model.stat().st_size)
    if as_json:
        emit_json({"schema": 1, **facts})
        return
    hidden = {"layers", "operations", "provenance"}
    plain = flat({name: value for name, value in facts.items() if name not in hidden})
    emit_table(properties(facts["name"], plain | facts["provenance"]))
    emit_table(_layers(facts["layers"]))
    emit_table(properties("operations", facts["operations"]))


def describe(network: Network, file_bytes: int) -> dict[str, Any]:
    """The facts of a network as plain values."""
    import numpy as np

    from lgn_edge.network import flatten
    from lgn_edge.network.truth_table import FALSE, NAMES
    from lgn_edge.passes import simplify

    circuit = flatten(network)
    simple, _ = simplify(circuit)
    encoder = network.encoder
    wires = np.concatenate([simple.a, simple.b, simple.outputs])
    bits = np.unique(wires[wires < simple.n_inputs])
    counts = np.bincount(circuit.table, minlength=16)
    counts[FALSE] -= circuit.n_gates - network.n_gates  # what is outside of an image is a constant of the netlist
    watched = encoder.feature[bits]
    if encoder.minus is not None:
        watched = np.append(watched, encoder.minus[bits][encoder.is_edge[bits]])
    layers: list[dict[str, Any]] = [
        {"kind": type(layer).__name__, "inputs": layer.n_inputs, "outputs": layer.n_outputs, "gates": layer.n_applied}
        for layer in network.layers
    ]
    tau, beta = network.head.scale or (None, None)
    return {
        "name": network.name,
        "features": encoder.n_features,
        "input_type": encoder.input_dtype,
        "bits": encoder.n_outputs,
        "edges": int(encoder.is_edge.sum()),
        "head": type(network.head).__name__,
        "outputs": network.head.n_outputs,
        "classes": network.head.n_outputs if network.head.decides else None,
        "class_names": list(network.class_names) if network.head.decides else [],
        "output_names": [] if network.head.decides else list(network.class_names),
        "feature_names": list(network.feature_names),
        "tau": tau,
        "beta": beta,
        "gates": network.n_gates,
        "gates_stored": network.n_distinct,
        "gates_simplified": simple.n_gates,
        "depth_simplified": int(simple.levels()[simple.outputs].max()),
        "bits_used": len(bits),
        "features_used": len(np.unique(watched)),
        "file_bytes": file_bytes,
        "layers": layers,
        "operations": {NAMES[i]: int(counts[i]) for i in range(16)},
        "provenance": dict(network.provenance),
    }


def _layers(layers: list[dict[str, Any]]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title="layers", title_justify="left", box=box.SIMPLE)
    for column in ("layer", "kind", "inputs", "outputs", "gates"):
        table.add_column(column, justify="left" if column == "kind" else "right")
    for i, layer in enumerate(layers):
        sizes = (f"{layer[key]:,}" for key in ("inputs", "outputs", "gates"))
        table.add_row(str(i), layer["kind"], *sizes)
    return table
