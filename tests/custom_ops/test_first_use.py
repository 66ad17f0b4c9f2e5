"""The library compiled on first use: it is said, counted, and done once."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import lgn_edge
from lgn_edge import toolchain
from lgn_edge.cli import app
from lgn_edge.onnx_library import build as building
from lgn_edge.onnx_library import onnx_library_path
from lgn_edge.onnx_library.first_use import build_on_first_use
from lgn_edge.onnx_library.folder import prebuilt_path
from lgn_edge.onnx_library.path import library_target
from lgn_edge.onnx_model import write
from tests.strategies import random_network


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """An empty cache; what is built there is the library that is at hand, in three steps."""
    ready = onnx_library_path()
    if ready == prebuilt_path(library_target().name):
        pytest.skip("this installation carries the library; it is never built")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    built: list[Path] = []

    def build(target: object, output: Path, progress: Callable[[int, int], None]) -> None:
        for step in range(4):
            progress(step, 3)
        shutil.copy(ready, output)
        built.append(output)

    monkeypatch.setattr(building, "build_library", build)
    onnx_library_path.cache_clear()
    yield built
    onnx_library_path.cache_clear()


def verified(tmp_path: Path, backend: str) -> Result:
    write(random_network(3), tmp_path / "model.onnx")
    command = ["verify", str(tmp_path / "model.onnx"), "--backend", backend, "--samples", "10"]
    return CliRunner().invoke(app, command)


def test_verify_says_that_it_compiles_first(builds: list[Path], tmp_path: Path) -> None:
    first, second = verified(tmp_path, "onnxruntime-library"), verified(tmp_path, "onnxruntime-fused")
    assert (first.exit_code, second.exit_code, len(builds)) == (0, 0, 1)
    assert re.search(r"compile the ONNX Runtime library, once .* 3/3", first.stderr)
    assert "note: the ONNX Runtime library was compiled first, in " in first.stdout
    assert "compile" not in second.stderr + second.stdout


def test_who_does_not_need_it_does_not_wait_for_it(builds: list[Path], tmp_path: Path) -> None:
    assert verified(tmp_path, "circuit").exit_code == 0
    assert not builds


def test_where_it_cannot_be_compiled_its_backends_say_so(
    builds: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "missing", lambda: "there is no compiler")
    assert build_on_first_use() == 0.0
    report = lgn_edge.verify(random_network(3), backends=["onnxruntime-library"], samples=10)
    assert "there is no compiler" in report.results[0].reason
    assert not report.ok


def test_every_job_is_counted() -> None:
    told: list[tuple[int, int]] = []
    jobs = building._counted([lambda: Path("a"), lambda: Path("b")], lambda done, of: told.append((done, of)))
    assert [job() for job in jobs] == [Path("a"), Path("b")]
    assert told == [(0, 2), (1, 2), (2, 2)]
