"""What has the wrong kind is one sentence at the door of nn's and training's public functions, not Python's error."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lgn_edge
from lgn_edge.errors import InputError
from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, LookupDense, Threshold, discretise, soft_evaluation
from lgn_edge.nn.onnx_export import layers_as_nodes
from lgn_edge.training import (
    Dataset,
    load_checkpoint,
    load_dataset,
    load_recipe,
    plan_training,
    save_checkpoint,
    train,
)

Call = Callable[..., Any]

ENCODER, LAYER, HEAD = Threshold.bits(4), LogicDense(4, 4, seed=1), GroupSum(4, 2)
X, Y = np.arange(8, dtype=np.uint8).reshape(4, 2), [0, 1, 1, 0]


def network(**given: Any) -> LogicGateNetwork:
    return LogicGateNetwork(**{"encoder": ENCODER, "layers": [LAYER], "head": HEAD, **given})


def soft(model: Any) -> None:
    with soft_evaluation(model):
        pass


def nodes(model: Any) -> None:
    with layers_as_nodes(model):
        pass


# Each function with arguments that it takes, and what it does not take by argument.
WRONG: dict[str, tuple[Call, dict[str, Any], dict[str, list[Any]]]] = {
    "LogicDense": (
        LogicDense,
        {"in_features": 4, "out_features": 4},
        {
            "in_features": [4.0, "4", None, True, -1, [4]],
            "out_features": [4.0, "4", None, 0],
            "parametrization": [1, None, ["light"]],
            "estimator": [torch.nn.Sigmoid, None, ["soft"]],
            "temperature": ["1", None, 0, float("nan")],
            "init": [0, None, torch.nn.init.normal_],
            "init_shift": ["0", None, -1],
            "wiring": [None, 1, ["random"]],
            "lanes": ["32", 2.5, 0],
            "candidates": ["32", 2.5, 0],
            "seed": ["0", 1.5, -1],
        },
    ),
    "LookupDense": (
        LookupDense,
        {"in_features": 4, "out_features": 4, "arity": 3},
        {"in_features": [4.0], "arity": ["3", 3.0, None, 2, 7], "estimator": [None], "temperature": ["1"]},
    ),
    "GroupSum": (
        GroupSum,
        {"in_features": 4, "classes": 2},
        {"in_features": ["4", 4.0, None], "classes": ["2", 2.0, None, 0], "tau": ["1", None, 0], "beta": ["0", None]},
    ),
    "Threshold": (
        Threshold,
        {"n_features": 1, "feature": [0], "threshold": [0.5]},
        {
            "n_features": ["1", 1.0, None],
            "feature": ["a", None, [0.5], 0],
            "threshold": ["a", None, [None], 0.5],
            "input_dtype": [None, 1, ["uint8"], np.float32],
        },
    ),
    "Threshold.bits": (Threshold.bits, {"n": 4}, {"n": ["4", 4.0, None, 0]}),
    "Threshold.thermometer": (
        Threshold.thermometer,
        {"samples": X, "levels": 2},
        {
            "samples": [None, "x", X.tolist(), X.astype(np.float64), [[1], [1, 2]]],
            "levels": ["2", 2.0, None],
            "spacing": [None, 1],
            "multiple": ["1", 1.5],
        },
    ),
    "Threshold.learn": (
        Threshold.bits(4).learn,
        {"scale": torch.ones(4), "width": 0.1},
        {"scale": [1.0, None, torch.ones(3), np.ones(4)], "width": ["0.1", None]},
    ),
    "LogicGateNetwork": (
        network,
        {},
        {
            "encoder": [None, Threshold, torch.nn.Identity()],
            "layers": [LogicDense, LAYER, None, [], [LogicDense], [torch.nn.Linear(4, 4)], "layers"],
            "head": [None, GroupSum, torch.nn.Linear(4, 2)],
            "name": [None, 1],
            "class_names": ["ab", 2, ["a"], ["a", "a"]],
            "provenance": ["text", ["a"], {"a": 1}, {1: "a"}],
        },
    ),
    "soft_evaluation": (soft, {"model": LAYER}, {"model": [None, LogicDense, "model"]}),
    "layers_as_nodes": (nodes, {"model": LAYER.eval()}, {"model": [None, LogicDense, "model"]}),
    "discretise": (discretise, {"module": network()}, {"module": [None, LogicDense, "model", LAYER]}),
    "export": (
        lambda source: lgn_edge.export(source, "model.onnx"),
        {"source": network()},
        {"source": [None, LogicGateNetwork, 3, LAYER]},
    ),
    "load_recipe": (
        load_recipe,
        {"source": "digits"},
        {"source": [None, 1, {"name": "x"}], "overrides": ["epochs=3", [3], ["epochs"], [("epochs", 3)]]},
    ),
    "Recipe.changed": (load_recipe("digits").changed, {"settings": {}}, {"settings": ["epochs=3", ["epochs=3"], None]}),
    "load_dataset": (load_dataset, {"name": "digits"}, {"name": [None, 1, Path("digits")], "folder": [1, ["data"]]}),
    "Dataset": (
        partial(Dataset, "x", test_x=X, test_y=Y),
        {"train_x": X, "train_y": Y, "class_names": ["a", "b"], "input_dtype": "uint8"},
        {"class_names": [None, 2], "input_dtype": [None, 1], "train_x": [None, "x"], "train_y": [None, 1, "ab"]},
    ),
    "save_checkpoint": (
        save_checkpoint,
        {"model": network(), "folder": "checkpoint"},
        {"model": [None, LAYER, network().state_dict()], "folder": [None, 1], "recipe": ["digits", {}]},
    ),
    "load_checkpoint": (load_checkpoint, {"folder": "checkpoint"}, {"folder": [None, 1, network()]}),
    "plan_training": (plan_training, {"recipe": "digits"}, {"recipe": [None, {}, 1], "data": [(X, Y), 1, X]}),
    "train": (
        train,
        {"recipe": "digits", "output": "run"},
        {
            "recipe": [None, {}, 1],
            "data": [(X, Y), 1, X],
            "output": [None, 1],
            "resume": ["yes", 1, None],
            "start_from": [1, network()],
            "progress": ["no", None],
            "tensorboard": ["no", 1],
            "on_epoch": ["print", 1],
        },
    ),
}


@pytest.mark.parametrize(
    ("function", "argument"), [(name, argument) for name, (_, _, wrong) in WRONG.items() for argument in wrong]
)
def test_the_wrong_kind_is_one_sentence(
    function: str, argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call, given, wrong = WRONG[function]
    for value in wrong[argument]:
        with pytest.raises(InputError) as caught:
            call(**{**given, argument: value})
        message = str(caught.value)
        assert "\n" not in message
        assert "; " in message or ": " in message, message  # what is wrong, and what is right
    assert not list(tmp_path.iterdir())


def test_a_model_of_torch_where_a_file_belongs(tmp_path: Path) -> None:
    for take in (lgn_edge.load, lgn_edge.verify, partial(lgn_edge.build, target="native", output=tmp_path / "out")):
        with pytest.raises(InputError, match=r"model is a LogicGateNetwork; give .* export a network of torch first"):
            take(network())
    with pytest.raises(InputError, match="output is a LogicGateNetwork; give the name of the ONNX file to write"):
        lgn_edge.export("model.onnx", network())


def test_one_output_may_be_a_word(tmp_path: Path) -> None:
    written = lgn_edge.export(network(), tmp_path / "model.onnx", outputs="class")
    assert lgn_edge.load(tmp_path / "model.onnx") == written
