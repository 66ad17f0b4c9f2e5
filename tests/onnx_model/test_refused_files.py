"""Files that hold no model, refused as models are (see `test_refused_graphs.py`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lgn_edge.errors import InputError, LgnError
from lgn_edge.network import Network
from lgn_edge.onnx_model import read, to_model, write
from lgn_edge.onnx_model.runtime import onnxruntime_session, reference_session


def test_files_that_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read(tmp_path / "none.onnx")
    with pytest.raises(InputError, match="is an empty folder"):
        read(tmp_path)
    for name, content, message in [
        ("empty", b"", "is an empty file"),
        ("text", b"hello, this is not a model\n" * 9, "is a text file; give the name of an ONNX file"),
        ("noise", np.random.default_rng(0).bytes(5000), "not an ONNX"),
        ("zeros", bytes(5000), "not an ONNX"),
    ]:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputError, match=message) as caught:
            read(path)
        assert str(path) in str(caught.value)


def test_special_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is not a file"):
        read(tmp_path / "pipe")


@pytest.mark.parametrize("session", [onnxruntime_session, reference_session])
def test_sessions_refuse_missing_files(tmp_path: Path, session: Callable[[Path], object]) -> None:
    with pytest.raises(InputError, match="does not exist; check the name"):
        session(tmp_path / "none.onnx")


def test_session_refuses_what_onnxruntime_refuses(network: Network) -> None:
    model = to_model(network)
    del model.functions[:]
    with pytest.raises(InputError, match=r"ONNX Runtime refuses the model: .*Threshold"):
        onnxruntime_session(model)


def test_truncated_anywhere(tmp_path: Path, network: Network) -> None:
    path = tmp_path / "m.onnx"
    write(network, path)
    for end in reversed(range(path.stat().st_size)):
        os.truncate(path, end)
        with pytest.raises(InputError):
            read(path)


def test_flipped_bytes(tmp_path: Path, network: Network) -> None:
    path = tmp_path / "m.onnx"
    write(network, path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(2000):
        broken = np.frombuffer(whole, np.uint8).copy()
        places = rng.integers(0, len(broken), rng.integers(1, 4))
        broken[places] ^= rng.integers(1, 256, len(places)).astype(np.uint8)
        path.write_bytes(broken.tobytes())
        try:
            assert isinstance(read(path), Network)
        except LgnError:
            refused += 1
    assert refused
