from __future__ import annotations

from pathlib import Path

import pytest

from lgn_edge.errors import InputError
from lgn_edge.training import Recipe, load_recipe, recipe_names
from lgn_edge.training.recipe import recipe_from


@pytest.mark.parametrize("name", recipe_names())
def test_recipes_that_come_along(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe_from(recipe.to_dict()) == recipe


def test_there_are_digits_and_mnist() -> None:
    assert {"digits", "mnist"} <= set(recipe_names())


def test_file_and_overrides(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('name = "own"\ndataset = "digits"\nwidths = [20, 10]\ntau = 3\n')
    recipe = load_recipe(file, ["epochs = 7", "estimator=soft", "widths=[30]", 'name="other"'])
    assert recipe == Recipe("other", "digits", (30,), tau=3.0, epochs=7, estimator="soft")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epoch=7", r"no field is called 'epoch' \(did you mean epochs\?\)"),
        ("epochs", "'epochs' is not key=value"),
        ("epochs=2.5", "epochs is 2.5; it must be a whole number"),
        ("epochs=true", "epochs is True; it must be a whole number"),
        ("epochs=0", "epochs is 0; it must be at least 1"),
        ("estimator=sofd", r"'sofd' \(did you mean soft\?\); legal are soft, soft-gumbel, hard"),
        ("tau=0", "tau is 0.0; it must be positive"),
        ("weight_decay=-1", "weight_decay is -1.0"),
        ("widths=[]", r"widths are \[\]"),
        ("widths=[1.5]", r"widths is \[1.5\]; it must be a list of whole numbers"),
        ("validation=1", "validation is 1.0"),
        ("validation=-0.1", "validation is -0.1"),
        ("candidates=1", "candidates is 1; it must be at least 2"),
        ("redraw=1.5", "redraw is 1.5; it is a share"),
        ("choice_temperature_end=0", "choice_temperature_end is 0.0; it must be positive"),
        ("arity=7", "arity is 7; it must be 2 to 6"),
        ("threshold_rate=-1", "threshold_rate is -1.0; it must be 0 or more"),
        ("threshold_width=0", "threshold_width is 0.0; it must be positive"),
        ("precision=float16", r"precision is 'float16' \(did you mean bfloat16\?\); legal are float32, bfloat16"),
        ("device=gpu", "device is 'gpu'.*; legal are cpu, cuda"),
    ],
)
def test_refuses(override: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_recipe("digits", [override])


def test_patience_needs_validation() -> None:
    with pytest.raises(InputError, match="patience is 5, but validation is 0; set one of them otherwise"):
        load_recipe("digits", ["patience=5", "validation=0"])


def test_gates_of_more_inputs_are_light_and_random() -> None:
    with pytest.raises(InputError, match="parametrization is 'raw', but gates of 4 inputs need light or light-sine"):
        load_recipe("digits", ["arity=4", "parametrization=raw"])
    with pytest.raises(InputError, match="wiring is 'learned', but gates of 4 inputs need random"):
        load_recipe("digits", ["arity=4", "wiring=learned"])


def test_refuses_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"did you mean digits\?.*one of .*digits.*mnist"):
        load_recipe("digit")
    file = tmp_path / "bad.toml"
    file.write_text("name = ")
    with pytest.raises(InputError, match=r"bad\.toml is not TOML"):
        load_recipe(file)
    file.write_text('name = "x"\ndataset = "digits"\n')
    with pytest.raises(InputError, match="the field widths is missing"):
        load_recipe(file)
