from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from lgn_edge.errors import InputError
from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, LookupDense, Threshold, discretise
from lgn_edge.training import load_checkpoint, load_dataset, save_checkpoint
from lgn_edge.training.checkpoint import read_document

DIGITS = Path(__file__).parents[1] / "data" / "digits"


def model() -> LogicGateNetwork:
    encoder = Threshold(3, [0, 1, 2, 1], [0.5, -1.0, 2.25, 0.0])
    first = LogicDense(4, 8, wiring="aligned", lanes=4, estimator="gumbel", parametrization="raw", seed=1)
    second = LogicDense(8, 6, parametrization="light-sine", init="gaussian", wiring="unique")
    head = GroupSum(6, 2, 2.5, -0.5)
    return LogicGateNetwork(
        encoder, [first, second], head, name="both", class_names=["no", "yes"], provenance={"dataset": "none"}
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_checkpoint(model(), tmp_path / "saved", metrics={"hard_accuracy": 0.5})
    return tmp_path / "saved"


def change(folder: Path, **values: object) -> None:
    document = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(document | values))


def test_round_trip(tmp_path: Path) -> None:
    saved = model()
    save_checkpoint(saved, tmp_path / "x")
    loaded = load_checkpoint(tmp_path / "x")
    assert not loaded.training
    assert discretise(loaded) == discretise(saved)
    assert loaded.state_dict().keys() == saved.state_dict().keys()
    assert all(torch.equal(tensor, saved.state_dict()[name]) for name, tensor in loaded.state_dict().items())
    assert [layer.config() for layer in loaded.logic] == [layer.config() for layer in saved.logic]
    assert dict(discretise(loaded).provenance) == {"dataset": "none"}


def test_round_trip_of_learned_thresholds(tmp_path: Path) -> None:
    saved = model()
    saved.encoder.learn(torch.tensor([1.0, 2.0, 0.5, 1.0]), 0.2)
    saved.encoder.offset.data = torch.tensor([0.25, -0.1, 0.3, 1e-8])
    save_checkpoint(saved, tmp_path / "x")
    loaded = load_checkpoint(tmp_path / "x")
    assert loaded.encoder.width == 0.2
    assert discretise(loaded) == discretise(saved)
    assert discretise(loaded).encoder.threshold.tolist() == saved.encoder.limits().tolist()
    tensors = load_file(tmp_path / "x" / "model.safetensors")
    save_file(tensors | {"encoder.offset": torch.full((4,), float("nan"))}, tmp_path / "x" / "model.safetensors")
    with pytest.raises(InputError, match="offsets of its thresholds are no finite numbers"):
        load_checkpoint(tmp_path / "x")


def test_round_trip_of_gates_with_more_inputs(tmp_path: Path) -> None:
    layers = [LookupDense(4, 6, arity=4, init="gaussian", seed=1), LookupDense(6, 4, arity=3, seed=2)]
    saved = LogicGateNetwork(Threshold(3, [0, 1, 2, 1], [0.5, -1.0, 2.25, 0.0]), layers, GroupSum(4, 2))
    save_checkpoint(saved, tmp_path / "x")
    loaded = load_checkpoint(tmp_path / "x")
    assert discretise(loaded) == discretise(saved)
    assert [layer.config() for layer in loaded.logic] == [layer.config() for layer in saved.logic]
    tensors = load_file(tmp_path / "x" / "model.safetensors")
    save_file(tensors | {"layers.0.wires": tensors["layers.0.wires"] + 1}, tmp_path / "x" / "model.safetensors")
    with pytest.raises(InputError, match=r"layer 0: wires leaves its inputs 0\.\.3"):
        load_checkpoint(tmp_path / "x")


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    saved = model()
    for name in ("x", "y", "y"):  # y is replaced
        save_checkpoint(saved, tmp_path / name)
    for file in ("model.json", "model.safetensors"):
        assert (tmp_path / "x" / file).read_bytes() == (tmp_path / "y" / file).read_bytes()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"version": 4}, r"model.json has version 4 .* reads versions 1, 2, 3: use"),
        ({"layers": [{"kind": "other"}]}, "layer 0 is of kind 'other'; legal are dense, lookup, conv, pool"),
        ({"format": "other"}, "does not describe a lgn-edge checkpoint"),
        ({"layers": []}, "model.json"),
        ({"layers": [{}]}, "in_features is missing"),
        ({"head": {"classes": 4}}, "4 classes do not divide the 6"),
        ({"head": {"classes": "2"}}, "classes is '2'; it must be a whole number"),
        ({"class_names": ["one"]}, "1 class names for 2 classes"),
        ({"encoder": {"n_features": 2, "input_dtype": "float32"}}, "outside the 2 inputs"),
    ],
)
def test_refuses_descriptions(folder: Path, values: dict[str, object], message: str) -> None:
    change(folder, **values)
    with pytest.raises(InputError, match=message):
        load_checkpoint(folder)


def test_refuses_files(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere does not exist; check the name, or give the folder of a checkpoint"):
        load_checkpoint(tmp_path / "nowhere")
    tensors = folder / "model.safetensors"
    whole = tensors.read_bytes()
    for size in (0, 4, 100, len(whole) - 1):
        tensors.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"model\.safetensors is damaged or cut short"):
            load_checkpoint(folder)
    tensors.unlink()
    with pytest.raises(InputError, match=r"cannot read .*model.safetensors"):
        load_checkpoint(folder)
    (folder / "model.json").write_text("{")
    with pytest.raises(InputError, match=r"model\.json is damaged"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("layers.0.weight", torch.zeros(8, 4), r"layer 0: weight is torch.float32 \[8, 4\]"),
        ("layers.0.a", torch.zeros(8), "layer 0: a is torch.float32"),
        ("layers.1.b", torch.full((6,), 8, dtype=torch.int32), r"layer 1: b leaves its inputs 0..7"),
        ("layers.1.weight", torch.full((6, 4), float("nan")), "layer 1: a weight is not finite"),
        ("head.tau", torch.zeros(()), "tau is 0.0"),
        ("extra", torch.zeros(1), "extra belongs to no part"),
        ("encoder.threshold", None, "encoder.threshold is missing"),
    ],
)
def test_refuses_tensors(folder: Path, name: str, tensor: torch.Tensor | None, message: str) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors.pop(name, None)
    if tensor is not None:
        tensors[name] = tensor
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(InputError, match=message):
        load_checkpoint(folder)


def test_the_digits_checkpoint_reaches_what_it_says() -> None:
    data = load_dataset("digits")
    network = discretise(load_checkpoint(DIGITS))
    metrics = read_document(DIGITS)["metrics"]
    right = network.evaluate(data.test_x).classes == data.test_y
    assert float(np.mean(right)) == metrics["hard_accuracy"] >= 0.95
    assert network.n_gates == metrics["gates"] <= 2000
    assert network.class_names == data.class_names
    assert network.provenance["dataset"] == "digits"
