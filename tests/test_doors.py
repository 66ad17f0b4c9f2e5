"""What has the wrong kind is one sentence at the door of nn's and training's public functions, not Python's error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import lgn_edge
from lgn_edge.cli import app
from lgn_edge.errors import InputError
from lgn_edge.network import Network
from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, LookupDense, Threshold, discretise, soft_evaluation
from lgn_edge.nn.onnx_export import layers_as_nodes
from lgn_edge.onnx_model.runtime import onnxruntime_session, reference_session
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


@pytest.mark.parametrize("shift", [8, 10**9])
def test_images_are_not_moved_out_of_sight(shift: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"shift is {shift}, but images are 8 x 8; choose less than 8"):
        plan_training(load_recipe("digits", [f"data.shift={shift}"]))


def test_a_score_has_no_class_at_any_door(tmp_path: Path) -> None:
    """A head of one class gives a number; the first maximum of one number would be class 0 of whatever sample."""
    score = network(layers=[LogicDense(4, 30, seed=1)], head=GroupSum(30, 1)).eval()
    x = np.array([[0, 0, 0, 0], [0, 0, 1, 1], [0, 1, 0, 1], [1, 1, 1, 1]], np.uint8)
    numbers = score.scores(torch.from_numpy(x)).numpy()
    assert len(set(numbers.ravel().tolist())) > 1
    model, samples, labels = tmp_path / "score.onnx", tmp_path / "x.npy", tmp_path / "y.npy"
    exported = lgn_edge.export(score, model)
    artifact = lgn_edge.build(model, "native", tmp_path / "built")
    np.save(samples, x)
    np.save(labels, np.zeros(4, np.int64))
    doors: dict[str, Callable[[], object]] = {
        "torch": lambda: score.predict(torch.from_numpy(x)),
        "network": lambda: exported.evaluate(x).classes,
        "artifact": lambda: artifact.predict(x).classes,
        "ONNX Runtime": lambda: onnxruntime_session(model)(x).classes,
        "evaluator": lambda: reference_session(model)(x).classes,
    }
    for door, enter in doors.items():
        with pytest.raises(InputError, match=r"has no classes; read `scores`"):
            print(door, enter())
    with pytest.raises(InputError, match="the network has no output 'class'; its head gives scores, logits"):
        lgn_edge.export(score, tmp_path / "class.onnx", outputs=["class"])
    for form in (model, artifact.folder):
        done = CliRunner().invoke(app, ["run", str(form), "-i", str(samples), "--labels", str(labels)])
        assert (done.exit_code, done.stdout) == (2, "")
        assert "gives a score or bits and has no classes to compare; leave --labels out" in done.stderr
        done = CliRunner().invoke(app, ["run", str(form), "-i", str(samples)])
        assert done.stdout.split() == [str(number) for number in numbers.ravel()]


# Each number that a user can give, far beyond what it can be.
HUGE: dict[str, Call] = {
    "Artifact.predict": lambda model, n: lgn_edge.build(model, "native", "built").predict(
        X[:, :1].repeat(4, 1), threads=n
    ),
    "onnxruntime_session": lambda model, n: onnxruntime_session(model, threads=n),
    "onnx_session": lambda model, n: lgn_edge.onnx_session(model, threads=n),
    "verify samples": lambda model, n: lgn_edge.verify(model, samples=n),
    "verify seed": lambda model, n: lgn_edge.verify(model, seed=n),
    "build flash": lambda model, n: lgn_edge.build(model, "cortex-m0", "out", flash=n),
    "build ram": lambda model, n: lgn_edge.build(model, "cortex-m0", "out", ram=n),
    "build clock_hz": lambda model, n: lgn_edge.build(model, "cortex-m0", "out", clock_hz=n),
    "build batch": lambda model, n: lgn_edge.build(model, "cortex-m0", "out", batch=n),
    **{
        f"recipe {path}": lambda _, n, path=path: load_recipe("digits", [f"{path}={n}"])
        for path in (
            *("training.epochs", "training.batch", "training.patience", "training.seed", "training.threads"),
            *("data.shift", "encoder.levels", "layers.0.width", "layers.0.repeat"),
        )
    },
    "LogicDense": lambda _, n: LogicDense(n, 4),
    "LogicDense seed": lambda _, n: LogicDense(4, 4, seed=n),
    "GroupSum": lambda _, n: GroupSum(n, 4),
    "Threshold.bits": lambda _, n: Threshold.bits(n),
}


@pytest.mark.parametrize("number", [-(10**20), 10**20])
@pytest.mark.parametrize("door", HUGE)
def test_a_number_is_bounded(door: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lgn_edge.export(network(), "model.onnx")
    with pytest.raises(InputError, match=f"{number}"):
        HUGE[door]("model.onnx", number)
    assert not Path("out").exists()


BUILD = ("build", "model.onnx", "-t", "cortex-m0", "-o", "out")
RUN = ("run", "model.onnx", "-i", "x.npy")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((*RUN, "--threads", "99999999"), "threads is 99999999; it must be 1 to 1024"),
        ((*RUN, "--threads", "0"), "threads is 0; it must be 1 to 1024"),
        ((*RUN, "--scale", "inf"), "scale is inf; it must be positive and finite"),
        ((*RUN, "--scale", "-1"), "scale is -1.0; it must be positive"),
        (("verify", "model.onnx", "--samples", "99999999999"), "samples is 99999999999; it must be 1 to 1000000"),
        (("verify", "model.onnx", "--samples", "0"), "samples is 0; it must be 1 to 1000000"),
        (("verify", "model.onnx", "--seed", "-1"), "seed is -1; it must be 0 to "),
        ((*BUILD, "--flash", "9" * 30), "is not a size; write bytes, or 64K, or 1M"),
        ((*BUILD, "--ram", "999999999999M"), "ram is 1048575999998951424; it must be 1 to "),
        ((*BUILD, "--clock", "9" * 400), "is not a clock"),
        ((*BUILD, "--batch", "99999999"), "cannot take 99999999 samples at once; choose 1 or 32"),
        (("train", "digits", "--set", "training.threads=99999999"), "threads is 99999999; it must be 0 to 1024"),
        (("train", "digits", "--set", "layers.0.width=2000000000"), "the recipe's 4,000,000,000 gates take 59.6 GiB"),
        (("train", "digits", "--set", "layers.0.repeat=2000000000"), "repeat is 2000000000; it must be 1 to 10000"),
    ],
)
def test_a_number_of_a_command_is_bounded(
    words: tuple[str, ...], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lgn_edge.export(network(), "model.onnx")
    np.save("x.npy", np.eye(4, dtype=np.uint8))
    done = CliRunner().invoke(app, list(words))
    assert (done.exit_code, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert text in line
    assert {path.name for path in tmp_path.iterdir()} == {"model.onnx", "x.npy"}


def test_a_name_of_ours_is_taken_as_it_is_or_refused(tmp_path: Path) -> None:
    for name, meant in [
        ("../../evil", "evil"),
        ("my model", "my_model"),
        ("MNIST", "mnist"),
        ("a__b", "a_b"),
        ("_a", "a"),
        ("x" * 300, "x" * 64),
        ("größe", "gr_e"),
    ]:
        with pytest.raises(InputError, match=f"would be another one in C symbols; .* such as '{meant}'"):
            lgn_edge.build(network_of_four(), "c", tmp_path / "out", name=name)
        assert not list(tmp_path.iterdir())
    built = lgn_edge.build(network_of_four(), "c", tmp_path / "out", name="my_model2")
    assert built.name == "my_model2"
    long = replace(network_of_four(), name="a name " * 99)
    assert lgn_edge.build(long, "c", tmp_path / "long").name == ("a_name_" * 10)[:64].rstrip("_")


def network_of_four() -> Network:
    return discretise(network())


def test_one_output_may_be_a_word(tmp_path: Path) -> None:
    written = lgn_edge.export(network(), tmp_path / "model.onnx", outputs="class")
    assert lgn_edge.load(tmp_path / "model.onnx") == written
