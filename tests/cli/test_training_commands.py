"""train, export, verify with a checkpoint, and the demo: a small real run, once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import lgn_edge
from lgn_edge.cli import app
from lgn_edge.errors import InputError
from lgn_edge.network import flatten
from lgn_edge.nn.kernels import gpu
from lgn_edge.passes import simplify
from lgn_edge.training import load_checkpoint
from lgn_edge.verification import Outcome
from tests.verification.planting import flipped_table_bit

SMALL = ("--set", "epochs=1", "--set", "widths=[60, 40]", "--set", "threads=1")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a short training."""
    from typer.testing import CliRunner

    folder = tmp_path_factory.mktemp("trained") / "run"
    done = CliRunner().invoke(app, ["train", "digits", "-o", str(folder), *SMALL, "--json"])
    assert done.exit_code == 0, done.stderr
    assert '"hard_accuracy"' in done.stdout
    return folder


def test_a_dry_run_trains_nothing(lgn_edge_command, tmp_path):
    done = lgn_edge_command("train", "digits", "-o", tmp_path / "run", *SMALL, "--dry-run")
    assert done.code == 0, done.stderr
    for part in ("layer 1", "40 gates", "parameters", "memory", "kernels"):
        assert part in done.stdout
    assert not (tmp_path / "run").exists()
    plan = json.loads(lgn_edge_command("train", "digits", *SMALL, "--dry-run", "--json").stdout)["plan"]
    assert plan["gates"] == 100
    assert plan["parameters"] == 400


@pytest.mark.parametrize("recipe", ["mnist-conv", "cifar10-conv", "adult"])
def test_a_dry_run_without_the_data_says_what_the_recipe_says(lgn_edge_command, monkeypatch, tmp_path, recipe):
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("no network here")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    done = lgn_edge_command("train", recipe, "--data", tmp_path, "--dry-run")
    assert done.code == 0, done.stderr
    assert "gates stored" in done.stdout
    assert "not known" in done.stdout
    assert "without its data a recipe says only this; data set" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    plan = json.loads(lgn_edge_command("train", recipe, "--data", tmp_path, "--dry-run", "--json").stdout)["plan"]
    assert plan["gates_stored"] == sum(layer["gates_stored"] for layer in plan["layers"]) > 0
    assert not {"parameters", "memory_bytes", "gates"} & plan.keys()


def test_train_says_when_kernels_are_missing(lgn_edge_command, monkeypatch, tmp_path):
    monkeypatch.setattr("lgn_edge.nn.kernels.cpu.missing", lambda: "no compiler here")
    done = lgn_edge_command("train", "digits", "-o", tmp_path / "run", *SMALL)
    assert done.code == 0, done.stderr
    assert "layers run in torch, without compiled kernels: no compiler here" in done.stderr


def test_a_dry_run_says_when_kernels_are_missing(lgn_edge_command, monkeypatch, tmp_path):
    monkeypatch.setattr("lgn_edge.nn.kernels.gpu.find_spec", lambda _: None)
    gpu.missing.cache_clear()
    try:
        done = lgn_edge_command("train", "digits", *SMALL, "--set", "device=cuda", "--dry-run")
    finally:
        gpu.missing.cache_clear()
    assert "layers run in torch, without compiled kernels: Triton is not installed; pip install triton" in done.stderr


def test_train_again_needs_resume(lgn_edge_command, trained):
    again = ("train", "digits", "-o", trained, *SMALL)
    done = lgn_edge_command(*again)
    assert (done.code, done.stdout) == (2, "")
    assert "holds a training run already" in done.stderr
    resumed = lgn_edge_command(*again, "--resume")
    assert resumed.code == 0, resumed.stderr
    assert "hard accuracy" in resumed.stdout
    assert resumed.stderr.splitlines()[-1].startswith("next: lgn-edge export")


def test_train_extends_a_run_and_starts_from_one(lgn_edge_command, trained, tmp_path):
    start = ("train", "digits", "-o", "tuned", "--start-from", trained, *SMALL)
    done = lgn_edge_command(*start)
    assert done.code == 0, done.stderr
    extended = lgn_edge_command("train", "digits", "-o", "tuned", "--resume", *SMALL, "--set", "training.epochs=2")
    assert extended.code == 0, extended.stderr
    assert load_checkpoint(tmp_path / "tuned").provenance["started_from"]
    assert (tmp_path / "tuned" / "history.csv").read_text().count("\n") == 3
    other = lgn_edge_command(*start, "-o", "other", "--set", "layers.1.width=50")
    assert (other.code, other.stdout) == (2, "")
    assert "it has out_features 40 in layer 1, but the recipe says 50; give it the same layers" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["digit"], "did you mean digits"),
        (["missing.toml"], "missing.toml"),
        (["digits", "--set", "epoch=3"], "did you mean epochs"),
        (["digits", "--set", "epochs"], "key=value"),
        (["digits", "--set", "epochs=many"], "whole number"),
    ],
)
def test_train_names_mistakes(lgn_edge_command, tmp_path, arguments, text):
    done = lgn_edge_command("train", *arguments, "-o", "run")
    assert (done.code, done.stdout) == (2, "")
    assert text in done.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_export(lgn_edge_command, trained):
    done = lgn_edge_command("export", trained, "-o", "model.onnx")
    assert (done.code, done.stdout) == (0, "model.onnx\n")
    assert "2 layers, 100 gates, 10 outputs" in done.stderr
    assert lgn_edge.load("model.onnx").provenance["dataset"] == "digits"


def test_export_to_a_folder_that_is_not_there(lgn_edge_command, trained, tmp_path):
    done = lgn_edge_command("export", trained, "-o", "nowhere/model.onnx")
    assert (done.code, done.stdout) == (2, "")
    assert "nowhere" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_public_export_takes_every_form(trained, tmp_path):
    model = load_checkpoint(trained)
    network = lgn_edge.export(model, tmp_path / "a.onnx")
    assert lgn_edge.export(trained, tmp_path / "b.onnx") == network
    assert lgn_edge.export(network, tmp_path / "c.onnx") == network == lgn_edge.load(tmp_path / "a.onnx")
    with pytest.raises(InputError, match="cannot export a list"):
        lgn_edge.export([1, 2], tmp_path / "d.onnx")


def test_verify_runs_the_checkpoint_on_the_data_set_of_the_model(trained, tmp_path):
    network = lgn_edge.export(trained, tmp_path / "model.onnx")
    options = {"backends": ["circuit", "torch"], "samples": 100}
    report = lgn_edge.verify(tmp_path / "model.onnx", checkpoint=trained, **options)
    assert report.ok
    assert report.vectors[0] == "data"
    assert report.results[1].subject == str(trained)

    other = flipped_table_bit(network, 1, 7).change(network)
    report = lgn_edge.verify(other, checkpoint=trained, **options)
    row = report.results[1]
    assert row.outcome is Outcome.DIFFERENT
    assert "as a whole: a fresh one made from this network agrees" in row.location.text


def test_demo(lgn_edge_command, tmp_path):
    done = lgn_edge_command("demo", "-o", "out", *SMALL, "--json")
    assert done.code == 0, done.stderr
    result = done.json
    assert (result["schema"], result["dataset"], result["gates"]) == (1, "digits", 100)
    network = lgn_edge.load("out/model.onnx")
    assert result["gates_simplified"] == simplify(flatten(network))[0].n_gates
    assert {row["backend"]: row["outcome"] for row in result["report"]["results"]} == dict.fromkeys(
        [
            "reference",
            "circuit",
            "torch",
            "onnx-reference",
            "onnxruntime",
            "onnxruntime-plain",
            "onnxruntime-standard",
            "onnxruntime-library",
            "onnxruntime-fused",
            "native",
            "cortex-m4",
        ],
        "equal",
    )
    assert result["firmware"]["flash_bytes"] > 0
    assert result["samples_per_second"] > 0
    for form in ("native", "cortex-m4"):
        assert lgn_edge.load_artifact(tmp_path / "out" / form).selftest()
    again = lgn_edge_command("demo", "-o", "out", *SMALL)
    assert again.code == 0
    for text in ("accuracy, discrete", "cortex-m4 flash", "11 equal, 0 different, 0 not run"):
        assert text in again.stdout


def test_demo_without_the_data(lgn_edge_command, monkeypatch, tmp_path):
    import urllib.request

    def offline(*arguments, **options):
        raise OSError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    done = lgn_edge_command("demo", "--dataset", "mnist", "--data", tmp_path / "empty", "-o", "out")
    assert (done.code, done.stdout) == (2, "")
    assert "mnist" in done.stderr.splitlines()[-1]
