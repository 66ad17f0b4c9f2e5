"""`lgn-edge inspect`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lgn_edge.cli.console import emit_json, emit_table, flat, properties, readable
from lgn_edge.cli.layers import layers_table

if TYPE_CHECKING:
    from lgn_edge.network import Network

_RECIPE: Final = "recipe"  # in the provenance of what `lgn-edge train` made: JSON
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
    from lgn_edge.network.facts import VARYING, layer_facts

    network = lgn_edge.load(model)
    facts = describe(network, model.stat().st_size)
    if as_json:
        emit_json({"schema": 1, **facts})
        return
    hidden = {"layers", "operations", "provenance"}
    plain = flat({name: value for name, value in facts.items() if name not in hidden})
    recipe = _recipe(network.provenance.get(_RECIPE, ""))
    elsewhere = {VARYING, _RECIPE} if recipe else {VARYING}
    provenance = {name: text for name, text in network.provenance.items() if name not in elsewhere}
    emit_table(properties(facts["name"], plain | provenance))
    emit_table(layers_table(layer_facts(network)))
    emit_table(properties("operations", facts["operations"]))
    if recipe:
        emit_table(properties("recipe", recipe))


def describe(network: Network, file_bytes: int) -> dict[str, Any]:
    """The facts of a network as plain values."""
    import numpy as np

    from lgn_edge.network import flatten
    from lgn_edge.network.facts import layer_facts
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
        "layers": [asdict(layer) for layer in layer_facts(network)],
        "operations": {NAMES[i]: int(counts[i]) for i in range(16)},
        "provenance": dict(network.provenance),
    }


def _recipe(text: str) -> dict[str, str]:
    """A recipe, a row for each of its tables and layers; nothing where it is not one of ours."""
    try:
        recipe = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(recipe, dict):
        return {}
    rows: dict[str, str] = {}
    for name, table in recipe.items():
        layers = isinstance(table, list) and all(isinstance(layer, dict) for layer in table)
        titles = {f"layer {i}": layer for i, layer in enumerate(table)} if layers else {name: table}
        rows |= {title: _settings(values) for title, values in titles.items()}
    return rows


def _settings(values: object) -> str:
    """The settings of a table on a line, without those that are empty; the kind of a layer needs no name."""
    if not isinstance(values, dict):
        return readable(values)
    return ", ".join(_setting(name, value) for name, value in values.items() if value not in ("", [], None))


def _setting(name: str, value: object) -> str:
    if isinstance(value, dict):
        return f"{name} ({_settings(value)})"
    return readable(value) if name == "kind" else f"{name} {readable(value)}"
