"""The data beside a model file, refused as the file itself (see `test_refused_graphs.py`)."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto

from lgn_edge.errors import InputError, LgnError
from lgn_edge.network import Network
from lgn_edge.onnx_model import read, write
from tests.onnx_model.changes import initializer


@pytest.fixture
def external(tmp_path: Path, network: Network) -> Path:
    path = tmp_path / "folder" / "m.onnx"
    path.parent.mkdir()
    write(network, path, threshold_bytes=0)
    return path


def entry(path: Path, key: str, value: str | None) -> None:
    """Set, or remove, one external data entry of every tensor."""
    model = ModelProto.FromString(path.read_bytes())
    for tensor in model.graph.initializer:
        kept = [e for e in tensor.external_data if e.key != key]
        del tensor.external_data[:]
        tensor.external_data.extend(kept)
        if value is not None:
            tensor.external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())


def test_data_missing(external: Path) -> None:
    (external.parent / "m.onnx.data").unlink()
    with pytest.raises(InputError, match=r"m\.onnx\.data is missing"):
        read(external)


def test_data_truncated(external: Path) -> None:
    data = external.parent / "m.onnx.data"
    data.write_bytes(data.read_bytes()[:-1])
    with pytest.raises(InputError, match="is not the data"):
        read(external)
    entry(external, "checksum", None)
    with pytest.raises(InputError, match="which has only"):
        read(external)


def test_data_changed(external: Path) -> None:
    data = external.parent / "m.onnx.data"
    data.write_bytes(b"\1" + data.read_bytes()[1:])
    with pytest.raises(InputError, match="is not the data"):
        read(external)


def test_data_without_checksum_is_read(external: Path, network: Network) -> None:
    entry(external, "checksum", None)
    assert read(external) == network


@pytest.mark.parametrize(
    "location",
    [
        "../secret",
        "../../etc/passwd",
        "/etc/passwd",
        "sub/data",
        "..",
        ".",
        "",
        "..\\secret",
        "C:secret",
        "a\0b",
        "./m",
    ],
)
def test_data_elsewhere(external: Path, location: str) -> None:
    (external.parent.parent / "secret").write_bytes(bytes(100_000))
    entry(external, "location", location)
    with pytest.raises(InputError, match="external data must be a file beside the model"):
        read(external)


def test_data_behind_a_link(external: Path) -> None:
    data = external.parent / "m.onnx.data"
    outside = external.parent.parent / "outside"
    data.rename(outside)
    data.symlink_to(outside)
    with pytest.raises(InputError, match="symbolic link"):
        read(external)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("offset", "-4", "needs a number of bytes"),
        ("offset", "four", "needs a number of bytes"),
        ("offset", "9" * 18, "which has only"),
        ("offset", "9" * 5000, "needs a number of bytes"),
        ("length", "1", "its length says 1"),
        ("checksum", "0", "is not the data"),
        ("extra", "0", "legal are"),
        ("location", None, "beside the model"),
    ],
)
def test_data_badly_described(external: Path, key: str, value: str | None, message: str) -> None:
    entry(external, key, value)
    with pytest.raises(InputError, match=message):
        read(external)


def test_data_with_a_huge_shape(external: Path) -> None:
    model = ModelProto.FromString(external.read_bytes())
    initializer(model, "layer0.a").dims[0] = 2**60
    external.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="its length says"):
        read(external)


def test_data_of_different_checksums(external: Path) -> None:
    model = ModelProto.FromString(external.read_bytes())
    model.graph.initializer[0].external_data[3].value = "0"
    external.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="different checksums"):
        read(external)


def test_flipped_bytes_of_a_model_with_external_data(external: Path) -> None:
    whole, rng = external.read_bytes(), np.random.default_rng(1)
    for _ in range(1000):
        broken = bytearray(whole)
        broken[rng.integers(0, len(broken) // 4)] ^= int(rng.integers(1, 256))  # the functions are behind the graph
        external.write_bytes(broken)
        with suppress(LgnError):
            assert isinstance(read(external), Network)
