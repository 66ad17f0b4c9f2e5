"""Changing single settings of a recipe's plain values, by dotted path or by a name that says enough alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lgn_edge.errors import InputError
from lgn_edge.words import near

GATES: Final = ("parametrization", "estimator", "temperature", "init", "init_shift")  # what gates of every kind have
_LEARNED: Final = ("learned", "learned-aligned")
_ALIGNED: Final = ("aligned", "learned-aligned")
# The path of each name; * stands for every layer.
PATHS: Final = {
    "dataset": "data.name",
    "shift": "data.shift",
    "flip": "data.flip",
    **{name: f"encoder.{name}" for name in ("levels", "spacing", "threshold_rate", "threshold_width")},
    **{name: f"layers.*.{name}" for name in ("kind", "arity", *GATES, "wiring")},
    "lanes": "layers.*.wiring.lanes",
    "candidates": "layers.*.wiring.candidates",
    "choice_rate": "layers.*.wiring.rate",
    "choice_temperature": "layers.*.wiring.temperature",
    "choice_temperature_end": "layers.*.wiring.temperature_end",
    "redraw": "layers.*.wiring.redraw",
    "redraw_until": "layers.*.wiring.redraw_until",
    "tau": "head.tau",
    "beta": "head.beta",
    **{
        name: f"training.{name}"
        for name in (
            "epochs",
            "batch",
            "optimizer",
            "learning_rate",
            "weight_decay",
            "schedule",
            "validation",
            "patience",
            "seed",
            "threads",
            "device",
            "precision",
        )
    },
}


def changed(values: Mapping[str, Any], settings: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Plain values of a recipe with other settings, in their order.

    Args:
        values: tables, as in a recipe file.
        settings: new values by dotted path, such as `training.epochs` or `layers.0.wiring.candidates`; by a name of
            `PATHS`; or `widths`, the gates of each layer, the layers being otherwise like those of the recipe.
        what: where the values came from, for messages.

    Raises:
        InputError: there is no such setting, or a name means different things for different layers.
    """
    tables: dict[str, Any] = _copied(values)
    for name, value in settings.items():
        if name == "widths":
            tables["layers"] = _with_widths(tables, value, what)
        elif name in PATHS:
            _set_all(tables, name, value, what)
        elif "." in name or name in tables or name == "name":
            _set(tables, name.split("."), value, f"{what}: no setting is called {name!r}")
        else:
            raise InputError(
                f"{what}: no setting is called {name!r}{near(name, ('widths', *PATHS))}; give a path such as"
                " training.epochs or layers.0.width"
            )
    return tables


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _copied(item) for name, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list | tuple) else value


def _set(tables: Any, path: list[str], value: Any, refusal: str) -> None:
    """Set what a path leads to; tables on the way that are not there are made, those that say a kind alone opened."""
    step, *rest = path
    if isinstance(tables, list):
        if not step.isdecimal() or int(step) >= len(tables):
            raise InputError(f"{refusal}: {step!r} is none of the {len(tables)} tables, counted from 0")
        place: Any = int(step)
    else:
        place = step
    if not rest:
        tables[place] = value
        return
    inner = tables[place] if isinstance(tables, list) else tables.get(place, {})
    if isinstance(inner, str):
        inner = {"kind": inner}
    if not isinstance(inner, dict | list):
        raise InputError(f"{refusal}: {step} is {inner!r}, not a table")
    tables[place] = inner
    _set(inner, rest, value, refusal)


def _set_all(tables: dict[str, Any], name: str, value: Any, what: str) -> None:
    """Set what a name means, in every layer that has it."""
    path = PATHS[name].split(".")
    refusal = f"{what}: no setting is called {name!r}"
    if "*" not in path:
        return _set(tables, path, value, refusal)
    layers = [layer for layer in _layers(tables, what) if _has(layer, name)]
    if not layers:
        raise InputError(f"{what}: {name} means nothing here, as no layer has it; see the layers' kind and wiring")
    for layer in layers:
        _set(layer, path[2:], value, refusal)
    return None


def _has(layer: Mapping[str, Any], name: str) -> bool:
    wiring = layer.get("wiring", "random")
    kind = wiring.get("kind", "random") if isinstance(wiring, Mapping) else wiring
    layer_kind = layer.get("kind", "dense")
    if name == "arity":
        return bool(layer_kind == "lookup")
    if name in GATES:
        return bool(layer_kind != "pool")
    if layer_kind == "pool" or (layer_kind == "conv" and name in ("kind", "wiring", "lanes")):
        return False
    if name == "lanes":
        return kind in _ALIGNED
    return name in ("kind", "wiring") or kind in _LEARNED


def _with_widths(tables: dict[str, Any], widths: Any, what: str) -> list[dict[str, Any]]:
    if not isinstance(widths, list | tuple) or not widths:
        raise InputError(f"{what}: widths is {widths!r}; give the gates of each layer, such as [1000, 1000]")
    first, *others = (
        {name: value for name, value in layer.items() if name not in ("width", "repeat")}
        for layer in _layers(tables, what)
    )
    if any(other != first for other in others):
        raise InputError(f"{what}: widths is not enough, as the layers differ; set layers.0.width and so on")
    return [{**_copied(first), "width": width} for width in widths]


def _layers(tables: Mapping[str, Any], what: str) -> list[dict[str, Any]]:
    layers = tables.get("layers")
    if not isinstance(layers, list) or not layers or not all(isinstance(layer, dict) for layer in layers):
        raise InputError(f"{what}: the recipe needs layers, a list of at least one table")
    return layers
