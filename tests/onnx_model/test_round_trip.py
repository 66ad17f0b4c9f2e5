"""What is written is read, the same network gives the same bytes, and no file is ever half written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, checker, helper

from lgn_edge.errors import InputError, UnsupportedError
from lgn_edge.network import GroupSum, LogicConv2d, Network, OrPool2d, Threshold
from lgn_edge.onnx_model import Form, from_model, read, to_model, write
from lgn_edge.onnx_model.runtime import onnxruntime_session, reference_session
from tests.onnx_model.forms import joined_images
from tests.strategies import image_networks, networks, random_image_network, random_network, random_samples

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)


@given(networks() | image_networks(), TEXT, st.dictionaries(TEXT, TEXT, max_size=3), st.data())
def test_model_holds_the_whole_network(
    network: Network, name: str, provenance: dict[str, str], data: st.DataObject
) -> None:
    class_names = data.draw(st.just(()) | st.tuples(*[TEXT] * network.head.n_outputs), label="class names")
    network = replace(network, name=name, class_names=class_names, provenance=provenance)
    model = to_model(network)
    assert from_model(model) == network
    assert from_model(onnx.ModelProto.FromString(model.SerializeToString())) == network


@pytest.mark.parametrize("threshold_bytes", [0, 100_000_000])
def test_file_holds_the_whole_network(tmp_path: Path, threshold_bytes: int) -> None:
    network = replace(
        random_network(1, input_dtype="uint8"),
        class_names=("null", "één", "二"),
        provenance={"dataset": "digits", "accuracy": "0.97"},
    )
    path = tmp_path / "model.onnx"
    write(network, path, threshold_bytes=threshold_bytes)
    assert read(path) == network
    assert read(str(path)) == network
    assert sorted(p.name for p in tmp_path.iterdir()) == (
        ["model.onnx"] if threshold_bytes else ["model.onnx", "model.onnx.data"]
    )
    samples = random_samples(network, 70)
    want = network.evaluate(samples)
    assert onnxruntime_session(path)(samples) == want
    assert onnxruntime_session(path, optimize=False, threads=2)(samples) == want
    assert reference_session(path)(samples) == want
    checker.check_model(path, full_check=True)


def test_the_file_of_images_follows_the_distinct_gates(tmp_path: Path) -> None:
    """A kernel is written once, however many places it has."""
    sizes = []
    for side in (4, 400):
        leaf, table = np.zeros((50, 8, 3), int), np.zeros((50, 7), int)
        convolution = LogicConv2d(1, side, side, 3, leaf, table, padding=1)
        pool = OrPool2d(*convolution.out_shape, side)
        network = Network(Threshold.bits(side * side), (convolution, pool), GroupSum(50, 1))
        write(network, tmp_path / "m.onnx", Form(input="packed", outputs=("scores",)))
        model = onnx.load(tmp_path / "m.onnx")
        sizes.append(model.ByteSize() - model.metadata_props[-1].ByteSize())  # the encoder outside
        assert read(tmp_path / "m.onnx") == network
    assert sizes[1] - sizes[0] < 100


@pytest.mark.parametrize("threshold_bytes", [0, 100_000_000])
def test_images_in_files(tmp_path: Path, threshold_bytes: int) -> None:
    for network in (*map(random_image_network, range(5)), joined_images(1)):
        path = tmp_path / "model.onnx"
        write(network, path, threshold_bytes=threshold_bytes, force=True)
        assert read(path) == network
        assert onnxruntime_session(path)(samples := random_samples(network, 70)) == network.evaluate(samples)
        checker.check_model(path, full_check=True)


@pytest.mark.parametrize("threshold_bytes", [0, 100_000_000])
def test_same_network_same_bytes(tmp_path: Path, threshold_bytes: int) -> None:
    files = []
    for order in ({"b": "1", "a": "2"}, {"a": "2", "b": "1"}):
        folder = tmp_path / str(len(files))
        folder.mkdir()
        write(replace(random_network(3), provenance=order), folder / "m.onnx", threshold_bytes=threshold_bytes)
        files.append({p.name: p.read_bytes() for p in folder.iterdir()})
    assert files[0] == files[1]


def test_model_says_where_it_comes_from() -> None:
    model = to_model(replace(random_network(1, classes=3), class_names=("x", "y", "z"), provenance={"k": "v"}))
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert about.pop("ai.lgn.name") == model.graph.name == "random1"
    assert about.pop("ai.lgn.format_version") == "1"
    assert json.loads(about.pop("ai.lgn.class_names")) == ["x", "y", "z"]
    assert json.loads(about.pop("ai.lgn.provenance")) == {"k": "v"}
    assert not about
    assert model.producer_name == "lgn-edge"
    assert model.ir_version == 8
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 18, "ai.lgn": 1}


def test_missing_metadata_has_defaults() -> None:
    network = random_network(1)
    model = to_model(network)
    del model.metadata_props[:]
    assert from_model(model) == replace(network, name="random1")


def test_tensors_of_other_writers(tmp_path: Path) -> None:
    network = random_network(1)
    model = to_model(network)
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        tensor.CopyFrom(helper.make_tensor(tensor.name, tensor.data_type, tensor.dims, values.tolist()))
        assert not tensor.raw_data
    assert from_model(model) == network
    path = tmp_path / "m.onnx"
    onnx.save_model(to_model(network), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    assert read(path) == network


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    write(random_network(1), path)
    before = path.read_bytes()
    with pytest.raises(InputError, match="not text"):
        write(replace(random_network(2), provenance={"seed": 7}), path)  # type: ignore[dict-item]
    with pytest.raises(InputError, match="not text"):
        write(replace(random_network(2), provenance={"seed": 7}), path, threshold_bytes=0)  # type: ignore[dict-item]
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


def test_name_that_is_not_unicode() -> None:
    with pytest.raises(InputError, match="not Unicode"):
        to_model(replace(random_network(1), name="\ud800"))


def test_class_name_that_is_not_unicode_is_kept() -> None:
    network = replace(random_network(1, classes=3), class_names=("\ud800", "b", "c"))
    assert from_model(to_model(network)) == network


@pytest.mark.parametrize("threshold_bytes", [0, 100_000_000])
def test_write_refuses_a_bad_place(tmp_path: Path, threshold_bytes: int) -> None:
    with pytest.raises(InputError, match="cannot write"):
        write(random_network(1), tmp_path / "missing" / "m.onnx", threshold_bytes=threshold_bytes)
    with pytest.raises(InputError, match="is a folder"):
        write(random_network(1), tmp_path, threshold_bytes=threshold_bytes)
    assert not list(tmp_path.iterdir())


def test_layer_without_an_op() -> None:
    class Other:
        n_inputs = n_outputs = 12

        def gates(self) -> tuple[np.ndarray, ...]:
            raise AssertionError

    network = random_network(1)
    object.__setattr__(network, "layers", (*network.layers, Other()))
    with pytest.raises(UnsupportedError, match="a Other layer has no op"):
        to_model(network)


def test_data_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    write(random_network(1), path, threshold_bytes=0)
    old = path.read_bytes()
    write(random_network(2), path, threshold_bytes=0)
    path.write_bytes(old)
    with pytest.raises(InputError, match="is not the data that its model was written with"):
        read(path)


def test_external_tensors_lie_on_pages(tmp_path: Path) -> None:
    write(random_network(1), tmp_path / "m.onnx", threshold_bytes=0)
    model = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    for tensor in model.graph.initializer:
        assert tensor.data_location == TensorProto.EXTERNAL
        entries = {entry.key: entry.value for entry in tensor.external_data}
        assert entries["location"] == "m.onnx.data"
        assert int(entries["offset"]) % 4096 == 0
