"""A recipe: everything that decides how a network is trained, in one TOML file of tables.

    name = "digits"

    [data]
    name = "digits"

    [encoder]
    levels = 3

    [[layers]]
    width = 1000
    repeat = 2          # two layers like this one
    wiring = "unique"   # a kind alone, or a table [layers.wiring] with its settings

    [head]
    tau = 4.0

    [training]
    epochs = 20

Each table is a record beside what it configures. Files and checkpoints of before, with all settings in one table, are
read as well (see `flat_recipe`).
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from lgn_edge.checks import MOST_SEED, MOST_THREADS, any_path, any_text, of_kind, whole_number
from lgn_edge.errors import InputError
from lgn_edge.network.network import checked_reads
from lgn_edge.nn.convolution import ConvRecipe, PoolRecipe
from lgn_edge.nn.encoder import EncoderRecipe
from lgn_edge.nn.gate_layer import GateRecipe
from lgn_edge.nn.layers import DenseRecipe, HeadRecipe
from lgn_edge.nn.logic_layer import LayerRecipe
from lgn_edge.nn.lookup import LookupRecipe
from lgn_edge.paths import Wanted, require
from lgn_edge.tables import Table, not_negative, positive, share_below_one, some_of, table, text, whole, word
from lgn_edge.training import flat_recipe
from lgn_edge.training.datasets import DataRecipe
from lgn_edge.training.settings import changed
from lgn_edge.words import near

LAYERS: Final = (
    DenseRecipe,
    LookupRecipe,
    ConvRecipe,
    PoolRecipe,
)  # the kinds of layers; the first one where a file says no kind
OPTIMIZERS: Final = ("adam", "adamw")
DEVICES: Final = ("cpu", "cuda")
PRECISIONS: Final = ("float32", "bfloat16")
SCHEDULES: Final = ("constant", "cosine")
_MOST_REPEATED: Final = 10_000


@dataclass(frozen=True)
class TrainingRecipe(Table):
    """How the parameters of a network are found.

    Attributes:
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

    TABLE: ClassVar = "training"

    epochs: int = whole(20, least=1)
    batch: int = whole(100, least=1)
    optimizer: str = word("adam", OPTIMIZERS)
    learning_rate: float = positive(0.02)
    weight_decay: float = not_negative(0.0)
    schedule: str = word("cosine", SCHEDULES)
    validation: float = share_below_one(0.1)
    patience: int = whole(0, least=0)
    seed: int = whole(0, least=0, most=MOST_SEED)
    threads: int = whole(0, least=0, most=MOST_THREADS)
    device: str = word("cpu", DEVICES)
    precision: str = word("float32", PRECISIONS)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.patience and not self.validation:
            raise InputError(f"[training] patience is {self.patience}, but validation is 0; set one of them otherwise")


@dataclass(frozen=True, kw_only=True)
class Recipe(Table):
    """How a network is made and trained.

    Attributes:
        name: of the network.
        data: what it learns from.
        encoder: features to bits.
        layers: at least one, in their order; the width of the last is a multiple of the classes.
        head: the last layer's signals to scores.
        training: how the parameters are found.
    """

    TABLE: ClassVar = ""

    name: str = text()
    data: DataRecipe = table(DataRecipe)
    encoder: EncoderRecipe = table(EncoderRecipe)
    layers: tuple[LayerRecipe, ...] = some_of(LAYERS)
    head: HeadRecipe = table(HeadRecipe)
    training: TrainingRecipe = table(TrainingRecipe)

    def __post_init__(self) -> None:
        super().__post_init__()
        checked_reads(self.sources, len(self.layers))
        ends = [layer.learns_until for layer in self.layers if isinstance(layer, GateRecipe)]
        if ends and max(ends) < 1:
            raise InputError(
                f"[layers] learns_until is {max(ends)} at most, so that nothing learns in the last epochs; leave it out"
                " in the last layer"
            )

    @property
    def sources(self) -> tuple[tuple[int, ...], ...]:
        """What each layer reads (see `Network.reads`)."""
        return tuple(layer.reads or (i,) for i, layer in enumerate(self.layers))

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """The recipe of plain values, each layer as often as its `repeat` says.

        Raises:
            InputError: a setting is unknown or missing, or a value is not legal.
        """
        if not isinstance(values.get("layers"), list | tuple):
            return super().read(values)
        return super().read({**values, "layers": [layer for given in values["layers"] for layer in _repeated(given)]})

    def to_dict(self) -> dict[str, Any]:
        """All settings as values of TOML and JSON, equal layers in a row as one table; `recipe_from` reads them."""
        layers = [(len(list(equal)), layer.to_dict()) for layer, equal in groupby(self.layers)]
        return {**super().to_dict(), "layers": [{**t, "repeat": n} if n > 1 else t for n, t in layers]}

    def changed(self, settings: Mapping[str, Any]) -> Recipe:
        """The recipe with other settings, by dotted path or by name (see `load_recipe`).

        Raises:
            InputError: there is no such setting, or a value is not legal.
        """
        of_kind(settings, Mapping, "settings", 'new values by name, such as {"epochs": 5}')
        return recipe_from(changed(self.to_dict(), settings, "recipe"))

    def settings(self) -> dict[str, Any]:
        """The value of every setting by its dotted path, with a number for each layer."""
        return dict(_paths({**super().to_dict(), "layers": dict(enumerate(layer.to_dict() for layer in self.layers))}))

    def to_toml(self) -> str:
        """The text of a recipe file that says every setting."""
        return _toml(self.to_dict())


def load_recipe(source: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Recipe:
    """A recipe from a TOML file.

    Args:
        source: a path, or the name of a recipe that comes with lgn-edge ("digits", "mnist").
        overrides: settings to change, each `path=value` with a TOML value (quotes of a word may be left out). A path is
            dotted, `training.epochs` or `layers.0.width`, the number being that of a `[[layers]]` table in the file. A
            name that says enough alone will do, `epochs`; of layers it changes all, and `widths=[60, 40]` gives other
            layers like those of the file.

    Raises:
        InputError: no such file, not TOML, an unknown or missing setting, or a value that is not legal.
    """
    any_path(source, "recipe", "a TOML file or the name of a recipe")
    if isinstance(overrides, str):
        raise InputError(f"overrides are a text; give a list of them, [{overrides!r}]")
    content, what = _read(source)
    try:
        values = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            f"{what} is not TOML: {error}; a table of data is no recipe, and goes to lgn_edge.training.train as a"
            " Dataset"
        ) from error
    settings = {}
    for override in overrides:
        any_text(override, "override")
        path, equals, value = override.partition("=")
        if not equals:
            raise InputError(f"override {override!r} has no value; give key=value, such as training.epochs=20")
        settings[path.strip()] = _value(value.strip())
    return recipe_from(changed(flat_recipe.current(values, what), settings, what), what)


def recipe_names() -> tuple[str, ...]:
    """The recipes that come with lgn-edge."""
    folder = resources.files("lgn_edge.training") / "recipes"
    return tuple(sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml")))


def recipe_from(values: Mapping[str, Any], what: str = "recipe") -> Recipe:
    """A recipe from plain values, as tables or, as before, in one table.

    Args:
        values: what `Recipe.to_dict` gives, or a part of it where the rest has defaults.
        what: where they came from, for messages.

    Raises:
        InputError: an unknown or missing setting, another type, or a value that is not legal.
    """
    tables = flat_recipe.current(values, what)
    try:
        return Recipe.read(tables)
    except InputError as error:
        raise InputError(f"{what}: {error}") from error


def _repeated(layer: Any) -> list[Any]:
    if not isinstance(layer, Mapping) or "repeat" not in layer:
        return [layer]
    count = whole_number(layer["repeat"], "[layers] repeat", least=1, most=_MOST_REPEATED)
    return [{name: value for name, value in layer.items() if name != "repeat"}] * count


def _paths(values: Mapping[Any, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _paths(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _toml(values: Mapping[str, Any], title: str = "") -> str:
    """Plain values as TOML: first the values of the table itself, then the tables in it."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items() if not _is_tables(value)]
    text = "\n".join([*([title] if title else []), *lines]) + "\n"
    where = title.strip("[]") + "." if title else ""
    for name, value in values.items():
        if isinstance(value, Mapping):
            text += "\n" + _toml(value, f"[{where}{name}]")
        elif _is_tables(value):
            text += "".join("\n" + _toml(item, f"[[{where}{name}]]") for item in value)
    return text


def _is_tables(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and bool(value) and isinstance(value[0], Mapping))


def _read(source: str | os.PathLike[str]) -> tuple[str, str]:
    path = Path(source)
    names = recipe_names()
    try:
        if str(source) in names:
            return (resources.files("lgn_edge.training") / "recipes" / f"{source}.toml").read_text(), f"recipe {source}"
        if path.exists():
            require(path, Wanted.RECIPE)
        return path.read_text(encoding="utf-8"), str(path)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read the recipe {path}{near(str(source), names)}; give a TOML file or one of {', '.join(names)}"
        ) from error


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
