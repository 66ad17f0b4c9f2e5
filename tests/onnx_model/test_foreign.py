"""A foreign circuit is built, verified, exported and inspected as a network is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from onnx import parser
from typer.testing import CliRunner

import lgn_edge
from lgn_edge.cli.app import app
from lgn_edge.errors import InputError
from lgn_edge.network import Circuit, pack, unpack
from lgn_edge.onnx_model import from_model, read_circuit, to_model
from lgn_edge.onnx_model.runtime import onnxruntime_session
from lgn_edge.passes.layered import as_network
from tests.onnx_model.test_bitwise import LOGICAL, PACKED, SINGLE, all_inputs
from tests.strategies import circuits


@pytest.fixture(params=[LOGICAL, PACKED, SINGLE], ids=["bool", "packed", "one by one"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = tmp_path / "foreign.onnx"
    onnx.save(parser.parse_model(request.param), file)
    return file


def outputs(circuit: Circuit, samples: np.ndarray) -> np.ndarray:
    return unpack(circuit.evaluate(pack(samples)), len(samples)).astype(np.int32)


def test_built_and_verified(path: Path, tmp_path: Path) -> None:
    circuit = read_circuit(path)
    samples = all_inputs(circuit.n_inputs).astype(np.uint8)
    for source in (circuit, path):
        built = lgn_edge.build(source, "native", tmp_path / "built", name="foreign")
        np.testing.assert_array_equal(built.predict(samples).scores, outputs(circuit, samples))
        lgn_edge.export(source, tmp_path / "ours.onnx")
        np.testing.assert_array_equal(
            onnxruntime_session(tmp_path / "ours.onnx")(samples).scores, outputs(circuit, samples)
        )
        backends = ["reference", "circuit", "onnx-reference", "onnxruntime", "native"]
        assert lgn_edge.verify(source, backends=backends, artifacts=[tmp_path / "built"], samples=70).ok


def test_command_line(path: Path, tmp_path: Path) -> None:
    run = CliRunner()
    for command in (["inspect", str(path)], ["build", str(path), "--target", "native", "-o", str(tmp_path / "built")]):
        done = run.invoke(app, command)
        assert done.exit_code == 0, done.output


def test_run_prints_bits(path: Path, tmp_path: Path) -> None:
    circuit = read_circuit(path)
    samples = all_inputs(circuit.n_inputs).astype(np.uint8)
    np.save(tmp_path / "samples.npy", samples)
    lgn_edge.build(path, "native", tmp_path / "built", name="foreign")
    for form in (path, tmp_path / "built"):
        command = ["-q", "run", str(form), "--input", str(tmp_path / "samples.npy")]
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output
        printed = [[int(bit) for bit in line.split("\t")] for line in done.stdout.splitlines()]
        np.testing.assert_array_equal(printed, outputs(circuit, samples))
        kept = str(tmp_path / "bits.npz")
        for _ in range(2):
            assert CliRunner().invoke(app, [*command, "--output", kept]).exit_code == 0
        np.testing.assert_array_equal(np.load(kept)["scores"], outputs(circuit, samples))


def test_neither_network_nor_circuit(tmp_path: Path) -> None:
    file = tmp_path / "other.onnx"
    onnx.save(parser.parse_model(LOGICAL.replace("c = And (a, b)", "c = Equal (a, b)")), file)
    with pytest.raises(
        InputError, match=r"no circuit: node that writes '.*' .Equal.: a circuit of this input is made of And"
    ):
        lgn_edge.load(file)


@settings(max_examples=20)
@given(circuits(max_gates=30))
def test_any_circuit_is_a_network_in_a_file(circuit: Circuit) -> None:
    network = as_network(circuit)
    assert from_model(to_model(network)) == network
    samples = all_inputs(circuit.n_inputs).astype(np.uint8)
    np.testing.assert_array_equal(network.evaluate(samples).scores, outputs(circuit, samples))
