"""Outcomes, what makes a report good, and what a difference leaves behind."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

import lgn_edge
from lgn_edge.errors import InputError, InvariantError, MissingProgramError
from lgn_edge.onnx_model import read, write
from lgn_edge.training import uci
from lgn_edge.verification import Outcome, Subject, find_backends, locate, probe, run_backends
from tests.strategies import random_network, random_samples
from tests.verification.planting import Planted, flipped_table_bit, healthy_network, telling_vectors

NETWORK = healthy_network()
VECTORS = telling_vectors(NETWORK)
FAULT = flipped_table_bit(NETWORK, 1, 7)
WRONG = FAULT.change(NETWORK)
REFERENCE, CIRCUIT = find_backends(["reference", "circuit"])


@dataclass(frozen=True)
class Stub:
    """A backend that cannot, or that fails."""

    reason: str | None = None
    on_prepare: Exception | None = None
    on_run: Exception | None = None
    given_path: Path | None = None
    name: str = "stub"
    max_samples: int | None = None
    probe_classes: int = 10

    def version(self):
        return "stub 1"

    def available(self, subject):
        return self.reason

    def given(self, subject):
        return self.given_path

    @contextmanager
    def prepare(self, subject):
        if self.on_prepare:
            raise self.on_prepare

        def run(samples):
            if self.on_run:
                raise self.on_run
            return subject.network.evaluate(samples)

        yield run


def report_of(*backends, required=(), subject=None, **options):
    return run_backends(subject or Subject(NETWORK), backends, VECTORS, required=required, **options)


def test_equal_backends_make_a_good_report():
    report = report_of(REFERENCE, CIRCUIT)
    assert report.ok
    assert report.summary() == "2 equal, 0 different, 0 not run"
    assert [row.samples for row in report.results] == [101, 101]


def test_the_reference_alone_proves_nothing():
    assert not report_of(REFERENCE).ok


def test_not_run_is_listed_and_never_a_pass():
    report = report_of(REFERENCE, Stub(reason="no board is connected"))
    assert not report.ok
    assert report.summary() == "1 equal, 0 different, 1 not run (stub)"
    assert "stub: not run: no board is connected" in list(report.details())


def test_not_run_beside_a_pass_is_fine_unless_it_was_asked_for():
    stub = Stub(reason="no board is connected")
    assert report_of(CIRCUIT, stub).ok
    assert not report_of(CIRCUIT, stub, required=["stub"]).ok


@pytest.mark.parametrize("error", [MissingProgramError("qemu is not installed"), InputError("it does not fit")])
def test_a_backend_that_cannot_be_made_is_not_run(error):
    (row,) = report_of(Stub(on_prepare=error)).results
    assert (row.outcome, row.reason) == (Outcome.NOT_RUN, str(error))


def test_a_given_file_that_is_no_such_thing_is_the_users_mistake(tmp_path):
    with pytest.raises(InputError, match="no artifact"):
        report_of(Stub(on_prepare=InputError("no artifact"), given_path=tmp_path))


@pytest.mark.parametrize("stage", ["on_prepare", "on_run"])
@pytest.mark.parametrize("error", [RuntimeError("boom"), InvariantError("boom")])
def test_a_backend_that_breaks_is_different(stage, error):
    report = report_of(CIRCUIT, Stub(**{stage: error}))
    assert not report.ok
    row = report.results[1]
    assert row.outcome is Outcome.DIFFERENT
    assert row.reason.startswith("failed")
    assert "boom" in row.reason


def test_a_missing_program_while_running_does_not_hide_a_difference():
    (row,) = report_of(Stub(on_run=MissingProgramError("gone"))).results
    assert row.outcome is Outcome.DIFFERENT


def test_a_slow_backend_gets_fewer_samples_and_says_so():
    (row,) = report_of(replace(Stub(), max_samples=10)).results
    assert row.outcome is Outcome.EQUAL
    assert 0 < row.samples <= 10
    assert row.samples_offered == 101


def test_the_json_of_a_report_has_a_schema_and_every_row():
    report = report_of(Planted(CIRCUIT, FAULT.change), Stub(reason="no"))
    document = json.loads(json.dumps(report.to_json()))
    assert document["schema"] == 1
    assert document["ok"] is False
    assert [row["outcome"] for row in document["results"]] == ["different", "not run"]
    assert document["results"][0]["location"]["gate"] == 7


def test_the_table_has_every_row():
    table = report_of(CIRCUIT, Planted(REFERENCE, FAULT.change), Stub(reason="no")).table()
    assert table.row_count == 3


def test_a_file_of_another_network_is_blamed_as_a_whole(tmp_path):
    write(WRONG, tmp_path / "model.onnx")
    (backend,) = find_backends(["onnxruntime"])
    (row,) = report_of(backend, subject=Subject(NETWORK, model=tmp_path / "model.onnx")).results
    assert row.outcome is Outcome.DIFFERENT
    assert row.location.layer is None
    assert "model.onnx as a whole: a fresh one made from this network agrees" in row.location.text


def test_a_fault_behind_the_layers_is_blamed_on_the_head():
    def wrong_for_three_classes(prediction):
        scores = prediction.scores.copy()
        if scores.shape[1] == 3:
            scores[:, 0] += 1
        return type(prediction).of(scores, decides=True)

    (row,) = report_of(Planted(REFERENCE, answer=wrong_for_three_classes)).results
    assert row.location.layer is None
    assert row.location.text.startswith("the group sum")


def test_an_encoder_that_is_off_by_the_last_bit_is_named():
    right = NETWORK.encoder
    threshold = right.threshold.copy()
    threshold[5] = np.nextafter(threshold[5], np.float32(-np.inf))
    wrong = replace(right, threshold=threshold)
    backend = Planted(REFERENCE, lambda network: replace(network, encoder=wrong))
    exactly = np.full((3, 9), right.threshold[5], np.float32)
    found = locate(backend, Subject(NETWORK), exactly)
    assert (found.layer, found.gate) == (-1, 5)
    assert found.text.startswith("encoder, bit 5 (feature ")


def test_a_probe_that_cannot_run_does_not_hide_the_difference():
    (row,) = report_of(Planted(Stub(name="big"), FAULT.change)).results
    assert row.outcome is Outcome.DIFFERENT
    found = locate(Stub(on_prepare=RuntimeError("too big")), Subject(NETWORK), VECTORS[0].samples)
    assert found.text == "not located, a probe could not be run: RuntimeError: too big"


@pytest.mark.parametrize("stage", [-1, 0, 1])
def test_the_scores_of_a_probe_are_the_bits_of_the_stage(stage):
    network = random_network(4)
    samples = random_samples(network, 70)
    words = list(network.activations(samples))[stage + 1]
    bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little", count=70).T
    whole, part = range(len(words)), range(2, 9)
    assert (probe(network, stage, whole).evaluate(samples).scores == bits).all()
    assert (probe(network, stage, part).evaluate(samples).scores == bits[:, 2:9]).all()


def test_a_layer_wider_than_the_probes_is_searched_in_parts():
    backend = Planted(Stub(probe_classes=5), FAULT.change)
    (row,) = report_of(backend).results
    assert (row.location.layer, row.location.gate) == (1, 7)


def test_a_difference_leaves_what_shows_it_again(tmp_path):
    folder = tmp_path / "failure"
    report = report_of(REFERENCE, Planted(CIRCUIT, FAULT.change), save_failure=folder)
    place = folder / "circuit"
    assert read(place / "model.onnx") == NETWORK
    samples = np.load(place / "samples.npy")
    assert (np.load(place / "expected.npy") == NETWORK.evaluate(samples).scores).all()
    text = (place / "README.md").read_text()
    assert "lgn-edge verify model.onnx --input samples.npy --backend circuit" in text
    assert "layer 1, gate 7" in text
    assert not report.ok


def test_an_earlier_failure_is_replaced_but_nothing_else(tmp_path):
    folder = tmp_path / "failure"
    faulty = Planted(CIRCUIT, FAULT.change)
    for _ in range(2):
        assert report_of(faulty, save_failure=folder).saved == str(folder)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").touch()
    report = report_of(faulty, save_failure=mine)
    assert report.saved == ""
    assert any("thesis.txt would be lost" in note for note in report.notes)
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]


def test_no_difference_leaves_nothing(tmp_path):
    report_of(REFERENCE, CIRCUIT, save_failure=tmp_path / "failure")
    assert not list(tmp_path.iterdir())


def test_the_public_function_takes_a_network_or_a_file(tmp_path):
    network = random_network(5)
    write(network, tmp_path / "model.onnx")
    for model in (network, tmp_path / "model.onnx", str(tmp_path / "model.onnx")):
        report = lgn_edge.verify(model, backends=["reference", "circuit"], samples=20)
        assert report.ok
        assert any("no real data" in note for note in report.notes)


@pytest.fixture
def of_monk(monkeypatch):
    """A network of the data set monk-1, and the content of its two files."""
    content = "".join(f"{i % 2} {i} {i} {i} {i} {i} {i} data_{i}\n" for i in range(5)).encode()
    digests = dict.fromkeys(uci.TABLES["monk-1"].sha256, hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(uci.TABLES, "monk-1", replace(uci.TABLES["monk-1"], sha256=digests))
    monkeypatch.delenv("LGN_EDGE_DATA", raising=False)
    monkeypatch.setenv("HOME", "/nowhere")
    network = random_network(5, features=30, bits=30, input_dtype="uint8")
    return replace(network, provenance={"dataset": "monk-1"}), content


def test_real_data_are_looked_for_where_they_lie(of_monk, tmp_path, monkeypatch):
    network, content = of_monk
    monkeypatch.setenv("LGN_EDGE_DATA", str(tmp_path))
    folder = tmp_path / "uci" / "monks"
    folder.mkdir(parents=True)
    for name in uci.TABLES["monk-1"].sha256:
        (folder / name).write_bytes(content)
    report = lgn_edge.verify(network, backends=["circuit"], samples=20)
    assert report.vectors[0] == "data"
    assert report.notes == ()


@pytest.mark.parametrize(
    ("dataset", "variable", "note"),
    [
        (
            "monk-1",
            None,
            "LGN_EDGE_DATA is not set, and there is no folder .*/lgn-edge/uci/monks; set it to",
        ),
        ("mnist", "", "LGN_EDGE_DATA is not set, and there is no folder .*/lgn-edge/mnist; set it"),
        ("monk-1", "/a", "there is no folder /a/uci/monks, where LGN_EDGE_DATA leads to; set it"),
        ("../own", "/a", r"lgn-edge knows no data set \.\./own; give samples with --input"),
    ],
)
def test_missing_data_are_told_with_what_to_do(of_monk, monkeypatch, dataset, variable, note):
    if variable is not None:
        monkeypatch.setenv("LGN_EDGE_DATA", variable)
    report = lgn_edge.verify(replace(of_monk[0], provenance={"dataset": dataset}), backends=["circuit"], samples=20)
    (found,) = report.notes
    assert re.match(f"no real data: {note}", found), found
    assert found.endswith("give samples with --input")


def test_the_public_function_uses_the_data_it_is_given():
    network = random_network(5)
    report = lgn_edge.verify(network, backends=["circuit"], samples=20, data=random_samples(network, 30))
    assert report.vectors[0] == "data"
    assert report.notes == ()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"backends": ["onxruntime"]}, "no backend 'onxruntime'; did you mean onnxruntime"),
        ({"backends": ["zzzzzz"]}, "there are reference, circuit"),
        ({"samples": 0}, "samples is 0"),
        (
            {"checkpoint": "no-such-folder"},
            "no-such-folder does not exist; check the name, or give the folder of a checkpoint",
        ),
        ({"artifacts": ["no-such-folder"]}, "no-such-folder"),
        ({"data": np.zeros((3, 2), np.float32)}, r"\[3, 2\]; the model takes \[n, 7\]"),
    ],
)
def test_mistakes_are_named(options, text):
    with pytest.raises(InputError, match=text):
        lgn_edge.verify(random_network(5), **options)


def test_backends_are_found_by_name_and_alias():
    assert [backend.name for backend in find_backends(["arm", "cortex-m0", "native"])] == [
        "cortex-m4",
        "cortex-m0",
        "native",
    ]
