"""Recipes of version 1, which had all settings in one table: read from old files and checkpoints, never written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lgn_edge.errors import InputError
from lgn_edge.training.settings import GATES, PATHS, changed
from lgn_edge.words import near

_FIXED: Final = {"learned": "random", "learned-aligned": "aligned"}  # of the layers behind the learned ones
_WIRING: Final = {
    "lanes": "lanes",
    "candidates": "candidates",
    "choice_rate": "rate",
    "choice_temperature": "temperature",
    "choice_temperature_end": "temperature_end",
    "redraw": "redraw",
    "redraw_until": "redraw_until",
}
_USED: Final = {  # what a wiring had of these; the others were there, and did nothing
    "aligned": ("lanes",),
    "learned": tuple(name for name in _WIRING if name != "lanes"),
    "learned-aligned": tuple(_WIRING),
}
_LAYERS: Final = ("kind", "widths", "arity", "wiring", "learned_layers", "learned_init", *_WIRING, *GATES)
FIELDS: Final = ("name", *(field for field in dict.fromkeys((*PATHS, *_LAYERS)) if field != "kind"))


def current(values: Mapping[str, Any], what: str) -> Mapping[str, Any]:
    """The tables of a recipe, whichever version it has."""
    return from_flat(values, what) if "widths" in values or "dataset" in values else values


def from_flat(values: Mapping[str, Any], what: str = "recipe") -> dict[str, Any]:
    """The tables that say what a recipe of version 1 said.

    Args:
        values: by field name; what is missing had the default that it still has.
        what: where they came from, for messages.

    Raises:
        InputError: a field is unknown or missing.
    """
    for name in values:
        if name not in FIELDS:
            raise InputError(f"{what}: no field is called {name!r}{near(name, FIELDS)}; there are {', '.join(FIELDS)}")
    for name in ("name", "dataset", "widths"):
        if name not in values:
            raise InputError(f"{what}: the field {name} is missing")
    widths = values["widths"]
    if not isinstance(widths, list | tuple) or not widths:
        raise InputError(f"{what}: widths is {widths!r}; give the gates of each layer, such as [1000, 1000]")
    tables = {"name": values["name"], "layers": [_layer(values, i, width) for i, width in enumerate(widths)]}
    return changed(
        tables, {name: value for name, value in values.items() if name in PATHS and name not in _LAYERS}, what
    )


def _layer(values: Mapping[str, Any], i: int, width: Any) -> dict[str, Any]:
    wiring = str(values.get("wiring", "random"))
    learned = wiring in _FIXED and i < (values.get("learned_layers") or len(values["widths"]))
    gates = {name: values[name] for name in GATES if name in values}
    if learned and values.get("learned_init"):
        gates["init"] = values["learned_init"]
    if gates.get("init") == "gaussian":
        gates.pop("init_shift", None)  # it did nothing
    if values.get("arity", 2) != 2:
        return {"kind": "lookup", "width": width, "arity": values["arity"], **gates, "wiring": wiring}
    kind = wiring if learned else _FIXED.get(wiring, wiring)
    used = {_WIRING[name]: values[name] for name in _USED.get(kind, ()) if name in values}
    return {"width": width, **gates, "wiring": {"kind": kind, **used}}
