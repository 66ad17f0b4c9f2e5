"""Heads without classes, as artifacts: a score of one class, and bits."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import lgn_edge
from lgn_edge import build, emulate, load_artifact
from lgn_edge.artifact.selftest import selftest_samples
from lgn_edge.errors import InputError
from lgn_edge.network import Bits, LogicDense, Network, Threshold
from lgn_edge.targets.registry import find_target
from tests.artifact.test_examples import zig
from tests.artifact.test_makefiles import HERE, make
from tests.artifact.test_wasm import node
from tests.strategies import random_network, random_samples
from tests.thinning import combinations

NETWORKS = {
    "score": random_network(1, widths=(33, 31), classes=1, input_dtype="uint8"),
    "bits": random_network(2, widths=(33, 37), classes=0, input_dtype="uint8"),
    "a bit": random_network(3, widths=(9, 1), classes=0, input_dtype="uint8"),
    "constant bits": random_network(4, widths=(13,), classes=0, tables=(0, 15), input_dtype="uint8"),
}


@pytest.mark.parametrize(
    ("network", "optimize", "batch"), combinations(NETWORKS, ("speed", "size"), {"one": 1, "word": 32})
)
def test_firmware_gives_scores_and_bits(tmp_path: Path, network: Network, optimize: str, batch: int) -> None:
    built = build(network, "cortex-m4", tmp_path / "built", optimize=optimize, batch=batch)
    samples = random_samples(network, 70)
    assert built.predict(samples) == network.evaluate(samples)
    assert built.selftest()


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_a_library_gives_scores_and_bits(tmp_path: Path, network: Network) -> None:
    built = build(network, "native", tmp_path / "built")
    for n in (0, 1, 65, 513):
        samples = random_samples(network, n)
        assert built.predict(samples) == network.evaluate(samples)
    samples = random_samples(network, 70)
    assert built.predict_packed(network.encoder.evaluate(samples), 70) == network.evaluate(samples)
    assert built.selftest()
    header = next((tmp_path / "built" / "include").iterdir()).read_text()
    assert ("_TAU " in header) == (network is NETWORKS["score"])
    assert ("the bits, 0 or 1 each" in header) == (network is not NETWORKS["score"])
    with pytest.raises(InputError, match="has no classes; read `scores`"):
        built.predict(samples).classes  # noqa: B018


def test_more_bits_than_an_artifact_has(tmp_path: Path) -> None:
    wires = np.zeros(65_536, np.int32)
    network = Network(Threshold.bits(1), (LogicDense(1, wires, wires, wires),), Bits(65_536))
    with pytest.raises(InputError, match="65536 outputs; an artifact has 65535 at most"):
        build(network, "native", tmp_path / "built")


def adder(path: Path) -> Path:
    """A foreign circuit whose inputs and outputs have names."""
    gates = (("Xor", "a b", "sum"), ("And", "a b", "carry"), ("Not", "word", '"not\n|'))
    inputs, outputs = ({"a": 1, "b": 1, "word": 2}, {"sum": 1, "carry": 1, '"not\n|': 2})
    graph = helper.make_graph(
        [helper.make_node(op, given.split(), [made]) for op, given, made in gates],
        "adder",
        *([helper.make_tensor_value_info(name, TensorProto.BOOL, ["N", size]) for name, size in values.items()]
          for values in (inputs, outputs)),
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), path)
    return path


FEATURES = ("a", "b", "word[0]", "word[1]")
OUTPUTS = ("sum", "carry", '"not\n|[0]', '"not\n|[1]')


def test_a_circuit_keeps_the_names_of_its_inputs_and_outputs(tmp_path: Path) -> None:
    network = lgn_edge.load(adder(tmp_path / "adder.onnx"))
    for ops in ("custom", "standard", "qonnx"):
        lgn_edge.export(network, tmp_path / f"{ops}.onnx", ops=ops)
        again = lgn_edge.load(tmp_path / f"{ops}.onnx")
        assert (again.feature_names, again.class_names) == (FEATURES, OUTPUTS)
    folder = build(network, "wasm", tmp_path / "a", name="adder").folder
    header = (folder / "include" / "lgn_adder.h").read_text()
    assert 'LGN_ADDER_FEATURE_NAMES { \\\n    "a", \\\n    "b", ' in header
    assert 'LGN_ADDER_OUTPUT_NAMES { \\\n    "sum", \\\n    "carry", \\\n    "\\042not\\012|[0]", ' in header
    assert "CLASS_NAMES" not in header
    module = (folder / "lgn_adder.mjs").read_text()
    assert "export const CLASS_NAMES = [];" in module
    assert f"export const OUTPUT_NAMES = {json.dumps(OUTPUTS)};" in module
    assert f"export const FEATURE_NAMES = {json.dumps(FEATURES)};" in module
    types = (folder / "lgn_adder.d.mts").read_text()
    assert all(
        f"export declare const {name}: readonly string[];" in types for name in ("OUTPUT_NAMES", "FEATURE_NAMES")
    )
    assert r'| bits | 4: sum, carry, "\"not\\n&#124;[0]", ' in (folder / "report.md").read_text()
    manifest = load_artifact(folder).manifest
    assert (manifest.feature_names, manifest.class_names) == (FEATURES, OUTPUTS)


def test_names_that_say_no_more_than_an_index_are_none(tmp_path: Path) -> None:
    place = tmp_path / "m.onnx"
    kinds = [helper.make_tensor_value_info(name, TensorProto.BOOL, ["N", 3]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Not", ["x"], ["y"])], "not", kinds[:1], kinds[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), place)
    assert lgn_edge.load(place).feature_names == lgn_edge.load(place).class_names == ()


def lines(network: Network, target: str) -> str:
    """What an example prints."""
    want = network.evaluate(selftest_samples(network, find_target(target).selftest_vectors)[:8]).scores.tolist()
    names = network.class_names
    printed = (
        [f"score {row[0]}" for row in want]
        if network.head.scale
        else ["bits " + "".join(f"{n}={bit} " for n, bit in zip(names, row, strict=True)) for row in want]
        if names
        else ["bits " + "".join(map(str, row)) for row in want]
    )
    return "".join(f"{line}\n" for line in ["self-test: ok", *printed])


@pytest.mark.parametrize(("target", "kind"), combinations(("cortex-m4", "c", "wasm"), ("score", "bits", "named bits")))
def test_examples_print_every_bit_or_the_score(target: str, kind: str, tmp_path: Path) -> None:
    named = replace(NETWORKS["bits"], class_names=tuple(f"o{i}%" for i in range(37)))
    network = named if kind == "named bits" else NETWORKS[kind]
    folder = build(network, target, tmp_path / "a", name="m").folder
    if target == "cortex-m4":
        make(load_artifact(folder), *zig(target))
        assert emulate.boot(folder / "example.elf", target).output == lines(network, target)
    elif target == "c":
        make(load_artifact(folder), *HERE, "example")
        done = subprocess.run([folder / "example"], capture_output=True, text=True, check=True)
        assert done.stdout == lines(network, target)
    else:
        assert node(folder / "examples" / "main.mjs") == lines(network, target)
