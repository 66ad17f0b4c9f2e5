"""Convolutions in training: recipes with the published counts of gates, and a run on small images."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from lgn_edge.errors import InputError
from lgn_edge.nn.convolution import ConvRecipe, LogicConv2d, PoolRecipe
from lgn_edge.nn.layers import DenseRecipe
from lgn_edge.nn.logic_layer import joined_shape
from lgn_edge.training import Dataset, Epoch, Recipe, load_checkpoint, load_recipe, plan_training, train
from lgn_edge.training.build import build_model, make_optimizer
from lgn_edge.training.evaluation import varying
from lgn_edge.training.plan import Outline
from lgn_edge.training.recipe import recipe_from
from lgn_edge.training.samples import Samples
from tests.training.runs import CutOffError, cut_off_after

SMALL = {
    "name": "bars",
    "data": {"name": "bars"},
    "encoder": {"levels": 1, "planes": True},
    "layers": [
        {"kind": "conv", "kernels": 6, "padding": 1, "init_shift": 1.0},
        {"kind": "pool"},
        {"kind": "conv", "kernels": 8, "size": 2, "depth": 2, "init_shift": 1.0, "wiring": "learned"},
        {"reads": [0, 2, 3], "width": 60, "wiring": {"kind": "learned", "candidates": 8}, "init": "gaussian"},
    ],
    "head": {"tau": 3.0},
    "training": {"epochs": 6, "batch": 32, "threads": 1, "learning_rate": 0.05},
}


def bars() -> Dataset:
    """Images of 6 x 7 in two planes: a row, or a column, that is bright in noise."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 500)
    x = rng.integers(0, 150, (500, 2, 6, 7))
    for image, label in zip(x, y, strict=True):
        where = rng.integers(6)
        image[(slice(None), slice(None), where) if label else (slice(None), where)] += 100
    samples = x.reshape(500, -1).astype(np.uint8)
    return Dataset("bars", samples[:400], y[:400], samples[400:], y[400:], ("row", "column"), "uint8", (6, 7))


def counts(recipe: Recipe, image: tuple[int, int, int]) -> tuple[int, int]:
    """Gates that a sample passes, and gates that are stored, by the sizes in a recipe alone."""
    shapes: list[tuple[int, ...]] = [image]
    applied = stored = 0
    for layer, sources in zip(recipe.layers, recipe.sources, strict=True):
        given = joined_shape([shapes[source] for source in sources])
        if isinstance(layer, DenseRecipe):
            shape, distinct, places = (layer.width,), layer.width, 1
        else:
            channels, *sides = given
            assert isinstance(layer, ConvRecipe | PoolRecipe)
            rows, columns = (
                (side + 2 * layer.padding - layer.size) // (layer.stride or layer.size) + 1 for side in sides
            )
            if isinstance(layer, ConvRecipe):
                shape, distinct, places = (
                    (layer.kernels, rows, columns),
                    layer.kernels * (2**layer.depth - 1),
                    rows * columns,
                )
            else:
                shape, distinct, places = (channels, rows, columns), 0, 0
                applied += channels * rows * columns * (layer.size**2 - 1)
        shapes.append(shape)
        applied, stored = applied + distinct * places, stored + distinct
    return applied, stored


@pytest.mark.parametrize(
    ("name", "applied", "stored", "outputs"),
    [  # Petersen et al. (2024): applied as table 6 and appendix A add up, OR pools included; outputs of a class
        ("cifar10-conv-s", 960_512, 83_552, 1_024),
        ("cifar10-conv-m", 7_684_096, 668_416, 8_192),
        ("cifar10-conv-b", 16_515_072, 2_483_712, 32_768),
        ("cifar10-conv-l", 33_030_144, 4_967_424, 65_536),
        ("cifar10-conv-g", 61_472_768, 5_347_328, 65_536),
        ("mnist-conv-s", 236_848, 73_136, 1_024),
        ("mnist-conv-m", 947_392, 292_544, 4_096),
        ("mnist-conv-l", 3_216_128, 596_736, 8_192),
        ("mnist-conv", 177_168, 13_456, 1_200),
        ("mnist-conv-small", 169_168, 5_456, 400),
        ("mnist-conv-tiny", 167_708, 3_996, 254),
        ("cifar10-conv", 920_832, 43_872, 3_200),
        ("cifar10-conv-64", 1_841_664, 87_744, 6_400),
    ],
)
def test_recipes_have_the_published_counts_of_gates(name: str, applied: int, stored: int, outputs: int) -> None:
    recipe = load_recipe(name)
    channels = recipe.encoder.levels * (3 if name.startswith("cifar10") else 1) + 4 * recipe.encoder.edges.levels
    side = 32 if name.startswith("cifar10") else 28
    assert counts(recipe, (channels, side, side)) == (applied, stored)
    assert recipe.layers[-1].width == 10 * outputs


def test_counts_are_those_of_the_layers() -> None:
    recipe = recipe_from(SMALL)
    model = build_model(recipe, bars())
    assert (model.n_gates, model.n_distinct) == counts(recipe, (2, 6, 7)) == (6 * 7 * 42 + 3 * 54 + 8 * 3 * 4 + 60, 126)


def test_a_run_with_convolutions(tmp_path: Path) -> None:
    recipe, data = recipe_from(SMALL).changed({"shift": 1}), bars()
    result = train(recipe, data=data, output=tmp_path / "run", progress=False)
    assert result.metrics["hard_accuracy"] > 0.8
    counts = result.network.n_gates, result.network.n_distinct
    plan = plan_training(recipe, data)
    assert (result.metrics["gates"], result.metrics["gates_stored"]) == (plan.gates, plan.gates_stored) == counts
    outline = Outline.of(recipe)
    assert [layer.gates_stored for layer in outline.layers] == [layer.gates_stored for layer in plan.layers]
    assert [layer.wiring for layer in outline.layers] == [layer.wiring for layer in plan.layers]
    classes = result.network.evaluate(data.test_x).classes
    assert float(np.mean(classes == data.test_y)) == result.metrics["hard_accuracy"]
    model = load_checkpoint(tmp_path / "run")
    assert model.sources == ((0,), (1,), (2,), (0, 2, 3))
    assert torch.equal(model.predict(torch.from_numpy(data.test_x)), torch.from_numpy(classes.astype(int)))
    cut = recipe.changed({"epochs": 3})
    train(cut, data=data, output=tmp_path / "cut", progress=False)
    longer = train(recipe, data=data, output=tmp_path / "cut", progress=False, resume=True)
    assert longer.history[:1] != result.history[:1]  # the schedule was shorter
    tuned = train(recipe, data=data, output=tmp_path / "tuned", progress=False, start_from=tmp_path / "run")
    assert tuned.history[0].hard_accuracy > result.history[0].hard_accuracy
    other = recipe.changed({"layers.2.kernels": 9})
    with pytest.raises(InputError, match="it has out_channels 8 in layer 2, but the recipe says 9"):
        train(other, data=data, output=tmp_path / "other", progress=False, start_from=tmp_path / "run")


def test_a_plan_says_what_a_convolution_takes_and_which_channels_vary() -> None:
    plan = plan_training(recipe_from(SMALL), bars())
    first = plan.layers[0]
    assert (first.kind, first.gates, first.gates_stored, first.outputs) == ("conv", 42 * 42, 42, 6 * 42)
    assert set(plan.varying) == {1, 2, 3}  # the first convolution goes into its pool at once
    assert plan.kernels == "compiled"


def test_a_channel_that_never_changes_does_not_vary() -> None:
    data = bars()
    model = build_model(recipe_from(SMALL), data)
    with torch.no_grad():
        model.layers[0].weight[6 : 3 * 7 : 7] = -1.0  # the roots of three kernels are the constant 0
        model.layers[2].weight[2::3] = 1.0  # all of this layer the constant 1
    shares = varying(model, Samples(model.encoder, data.train_x, data.train_y, once=True))
    assert shares[1] == 0.5
    assert shares[2] == 0.0


def test_planes_have_thresholds_of_their_own() -> None:
    data = bars()
    changed = data.train_x.copy()
    changed[:, 42:] //= 2
    encoder = recipe_from(SMALL).changed({"levels": 2}).encoder.fit(changed, image=(6, 7))
    limits = encoder.limits().reshape(2, 2, 42)
    assert bool((limits == limits[:, :, :1]).all())
    assert encoder.feature.tolist() == [*range(84), *range(84)]
    greatest = changed.reshape(400, 2, 42).max((0, 2))
    assert limits[:, :, 0].tolist() == [[g // 3 for g in greatest], [2 * int(g) // 3 for g in greatest]]


def test_convolutions_read_edges(tmp_path: Path) -> None:
    edges = {"encoder.edges.levels": 2, "encoder.edges.plane": 1, "epochs": 2}
    recipe, data = recipe_from(SMALL).changed(edges), bars()
    result = train(recipe, data=data, output=tmp_path / "run", progress=False)
    assert result.model.layers[0].in_channels == 2 + 4 * 2
    classes = result.network.evaluate(data.test_x).classes
    assert float(np.mean(classes == data.test_y)) == result.metrics["hard_accuracy"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoder.planes": False}, r"layers.0: convolution: the .* signals that it reads are no image"),
        ({"encoder.threshold_rate": 0.1}, r"threshold_rate lets the thresholds of single features learn"),
        ({"encoder.edges.levels": 1, "encoder.edges.plane": 2}, r"plane is 2; the image has 2, counted from 0"),
        ({"layers.0.groups": 3}, r"layers.0: convolution: 2 input channels do not divide into 3 groups"),
        ({"layers.2.size": 4}, r"layers.2: convolution: a window of 4 x 4 does not fit into the image of 3 x 3"),
        ({"layers.3.reads": [0, 5]}, r"layer 3 reads 5; it may read 0..3"),
        ({"layers.3.reads": [0, 0]}, r"layer 3 reads \[0, 0\]; name at least one source, and none twice"),
        ({"layers.3.reads": [0, -1]}, r"\[layers\] reads: a number is -1; it must be at least 0"),
        ({"layers.3.reads": 2}, r"\[layers\] reads is 2; it must be a list of whole numbers"),
        ({"layers.2.reads": [0, 2]}, r"layers.2: convolution: the 138 signals that it reads are no image"),
        ({"layers.1.width": 3}, r"layers.1: \[layers\] has no setting 'width'"),
        ({"layers.0.root": "or"}, r"root is 'or'.*legal are residual, gaussian, and"),
    ],
)
def test_refuses(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_model(recipe_from(SMALL).changed(settings), bars())


def test_samples_that_are_no_images_are_refused() -> None:
    with pytest.raises(InputError, match="planes is true, but the samples are no images"):
        build_model(recipe_from(SMALL), replace(bars(), image=None))


def test_layers_have_learning_rates_of_their_own() -> None:
    recipe = recipe_from(SMALL).changed({"layers.0.rate": 0.25, "layers.2.rate": 0.25})
    model = build_model(recipe, bars())
    gates, head, *choices = make_optimizer(recipe, model).param_groups
    assert (gates["first_rate"], head["first_rate"]) == (0.25 * 0.05, 0.05)
    assert [group["first_rate"] for group in choices] == [0.05, 0.05]
    assert [id(weight) for weight in gates["params"]] == [id(model.layers[i].weight) for i in (0, 2)]


def test_layers_learn_until_a_share_of_the_epochs(tmp_path: Path) -> None:
    recipe, data = recipe_from(SMALL).changed({"layers.0.learns_until": 0.5, "epochs": 4}), bars()
    weights = []

    def seen(epoch: Epoch) -> None:
        folder = tmp_path / "run" / "state" / f"epoch-{epoch.epoch:05}"
        weights.append([layer.weight for layer in load_checkpoint(folder).gate_layers])

    result = train(recipe, data=data, output=tmp_path / "run", progress=False, on_epoch=seen)
    changes = [[not torch.equal(*pair) for pair in zip(*both, strict=True)] for both in pairwise(weights)]
    assert changes == [[True, True, True], [False, True, True], [False, True, True]]
    assert all(parameter.requires_grad for parameter in result.model.parameters())
    plain = recipe.changed({"layers.0.learns_until": 1.0})
    whole = train(plain, data=data, output=tmp_path / "plain", progress=False)
    assert whole.history[0] != result.history[0]  # the schedule was shorter
    with pytest.raises(InputError, match=r"learns_until is 0.5 at most, so that nothing learns in the last epochs"):
        recipe.changed({"layers.2.learns_until": 0.5, "layers.3.learns_until": 0.2})


def test_settings_by_name_reach_the_layers_that_have_them() -> None:
    changed = recipe_from(SMALL).changed({"estimator": "gumbel", "candidates": 9})
    assert [getattr(layer, "estimator", None) for layer in changed.layers] == ["gumbel", None, "gumbel", "gumbel"]
    assert [changed.layers[i].wiring.candidates for i in (2, 3)] == [9, 9]
    with pytest.raises(InputError, match="widths is not enough, as the layers differ"):
        recipe_from(SMALL).changed({"widths": [10, 10]})


def test_kernels_whose_channels_do_not_vary_are_drawn_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    until = {"layers.0.revive_until": 0.6, "layers.2.revive_until": 0.6}
    until["layers.0.learns_until"] = 0.5
    recipe, data = recipe_from(SMALL).changed({**until, "epochs": 5, "learning_rate": 0.3}), bars()
    drawn: list[int] = []
    redraw = LogicConv2d.redraw

    def counted(layer: LogicConv2d, kernels: torch.Tensor) -> torch.Tensor:
        leaves, weight = layer.leaves().clone(), layer.weight.detach().clone()
        rows = redraw(layer, kernels)
        assert rows.tolist() == kernels.repeat_interleave(2**layer.depth - 1).tolist()
        assert torch.equal(layer.leaves()[~kernels], leaves[~kernels])
        assert torch.equal(layer.weight[~rows], weight[~rows])
        assert not rows.any() or not torch.equal(layer.weight[rows], weight[rows])
        layer._require_leaves()
        drawn.append(int(kernels.sum()))
        return rows

    monkeypatch.setattr(LogicConv2d, "redraw", counted)
    straight = train(recipe, data=data, output=tmp_path / "straight", progress=False)
    assert len(drawn) == 2 + 3  # before the second and the third epoch, and before the fourth in the layer that learns
    assert sum(drawn) > 3
    with pytest.raises(CutOffError):
        train(recipe, data=data, output=tmp_path / "cut", progress=False, on_epoch=cut_off_after(2))
    resumed = train(recipe, data=data, output=tmp_path / "cut", resume=True, progress=False)
    assert resumed.history == straight.history
    assert resumed.network == straight.network
