"""Recipes: what a file says, what is refused, and that files of before still mean what they meant."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from lgn_edge.errors import InputError
from lgn_edge.training import (
    AlignedWiring,
    DataRecipe,
    DenseRecipe,
    EncoderRecipe,
    HeadRecipe,
    LearnedWiring,
    LookupRecipe,
    Recipe,
    TrainingRecipe,
    UniqueWiring,
    load_dataset,
    load_recipe,
    recipe_names,
    train,
)
from lgn_edge.training.checkpoint import read_document
from lgn_edge.training.recipe import recipe_from

DATA = Path(__file__).parents[1] / "data"
FLAT = DATA / "recipes"


@pytest.mark.parametrize("name", recipe_names())
def test_recipes_that_come_along(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe_from(recipe.to_dict()) == recipe
    assert recipe_from(json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert recipe_from(tomllib.loads(recipe.to_toml())) == recipe


def test_there_are_digits_and_mnist() -> None:
    assert {"digits", "mnist"} <= set(recipe_names())


@pytest.mark.parametrize("file", sorted(FLAT.glob("*.toml")), ids=lambda file: file.stem)
def test_a_file_of_version_1_says_the_same(file: Path) -> None:
    assert load_recipe(file) == load_recipe(file.stem)


@pytest.mark.parametrize("name", json.loads((FLAT / "trained.json").read_text()))
def test_trains_what_it_trained_before_there_were_tables(name: str, tmp_path: Path) -> None:
    """On some digits, with layers of 60 or 120 gates, for two epochs of large steps."""
    digits = load_dataset("digits")
    data = replace(digits, train_x=digits.train_x[:300], train_y=digits.train_y[:300])
    layers = len(load_recipe(name).layers)
    width = 120 if layers == 1 else 60
    tables = range(len(load_recipe(name).to_dict()["layers"]))
    small = {f"layers.{i}.width": width for i in tables} | {"epochs": 2, "threads": 1, "learning_rate": 0.2}
    result = train(load_recipe(name).changed(small), data=data, output=tmp_path / "run", progress=False)
    assert result.network.fingerprint() == json.loads((FLAT / "trained.json").read_text())[name]


def test_the_recipe_of_a_checkpoint_of_version_1_is_read() -> None:
    document = read_document(DATA / "digits")
    assert document["version"] == 1
    assert recipe_from(document["recipe"]) == load_recipe("digits")


def test_every_setting_of_version_1() -> None:
    flat = {"name": "own", "dataset": "mnist", "widths": [30, 20, 10], "wiring": "learned-aligned", "lanes": 8}
    flat |= {"learned_layers": 2, "learned_init": "gaussian", "init_shift": 0.5, "candidates": 9, "choice_rate": 0.1}
    flat |= {"choice_temperature": 2, "choice_temperature_end": 0.5, "redraw": 0.2, "redraw_until": 0.9, "levels": 2}
    flat |= {"spacing": "distributive", "threshold_rate": 0.01, "threshold_width": 0.3, "estimator": "gumbel", "tau": 3}
    flat |= {"shift": 2, "flip": True, "beta": 1, "parametrization": "raw", "temperature": 2, "validation": 0.25}
    recipe = recipe_from(flat)
    gates = {"parametrization": "raw", "estimator": "gumbel", "temperature": 2.0}
    wiring = {"candidates": 9, "rate": 0.1, "temperature": 2.0, "temperature_end": 0.5, "redraw": 0.2}
    learned = {"kind": "learned-aligned", **wiring, "redraw_until": 0.9, "lanes": 8}
    assert recipe == Recipe(
        name="own",
        data=DataRecipe("mnist", shift=2, flip=True),
        encoder=EncoderRecipe(2, "distributive", 0.01, 0.3),
        layers=recipe_from(
            {
                "name": "layers",
                "data": {"name": "mnist"},
                "layers": [
                    {"width": 30, **gates, "init": "gaussian", "wiring": learned},
                    {"width": 20, **gates, "init": "gaussian", "wiring": learned},
                    {"width": 10, **gates, "init_shift": 0.5, "wiring": {"kind": "aligned", "lanes": 8}},
                ],
            }
        ).layers,
        head=HeadRecipe(3.0, 1.0),
        training=TrainingRecipe(validation=0.25),
    )
    assert recipe.layers[2].wiring == AlignedWiring(8)
    lookups = recipe_from({"name": "own", "dataset": "digits", "widths": [20], "arity": 4})
    assert lookups.layers == (LookupRecipe(20, arity=4),)


def test_file_and_overrides(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        'name = "own"\n[data]\nname = "digits"\n[[layers]]\nwidth = 20\nrepeat = 2\nwiring = "unique"\n'
        "[[layers]]\nwidth = 10\n[head]\ntau = 3\n"
    )
    expected = Recipe(
        name="own",
        data=DataRecipe("digits"),
        layers=(DenseRecipe(20, wiring=UniqueWiring()), DenseRecipe(20, wiring=UniqueWiring()), DenseRecipe(10)),
        head=HeadRecipe(tau=3.0),
    )
    assert load_recipe(file) == expected
    changed = load_recipe(
        file,
        ["training.epochs = 7", "layers.1.width=30", 'name="other"', "layers.1.wiring=learned", "candidates=9"],
    )
    first, second, _ = expected.layers
    last = DenseRecipe(30, wiring=LearnedWiring(candidates=9))
    assert changed == replace(expected, name="other", layers=(first, second, last), training=TrainingRecipe(7))
    assert [layer.estimator for layer in load_recipe(file, ["estimator=soft"]).layers] == ["soft"] * 3


@pytest.mark.parametrize(
    "overrides",
    [["epochs=7", "tau=2", "candidates=16"], ["training.epochs=7", "head.tau=2", "layers.0.wiring.candidates=16"]],
)
def test_short_names_and_paths_mean_the_same_in_files_of_both_versions(overrides: list[str]) -> None:
    recipe = load_recipe("mnist-8000", overrides)
    assert (recipe.training.epochs, recipe.head.tau) == (7, 2.0)
    assert recipe.layers[0].wiring == replace(load_recipe("mnist-8000").layers[0].wiring, candidates=16)
    assert load_recipe(FLAT / "mnist-8000.toml", overrides) == recipe


def test_widths_give_other_layers_like_those_of_the_recipe() -> None:
    first, _ = load_recipe("digits").layers
    assert load_recipe("digits", ["widths=[30]"]).layers == (replace(first, width=30),)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epoch=7", r"no setting is called 'epoch' \(did you mean epochs\?\); give a path"),
        ("training.epoch=7", r"\[training\] has no setting 'epoch' \(did you mean epochs\?\)"),
        ("trainings.epochs=7", r"the recipe has no setting 'trainings' \(did you mean training\?\)"),
        ("layers.0.widht=7", r"layers.0: \[layers\] has no setting 'widht' \(did you mean width\?\)"),
        ("layers.1.width=7", r"'1' is none of the 1 tables, counted from 0"),
        ("layers.first.width=7", r"'first' is none of the 1 tables"),
        ("training.epochs.x=7", "epochs is 200, not a table"),
        ("training=7", "training is 7; it must be a table"),
        ("layers=7", "layers is 7; it must be a list of tables"),
        ("layers=[]", "layers is an empty list; give at least one table"),
        ("layers.0.kind=dens", r"of kind 'dens' \(did you mean dense\?\); legal are dense, lookup"),
        ("layers.0.repeat=0", "repeat is 0; it must be 1 to 10000"),
        ("epochs", "'epochs' has no value; give key=value"),
        ("epochs=2.5", r"\[training\] epochs is 2.5; it must be a whole number"),
        ("epochs=true", "epochs is True; it must be a whole number"),
        ("epochs=0", "epochs is 0; it must be at least 1"),
        ("name=7", "name is 7; it must be a text"),
        ("flip=1", "flip is 1; it must be true or false"),
        ("estimator=sofd", r"'sofd' \(did you mean soft\?\); legal are soft, soft-gumbel, hard"),
        ("tau=0", r"\[head\] tau is 0.0; it must be positive"),
        ("tau=big", "tau is 'big'; it must be a number"),
        ("beta=inf", "beta is inf; it must be finite"),
        ("weight_decay=-1", "weight_decay is -1.0"),
        ("widths=[]", r"widths is \[\]; give the gates of each layer"),
        ("widths=[1.5]", "layers.0: .* width is 1.5; it must be a whole number"),
        ("validation=1", "validation is 1.0; it must be a share below 1"),
        ("validation=-0.1", "validation is -0.1"),
        ("candidates=7", "candidates means nothing here, as no layer has it"),
        ("layers.0.wiring.candidates=7", r"\[layers.wiring\] has no setting 'candidates'; it has none"),
        ("threshold_rate=-1", r"\[encoder\] threshold_rate is -1.0; it must be 0 or more"),
        ("threshold_width=0", "threshold_width is 0.0; it must be positive"),
        ("precision=float16", r"precision is 'float16' \(did you mean bfloat16\?\); legal are float32, bfloat16"),
        ("device=gpu", "device is 'gpu'.*; legal are cpu, cuda"),
    ],
)
def test_refuses(override: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_recipe("digits", [override])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("candidates=1", r"\[layers.wiring\] candidates is 1; it must be at least 2"),
        ("redraw=1.5", "redraw is 1.5; it is a share"),
        ("choice_temperature_end=0", "temperature_end is 0.0; it must be positive"),
        ("widths=[8, 8]", "the layers differ; set layers.0.width and so on"),
    ],
)
def test_refuses_of_learned_wirings(override: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_recipe("mnist-48000", [override])


def test_patience_needs_validation() -> None:
    with pytest.raises(InputError, match="patience is 5, but validation is 0; set one of them otherwise"):
        load_recipe("digits", ["patience=5", "validation=0"])


def test_gates_of_more_inputs_are_light_and_random() -> None:
    with pytest.raises(InputError, match=r"parametrization is 'raw'.*; legal are light, light-sine"):
        load_recipe("digits", ["layers.0.kind=lookup", "parametrization=raw"])
    with pytest.raises(InputError, match="wiring is of kind 'learned'; legal are random"):
        load_recipe("digits", ["layers.0.kind=lookup", "wiring=learned"])
    with pytest.raises(InputError, match="arity is 7; it must be 3 to 6"):
        load_recipe("digits", ["layers.0.kind=lookup", "arity=7"])


def test_refuses_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"did you mean digits\?.*one of .*digits.*mnist"):
        load_recipe("digit")
    file = tmp_path / "bad.toml"
    for text, message in {
        "name = ": r"bad\.toml is not TOML",
        'name = "x"\ndataset = "digits"\n': "the field widths is missing",
        'name = "x"\nwidths = [3]\ndataset = "digits"\nepoch = 3\n': r"called 'epoch' \(did you mean epochs\?\)",
        'name = "x"\n[data]\nname = "digits"\n': "the recipe needs the setting layers",
        'name = "x"\n[data]\n[[layers]]\nwidth = 3\n': r"\[data\] needs the setting name",
        'name = "x"\nlayers = 3\n[data]\nname = "digits"\n': "layers is 3; it must be a list of tables",
    }.items():
        file.write_text(text)
        with pytest.raises(InputError, match=message):
            load_recipe(file)
