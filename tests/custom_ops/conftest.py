"""The library is built once, before the first test."""

from __future__ import annotations

import pytest

import lgn_edge
from lgn_edge.errors import LgnError


@pytest.fixture(scope="session", autouse=True)
def library() -> None:
    try:
        lgn_edge.onnx_library_path()
    except LgnError as error:
        pytest.skip(f"no ONNX Runtime library: {error}")
