"""Each command: done, typo, missing file, wrong file; stdout is data, stderr is talk, nothing half-written."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from lgn_edge.artifact import build
from lgn_edge.network import flatten
from lgn_edge.onnx_model import read, write
from lgn_edge.onnx_model.runtime import onnxruntime_session
from lgn_edge.targets.registry import TARGETS
from lgn_edge.verification.backends.circuit import CircuitBackend
from tests.cli.conftest import small_network
from tests.strategies import convolutional_network, random_image_network
from tests.verification.planting import flipped_table_bit

NETWORK = small_network()
FAST = ("--backend", "circuit", "--backend", "onnxruntime", "--samples", "50")

BAD_MODELS = [
    ("missing.onnx", "missing.onnx"),
    ("text.onnx", "text.onnx"),
    ("truncated.onnx", "truncated.onnx"),
    ("folder", "folder"),
]


def refused(done, *texts: str) -> None:
    """A mistake of the user: exit code 2, one line on stderr behind the talk, no data, nothing left behind."""
    assert done.code == 2, done
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    for text in texts:
        assert text in last
    assert not list(Path.cwd().iterdir())


@pytest.mark.parametrize("command", [["inspect"], ["verify"], ["build", "-t", "native", "-o", "out"]])
@pytest.mark.parametrize(("name", "text"), BAD_MODELS)
def test_a_bad_model_is_refused_by_name(lgn_edge_command, files, command, name, text):
    refused(lgn_edge_command(command[0], files / name, *command[1:]), text)


@pytest.mark.parametrize(("name", "text"), BAD_MODELS)
def test_run_refuses_a_bad_model(lgn_edge_command, files, name, text):
    refused(lgn_edge_command("run", files / name, "--input", files / "samples.npy"), text)


@pytest.mark.parametrize("folder", ["run", "run/model"])
@pytest.mark.parametrize("words", [("inspect",), ("build", "-t", "c", "-o", "out"), ("verify",), ("run", "-i")])
def test_a_folder_of_training_is_exported_first(lgn_edge_command, files, tmp_path_factory, folder, words):
    place = tmp_path_factory.mktemp("a run") / folder
    model = place if folder.endswith("model") else place / "model"
    model.mkdir(parents=True)
    (model / "model.json").write_text("{}")
    options = (*words[1:], *[files / "samples.npy"] * (words[0] == "run"))
    refused(
        lgn_edge_command(words[0], place, *options),
        "of training; make a model of it: lgn-edge export ",
        f"'{place}' -o model.onnx",
    )


def test_an_artifact_is_no_model(lgn_edge_command, artifact):
    for words in (("inspect", artifact), ("build", artifact, "-t", "c", "-o", "out"), ("verify", artifact)):
        refused(lgn_edge_command(*words), "is an artifact; give the model that it was built from")


@pytest.mark.parametrize(
    ("target", "gpus", "text"),
    [
        ("cuda", ("sm_70",), "kernels cannot be made for sm_70: PTX of sm_75, the oldest, does not run on it"),
        ("cuda", ("sm_90", "jetson-oren"), "unknown GPU 'jetson-oren'; did you mean jetson-orin"),
        ("native", ("sm_90",), "native is no target for NVIDIA's GPUs; leave out --arch, or build for cuda"),
    ],
)
def test_gpus_that_cannot_be_built_for(lgn_edge_command, files, tmp_path, target, gpus, text):
    options = [word for gpu in gpus for word in ("--arch", gpu)]
    refused(lgn_edge_command("build", files / "model.onnx", "-t", target, "-o", tmp_path / "gpu", *options), text)
    assert not (tmp_path / "gpu").exists()


# inspect


def test_inspect(lgn_edge_command, files):
    done = lgn_edge_command("inspect", files / "model.onnx")
    assert (done.code, done.stderr) == (0, "")
    for text in ("gates simplified", "LogicDense", "a&~b", "features used"):
        assert text in done.stdout


def test_inspect_json(lgn_edge_command, files):
    facts = lgn_edge_command("inspect", files / "model.onnx", "--json").json
    assert facts["schema"] == 1
    assert facts["gates"] == NETWORK.n_gates == sum(facts["operations"].values())
    assert facts["gates_simplified"] < facts["gates"]
    assert [layer["gates"] for layer in facts["layers"]] == [40, 30]
    assert facts["bits_used"] <= facts["bits"] == 24
    assert facts["file_bytes"] == (files / "model.onnx").stat().st_size


def test_inspect_shows_image_layers_and_a_recipe(lgn_edge_command, tmp_path):
    recipe = {"name": "it", "data": {"shift": 1, "flip": False}, "layers": [{"kind": "conv", "size": 3, "reads": []}]}
    provenance = {"varying": '{"1": 0.5, "4": 1.0}', "recipe": json.dumps(recipe), "dataset": "pixels"}
    network = dataclasses.replace(convolutional_network(1), provenance=provenance)
    write(network, tmp_path / "m.onnx")
    facts = lgn_edge_command("inspect", tmp_path / "m.onnx", "--json").json
    assert facts["layers"][2] == {
        "kind": "LogicConv2d",
        "reads": [2],
        "inputs": 1344,
        "outputs": 1792,
        "gates": 12544,
        "shape": [32, 8, 7],
        "kernels": 32,
        "field": [8, 8],
        "varying": None,
    }
    assert [layer["varying"] for layer in facts["layers"]] == [None, 0.5, None, None, 1.0]
    assert facts["provenance"] == provenance
    page = lgn_edge_command("inspect", tmp_path / "m.onnx").stdout
    lines = [" ".join(line.split()) for line in page.splitlines()]
    assert "1 OrPool2d 1 5,376 1,344 24 x 8 x 7 - 4 x 4 50.0% 4,032" in lines
    assert "data shift 1, flip no" in lines
    assert "layer 0 conv, size 3" in lines
    assert "{" not in page


@pytest.mark.parametrize("text", ["by hand", "[1]", '{"layers": [8, 4]}', "{}"])
def test_a_recipe_of_others_is_shown_as_it_is(lgn_edge_command, tmp_path, text):
    write(dataclasses.replace(NETWORK, provenance={"recipe": text, "varying": text}), tmp_path / "m.onnx")
    lines = [line.split() for line in lgn_edge_command("inspect", tmp_path / "m.onnx").stdout.splitlines()]
    assert (["layers", "8,", "4"] if "layers" in text else ["recipe", *text.split()]) in lines


@pytest.mark.parametrize("seed", range(6))
def test_every_page_counts_the_same_gates(lgn_edge_command, tmp_path, seed):
    """Also of images, whose netlists have constants for what is outside."""
    network = random_image_network(seed)
    flattened = flatten(network).n_gates
    write(network, tmp_path / "m.onnx")
    facts = lgn_edge_command("inspect", tmp_path / "m.onnx", "--json").json
    assert network.n_gates <= flattened
    assert facts["gates"] == network.n_gates == sum(facts["operations"].values())
    assert facts["gates"] == sum(layer["gates"] for layer in facts["layers"])
    assert min(facts["operations"].values()) >= 0
    assert facts["gates_stored"] == network.n_distinct
    exported = lgn_edge_command("export", tmp_path / "m.onnx", "-o", tmp_path / "again.onnx")
    report = build(network, "c", tmp_path / "built").report
    assert report["gates"] == network.n_gates
    for page in (
        repr(network),
        exported.stderr,
        (tmp_path / "built" / "include" / f"lgn_{report['name']}.h").read_text(),
    ):
        assert re.search(f"\\b({network.n_gates}|{network.n_gates:,}) gates", page)


# targets


def test_targets(lgn_edge_command):
    done = lgn_edge_command("targets")
    assert (done.code, done.stderr) == (0, "")
    assert "cortex-m4, arm" in done.stdout
    head, *_ = done.stdout.partition("  missing for ")
    assert max(map(len, head.splitlines())) <= 100
    for name in TARGETS:
        assert re.search(f"^ +{name}\\b", head, re.MULTILINE), name
    assert "  nothing is missing for c: sources run where they are compiled\n" in done.stdout
    assert not re.search(r"^  missing for .*\bc\b.*:", done.stdout, re.MULTILINE)


def test_targets_json(lgn_edge_command):
    rows = {row["name"]: row for row in lgn_edge_command("targets", "--json").json["targets"]}
    assert rows["cortex-m4"]["aliases"] == ["arm"]
    assert rows["c"]["missing"] == []
    assert [name for name, row in rows.items() if row["not_executed"]] == ["c"]
    assert all({"family", "description", "execution", "missing"} <= set(row) for row in rows.values())


def test_targets_says_what_executes_where(lgn_edge_command, monkeypatch):
    from lgn_edge import host

    monkeypatch.setattr(host.platform, "system", lambda: "Linux")
    monkeypatch.setattr(host.platform, "machine", lambda: "aarch64")
    rows = {row["name"]: row for row in lgn_edge_command("targets", "--json").json["targets"]}
    assert [rows[name]["execution"] for name in ("native", "cortex-a72", "x86-64")] == ["this CPU", "this CPU", None]
    assert rows["x86-64"]["missing"] == ["a machine for x86_64-unknown-linux-gnu"]
    monkeypatch.setattr(host.platform, "machine", lambda: "x86_64")
    rows = {row["name"]: row for row in lgn_edge_command("targets", "--json").json["targets"]}
    assert [rows[name]["execution"] for name in ("x86-64", "cortex-a72")] == ["this CPU", "unicorn"]


def test_targets_says_what_is_needed_and_what_was_executed(lgn_edge_command, files, kept):
    rows = {row["name"]: row for row in lgn_edge_command("targets", "--json").json["targets"]}
    assert rows["cortex-m4"]["needs"] == ["ziglang", "unicorn"]
    assert rows["atmega328p"]["needs"] == ["ziglang", "simavr"]
    assert rows["cortex-m4"]["last_executed"] is None
    asked = ("--backend", "cortex-m4", "--samples", 5)
    assert lgn_edge_command("verify", files / "model.onnx", *asked).code == 0
    rows = {row["name"]: row for row in lgn_edge_command("targets", "--json").json["targets"]}
    last = rows["cortex-m4"]["last_executed"]
    assert last["equal"]
    assert last["samples"] > 5
    assert last["version"].startswith("lgn-edge ")
    assert rows["cortex-m3"]["last_executed"] is None
    assert f"{last['date']}: equal" in lgn_edge_command("targets").stdout
    kept.write_text("[1]")
    assert lgn_edge_command("targets").code == 0
    kept.unlink()
    kept.mkdir()
    done = lgn_edge_command("verify", files / "model.onnx", *asked)
    assert done.code == 0
    assert "`lgn-edge targets` will not know of this run: " in done.stderr


def test_targets_says_what_is_missing(lgn_edge_command, monkeypatch):
    from lgn_edge import toolchain

    monkeypatch.setattr(toolchain, "missing", lambda: "the toolchain is at the mender's")
    done = lgn_edge_command("targets", "--json")
    assert all("the toolchain is at the mender's" in row["missing"] for row in done.json["targets"])


# build


def test_build(lgn_edge_command, files, tmp_path):
    done = lgn_edge_command("build", files / "model.onnx", "--target", "native", "-o", "host", "--name", "mine")
    assert done.code == 0, done.stderr
    assert "gates simplified" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("next: lgn-edge verify")
    assert (tmp_path / "host" / "include" / "lgn_mine.h").exists()


def test_build_json(lgn_edge_command, files):
    document = lgn_edge_command("build", files / "model.onnx", "--target", "native", "-o", "host", "--json").json
    assert document["schema"] == 1
    assert document["manifest"]["target"] == "native"
    assert document["report"]["gates"] == NETWORK.n_gates


def test_build_names_near_targets(lgn_edge_command, files):
    refused(lgn_edge_command("build", files / "model.onnx", "-t", "cortex-m5", "-o", "out"), "cortex-m5", "cortex-m4")


def test_build_refuses_a_file_as_folder(lgn_edge_command, files, tmp_path):
    (tmp_path / "out").touch()
    done = lgn_edge_command("build", files / "model.onnx", "-t", "native", "-o", "out")
    assert done.code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


# run


def test_run_prints_a_class_a_line(lgn_edge_command, files):
    done = lgn_edge_command("run", files / "model.onnx", "--input", files / "samples.npy")
    assert done.code == 0, done.stderr
    assert done.stdout.split() == [str(c) for c in np.load(files / "labels.npy")]
    assert "40 samples" in done.stderr


def test_run_an_artifact_with_labels_and_output(lgn_edge_command, files, artifact):
    done = lgn_edge_command(
        "run", artifact, "-i", files / "samples.npy", "--labels", files / "labels.npy", "-o", "out.npz", "--threads", 2
    )
    assert (done.code, done.stdout) == (0, "accuracy: 100.0000%\n")
    with np.load("out.npz") as arrays:
        assert (arrays["scores"] == NETWORK.evaluate(np.load(files / "samples.npy")).scores).all()


def test_run_names_the_classes(lgn_edge_command, files, tmp_path):
    names = ("plain", "Grün", "two\nlines\tand a tab", "d", "e", "f", "g", "h", "i", "j")[: NETWORK.head.classes]
    named = dataclasses.replace(NETWORK, class_names=names)
    write(named, tmp_path / "named.onnx")
    build(named, "native", tmp_path / "named", name="named")
    labels = np.load(files / "labels.npy").tolist()
    for form in (tmp_path / "named.onnx", tmp_path / "named"):
        done = lgn_edge_command("run", form, "-i", files / "samples.npy")
        want = [f"{c}\t{names[c]}".replace("two\nlines\tand", r"two\nlines\tand") for c in labels]
        assert done.stdout.splitlines() == want
        document = lgn_edge_command("run", form, "-i", files / "samples.npy", "--json").json
        assert document["class_names"] == list(names)
        assert document["classes"] == labels


def test_run_json(lgn_edge_command, files, artifact):
    document = lgn_edge_command("run", artifact, "-i", files / "samples.npy", "--json").json
    assert (document["schema"], document["samples"], document["accuracy"]) == (1, 40, None)
    assert document["execution"] == "host"
    assert document["classes"] == np.load(files / "labels.npy").tolist()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("missing.npy", "does not exist; check the name"),
        ("empty.npy", "is an empty file"),
        ("pickle.npy", "is not a file of one numeric array"),
        ("model.onnx", "is an ONNX file; give a .npy file"),
        ("folder", "is an empty folder; give a .npy file"),
        ("several.npy.npz", "several arrays"),
        ("float64.npy", ".astype('float32')"),
        ("narrow.npy", "[n, 7]"),
        ("number.npy", "[n, 7]"),
    ],
)
def test_run_refuses_other_samples(lgn_edge_command, files, artifact, name, text):
    for form in (files / "model.onnx", artifact):
        refused(lgn_edge_command("run", form, "--input", files / name, "-o", "out.npz"), text)


def test_run_refuses_labels_of_another_length(lgn_edge_command, files, tmp_path):
    np.save(tmp_path / "few.npy", np.zeros(3, np.uint8))
    done = lgn_edge_command("run", files / "model.onnx", "-i", files / "samples.npy", "--labels", "few.npy")
    assert done.code == 2
    assert "40 samples" in done.stderr


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (np.full(40, 77), "labels are 77..77"),
        (np.full(40, -1), "labels are -1..-1"),
        (np.full(40, 0.5), "label 0 is 0.5; a class is a whole number or a name"),
        (np.full(40, "nobody"), "'nobody', which is no class"),
        (np.zeros((40, 2), np.uint8), "shape [40, 2]"),
    ],
)
def test_run_refuses_labels_that_are_no_classes(lgn_edge_command, files, artifact, tmp_path_factory, labels, text):
    file = tmp_path_factory.mktemp("labels") / "labels.npy"
    np.save(file, labels)
    for form in (files / "model.onnx", artifact):
        refused(lgn_edge_command("run", form, "-i", files / "samples.npy", "--labels", file), text)


def test_run_takes_labels_by_name(lgn_edge_command, files, tmp_path):
    names = np.array([f"class {i}" for i in range(NETWORK.head.n_outputs)])
    write(dataclasses.replace(NETWORK, class_names=names.tolist()), tmp_path / "named.onnx")
    np.save(tmp_path / "named.npy", names[np.load(files / "labels.npy")])
    done = lgn_edge_command("run", "named.onnx", "-i", files / "samples.npy", "--labels", "named.npy")
    assert (done.code, done.stdout) == (0, "accuracy: 100.0000%\n")


def test_run_refuses_a_folder_that_is_no_artifact(lgn_edge_command, files):
    refused(lgn_edge_command("run", files / "folder", "--input", files / "samples.npy"), "folder")


# export


def test_export_needs_a_checkpoint(lgn_edge_command):
    refused(lgn_edge_command("export", "no-such-folder", "-o", "model.onnx"), "no-such-folder")


def test_export_writes_a_model_in_another_form(lgn_edge_command, files, tmp_path):
    options = ("--ops", "standard", "--input", "packed", "--outputs", "class, scores")
    done = lgn_edge_command("export", files / "model.onnx", *options, "-o", "web.onnx")
    assert (done.code, done.stdout) == (0, "web.onnx\n"), done.stderr
    samples = np.load(files / "samples.npy")
    assert read(tmp_path / "web.onnx").evaluate(samples) == NETWORK.evaluate(samples)
    assert onnxruntime_session(tmp_path / "web.onnx")(samples) == NETWORK.evaluate(samples)
    assert lgn_edge_command("verify", "web.onnx", *FAST, "--backend", "onnxruntime-standard").code == 0
    done = lgn_edge_command("run", "web.onnx", "--input", files / "samples.npy")
    assert done.stdout.split() == [str(c) for c in np.load(files / "labels.npy")]
    assert "gates" in lgn_edge_command("inspect", "web.onnx").stdout


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--ops", "magic"), "no 'magic' ops; choose one of custom, standard"),
        (("--input", "int8"), "no input 'int8'"),
        (("--outputs", "scores,label"), "choose some of scores, logits, class"),
        (("--outputs", ","), "choose some of"),
    ],
)
def test_export_refuses_forms_that_do_not_exist(lgn_edge_command, files, options, text):
    refused(lgn_edge_command("export", files / "model.onnx", *options, "-o", "out.onnx"), text)


@pytest.mark.parametrize("name", ["text.onnx", "truncated.onnx", "empty.npy"])
def test_export_refuses_a_file_that_is_no_model(lgn_edge_command, files, name):
    refused(lgn_edge_command("export", files / name, "-o", "out.onnx"), name)


# verify


def test_verify(lgn_edge_command, files, artifact, tmp_path):
    done = lgn_edge_command("verify", files / "model.onnx", "--artifact", artifact, *FAST)
    assert done.code == 0, done
    assert "3 equal, 0 different, 0 not run" in done.stdout
    assert "running onnxruntime" in done.stderr
    assert not list(tmp_path.iterdir())


def test_verify_json(lgn_edge_command, files):
    done = lgn_edge_command("verify", files / "model.onnx", *FAST, "--input", files / "samples.npy", "--json")
    document = done.json
    assert (document["schema"], document["ok"]) == (1, True)
    assert document["vectors"][0] == "data"
    assert [row["backend"] for row in document["results"]] == ["circuit", "onnxruntime"]


def test_verify_reports_a_difference_and_saves_it(lgn_edge_command, files, tmp_path, monkeypatch):
    prepare = CircuitBackend.prepare

    def planted(self, subject):
        fault = flipped_table_bit(NETWORK, 1, 4)
        return prepare(self, type(subject)(fault.change(subject.network)))

    monkeypatch.setattr(CircuitBackend, "prepare", planted)
    done = lgn_edge_command("verify", files / "model.onnx", *FAST, "--save-failure", "failure")
    assert done.code == 1
    assert "circuit: at fault: layer 1, gate 4 " in done.stdout
    assert "onnxruntime" in done.stdout
    assert done.stderr.splitlines()[-1] == "what shows the difference again is in failure"
    place = tmp_path / "failure" / "circuit"
    assert read(place / "model.onnx") == NETWORK
    again = lgn_edge_command("verify", place / "model.onnx", "--input", place / "samples.npy", "--backend", "circuit")
    assert again.code == 1


def test_verify_an_artifact_of_another_model(lgn_edge_command, files, artifact, tmp_path):
    write(flipped_table_bit(NETWORK, 1, 4).change(NETWORK), tmp_path / "other.onnx")
    done = lgn_edge_command("verify", "other.onnx", "--artifact", artifact, "--backend", "native", "--samples", 50)
    assert done.code == 1
    assert "as a whole: a fresh one made from this network agrees" in done.stdout


def test_verify_what_was_asked_for_but_cannot_run_is_no_pass(lgn_edge_command, files):
    done = lgn_edge_command("verify", files / "model.onnx", *FAST, "--backend", "torch")
    assert done.code == 1
    assert "torch: not run: no checkpoint is given" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--backend", "onxruntime"], "did you mean onnxruntime"),
        (["--input", "missing.npy"], "missing.npy does not exist; check the name"),
        (["--artifact", "nowhere"], "nowhere"),
        (["--checkpoint", "nowhere"], "nowhere"),
    ],
)
def test_verify_refuses(lgn_edge_command, files, arguments, text):
    refused(lgn_edge_command("verify", files / "model.onnx", *arguments), text)


def test_verify_refuses_samples_of_another_model(lgn_edge_command, files):
    refused(lgn_edge_command("verify", files / "model.onnx", "--input", files / "narrow.npy"), "[n, 7]")


# a full disk


@pytest.fixture
def full_disk(monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)


@pytest.mark.parametrize(
    "arguments", [("run", "--input", "samples.npy", "-o", "out.npz"), ("build", "--target", "native", "-o", "out")]
)
def test_a_full_disk_is_named_and_leaves_nothing(lgn_edge_command, files, full_disk, arguments):
    command, *options = [files / word if word == "samples.npy" else word for word in arguments]
    refused(lgn_edge_command(command, files / "model.onnx", *options), "no space left on device")


def test_a_full_disk_does_not_hide_a_difference(lgn_edge_command, files, full_disk, monkeypatch, tmp_path):
    monkeypatch.setattr(CircuitBackend, "prepare", lambda self, subject: 1 / 0)
    done = lgn_edge_command("verify", files / "model.onnx", *FAST)
    assert done.code == 1
    assert "circuit: failed to load: ZeroDivisionError" in done.stdout
    assert "note: the difference is not saved" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", ["model", "artifact"])
def test_run_brings_samples_to_the_scale_of_training(lgn_edge_command, files, artifact, tmp_path, form):
    subject = files / "model.onnx" if form == "model" else artifact
    np.save("halves.npy", np.load(files / "samples.npy") / np.float64(2))
    expected = lgn_edge_command("run", subject, "--input", files / "samples.npy")
    found = lgn_edge_command("run", subject, "--input", "halves.npy", "--scale", "2")
    assert found.code == 0, found.stderr
    assert found.stdout == expected.stdout
    done = lgn_edge_command("run", subject, "--input", "halves.npy", "--scale", "0")
    assert (done.code, done.stdout) == (2, "")
    assert "scale is 0.0; it must be positive and finite" in done.stderr


def test_verify_brings_real_samples_to_the_scale_of_training(lgn_edge_command, files):
    np.save("halves.npy", np.load(files / "samples.npy") / np.float64(2))
    done = lgn_edge_command("verify", files / "model.onnx", *FAST, "--input", "halves.npy", "--scale", "2")
    assert done.code == 0, done.stderr
    done = lgn_edge_command("verify", files / "model.onnx", *FAST, "--scale", "2")
    assert (done.code, done.stdout) == (2, "")
    assert "there are no samples that it could be for; give data" in done.stderr
