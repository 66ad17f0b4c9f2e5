"""A recipe: everything that decides how a network is trained, in one TOML file of plain fields."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any, Final

from lgn_edge.errors import InputError
from lgn_edge.nn.decompose import MAX_INPUTS
from lgn_edge.nn.encoder import SPACINGS
from lgn_edge.nn.estimator import ESTIMATORS
from lgn_edge.nn.gate_layer import BY_CORNER
from lgn_edge.nn.initialisation import INITIALISATIONS
from lgn_edge.nn.layers import LEARNED
from lgn_edge.nn.parametrization import PARAMETRIZATIONS
from lgn_edge.nn.wiring import WIRINGS
from lgn_edge.training.words import near

OPTIMIZERS: Final = ("adam", "adamw")
DEVICES: Final = ("cpu", "cuda")
PRECISIONS: Final = ("float32", "bfloat16")
SCHEDULES: Final = ("constant", "cosine")


@dataclass(frozen=True)
class Recipe:
    """How a network is made and trained.

    Attributes:
        name: of the network.
        dataset: see `load_dataset`.
        widths: gates of each layer; the last is a multiple of the classes.
        levels: thresholds a feature.
        spacing: of the thresholds, "uniform" or "distributive".
        threshold_rate: learning rate of the thresholds, in ranges of their feature; 0 leaves them as they are fitted.
        threshold_width: of the sigmoid whose gradient a learned threshold gets, likewise.
        arity: inputs of a gate, 2 to 6; above 2 for light and light-sine and a random wiring. Such gates become several
            of two inputs when the network is made discrete.
        parametrization: "light", "light-sine", "raw" or "walsh".
        estimator: "soft", "soft-gumbel", "hard" or "gumbel".
        temperature: of the soft gate.
        init: "residual" or "gaussian".
        init_shift: how far from undecided the residual gates start; 0 takes the parametrization's usual value.
        wiring: "random", "unique", "aligned", "learned" or "learned-aligned".
        lanes: bits of a word, for aligned wirings only.
        learned_layers: how many layers, from the first on, have the learned wiring, the others being random (aligned,
            for "learned-aligned"); 0 means all.
        learned_init: as `init`, of the layers with a learned wiring; empty takes `init`.
        candidates: that each gate input chooses from, for learned wirings only, as all fields of choices and redraws.
        choice_rate: learning rate of the first step for the choices.
        choice_temperature: of the choices in the first step.
        choice_temperature_end: in the last one; in between it changes by the same factor each step.
        redraw: share of an input's candidates, the least likely ones, that new ones replace after an epoch.
        redraw_until: share of the epochs after which candidates stay.
        shift: training images are moved by up to this many pixels in each direction, each time anew.
        flip: training images are mirrored, right to left, with even chances, each time anew.
        tau: divides the scores; in proportion to sqrt(gates a class).
        beta: is added to the scores.
        epochs: passes over the training samples.
        batch: samples a step.
        optimizer: "adam" or "adamw" (weight decay apart from the gradient).
        learning_rate: of the first step.
        weight_decay: of all gate weights.
        schedule: of the learning rate; "constant", or "cosine" down to 0 at the last step.
        validation: share of the training samples that chooses the best epoch, less than 1; with 0 all samples train and
            the last epoch is kept, for recipes that are settled.
        patience: epochs without a better validation accuracy after which training stops; 0 never stops.
        seed: of wiring, weights, split and order.
        threads: of torch; 0 leaves them as they are.
        device: "cpu" or "cuda".
        precision: of real-valued signals and the gradients of all signals while training, "float32" or "bfloat16", half
            the memory. What is computed and summed is float32. For GPUs: a CPU's compiled kernels have float32 only.
    """

    name: str
    dataset: str
    widths: tuple[int, ...]
    levels: int = 3
    spacing: str = "uniform"
    threshold_rate: float = 0.0
    threshold_width: float = 0.1
    arity: int = 2
    parametrization: str = "light"
    estimator: str = "hard"
    temperature: float = 1.0
    init: str = "residual"
    init_shift: float = 0.0
    wiring: str = "random"
    lanes: int = 32
    learned_layers: int = 0
    learned_init: str = ""
    candidates: int = 32
    choice_rate: float = 0.05
    choice_temperature: float = 1.0
    choice_temperature_end: float = 1.0
    redraw: float = 0.0
    redraw_until: float = 0.5
    shift: int = 0
    flip: bool = False
    tau: float = 5.0
    beta: float = 0.0
    epochs: int = 20
    batch: int = 100
    optimizer: str = "adam"
    learning_rate: float = 0.02
    weight_decay: float = 0.0
    schedule: str = "cosine"
    validation: float = 0.1
    patience: int = 0
    seed: int = 0
    threads: int = 0
    device: str = "cpu"
    precision: str = "float32"

    def __post_init__(self) -> None:
        choices = {
            "spacing": SPACINGS,
            "parametrization": tuple(PARAMETRIZATIONS),
            "estimator": tuple(ESTIMATORS),
            "init": INITIALISATIONS,
            "learned_init": ("", *INITIALISATIONS),
            "wiring": (*WIRINGS, *LEARNED),
            "optimizer": OPTIMIZERS,
            "schedule": SCHEDULES,
            "device": DEVICES,
            "precision": PRECISIONS,
        }
        for field, legal in choices.items():
            value = getattr(self, field)
            if value not in legal:
                raise InputError(f"recipe: {field} is {value!r}{near(value, legal)}; legal are {', '.join(legal)}")
        if not 2 <= self.arity <= MAX_INPUTS:
            raise InputError(f"recipe: arity is {self.arity}; it must be 2 to {MAX_INPUTS}")
        needed = {"parametrization": BY_CORNER, "wiring": ("random",)}
        for field, possible in needed.items() if self.arity > 2 else ():
            if getattr(self, field) not in possible:
                raise InputError(
                    f"recipe: {field} is {getattr(self, field)!r}, but gates of {self.arity} inputs need"
                    f" {' or '.join(possible)}"
                )
        least = {"levels": 1, "lanes": 1, "candidates": 2, "epochs": 1, "batch": 1}
        least |= {"learned_layers": 0, "shift": 0, "patience": 0, "seed": 0, "threads": 0}
        for field, bound in least.items():
            if getattr(self, field) < bound:
                raise InputError(f"recipe: {field} is {getattr(self, field)}; it must be at least {bound}")
        temperatures = ("temperature", "choice_temperature", "choice_temperature_end")
        for field in (*temperatures, "tau", "learning_rate", "choice_rate", "threshold_width"):
            if not 0 < getattr(self, field) < float("inf"):
                raise InputError(f"recipe: {field} is {getattr(self, field)}; it must be positive and finite")
        for field in ("weight_decay", "init_shift", "threshold_rate"):
            if not 0 <= getattr(self, field) < float("inf"):
                raise InputError(f"recipe: {field} is {getattr(self, field)}; it must be 0 or more and finite")
        for field in ("redraw", "redraw_until"):
            if not 0 <= getattr(self, field) <= 1:
                raise InputError(f"recipe: {field} is {getattr(self, field)}; it is a share, 0 to 1")
        if not self.widths or min(self.widths) < 1:
            raise InputError(
                f"recipe: widths are {list(self.widths)}; give the gates of each layer, such as [1000, 1000]"
            )
        if not 0 <= self.validation < 1:
            raise InputError(f"recipe: validation is {self.validation}; it must be a share below 1, such as 0.1")
        if self.patience and not self.validation:
            raise InputError(f"recipe: patience is {self.patience}, but validation is 0; set one of them otherwise")

    @property
    def augments(self) -> bool:
        """Whether training images are changed each time they are seen."""
        return self.shift > 0 or self.flip

    def to_dict(self) -> dict[str, Any]:
        """The fields as values of TOML and JSON; `recipe_from` makes the same recipe of them."""
        return {**asdict(self), "widths": list(self.widths)}


def load_recipe(source: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Recipe:
    """A recipe from a TOML file.

    Args:
        source: a path, or the name of a recipe that comes with lgn-edge ("digits", "mnist").
        overrides: fields to set otherwise, each `key=value` with a TOML value (quotes of a word may be left out).

    Raises:
        InputError: no such file, not TOML, an unknown or missing field, or a value that is not legal.
    """
    text, what = _read(source)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{what} is not TOML: {error}") from error
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise InputError(f"override {override!r} is not key=value, such as epochs=20")
        values[key.strip()] = _value(value.strip())
    return recipe_from(values, what)


def recipe_names() -> tuple[str, ...]:
    """The recipes that come with lgn-edge."""
    folder = resources.files("lgn_edge.training") / "recipes"
    return tuple(sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml")))


def recipe_from(values: Mapping[str, Any], what: str = "recipe") -> Recipe:
    """A recipe from its fields.

    Args:
        values: by field name.
        what: where they came from, for messages.

    Raises:
        InputError: an unknown or missing field, another type, or a value that is not legal.
    """
    known = {field.name: str(field.type) for field in fields(Recipe)}
    for key in values:
        if key not in known:
            raise InputError(f"{what}: no field is called {key!r}{near(key, known)}; there are {', '.join(known)}")
    for key in ("name", "dataset", "widths"):
        if key not in values:
            raise InputError(f"{what}: the field {key} is missing")
    return Recipe(**{key: _typed(value, known[key], f"{what}: {key}") for key, value in values.items()})


def _read(source: str | os.PathLike[str]) -> tuple[str, str]:
    path = Path(source)
    try:
        if str(source) in recipe_names():
            return (resources.files("lgn_edge.training") / "recipes" / f"{source}.toml").read_text(), f"recipe {source}"
        return path.read_text(encoding="utf-8"), str(path)
    except (OSError, UnicodeDecodeError) as error:
        names = recipe_names()
        raise InputError(
            f"cannot read the recipe {path}{near(str(source), names)}; give a TOML file or one of {', '.join(names)}"
        ) from error


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _typed(value: Any, kind: str, what: str) -> Any:
    if kind == "bool" and isinstance(value, bool):
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "float" and number:
        return float(value)
    if kind == "int" and number and isinstance(value, int):
        return value
    if kind == "str" and isinstance(value, str):
        return value
    if kind == "tuple[int, ...]" and isinstance(value, list | tuple) and all(type(item) is int for item in value):
        return tuple(value)
    words = {"float": "a number", "int": "a whole number", "str": "a text", "bool": "true or false"}
    raise InputError(f"{what} is {value!r}; it must be {words.get(kind, 'a list of whole numbers')}")
