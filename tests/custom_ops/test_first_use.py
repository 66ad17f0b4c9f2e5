"""The library compiled on first use: it is said, counted, and done once."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import lgn_edge
from lgn_edge import toolchain
from lgn_edge.cli import app
from lgn_edge.native import cached_path
from lgn_edge.onnx_library import build as building
from lgn_edge.onnx_library import onnx_library_path
from lgn_edge.onnx_library.first_use import build_on_first_use
from lgn_edge.onnx_library.folder import prebuilt_path
from lgn_edge.onnx_library.path import library_for, library_target
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

    def build(target: object, output: Path, progress: Callable[[int, int], None], kept: Path) -> None:
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


def test_a_build_that_was_stopped_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the objects that it left; nothing of them stays when the library is made, nor those of other sources."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    target = library_target()
    if prebuilt_path(target.name).is_file():
        pytest.skip("this installation carries the library; it is never built")
    old = cached_path("onnxruntime", "other sources").with_suffix(".objects")
    old.mkdir()
    (old / "0.o").touch()
    stopped, ran = True, []

    def job(number: int) -> Path:
        if stopped and number == 2:
            raise KeyboardInterrupt
        ran.append(number)
        (tmp_path / "compiled").write_text(str(number))
        return tmp_path / "compiled"

    def build(_: object, output: Path, progress: object, kept: Path) -> None:
        objects = [each() for each in building.keeping([partial(job, number) for number in range(4)], kept)]
        output.write_text(" ".join(each.read_text() for each in objects))

    monkeypatch.setattr(building, "build_library", build)
    with pytest.raises(KeyboardInterrupt):
        library_for(target)
    assert ran == [0, 1]
    assert not old.exists()
    stopped = False
    library = library_for(target)
    assert ran == [0, 1, 2, 3]
    assert library.read_text() == "0 1 2 3"
    assert not list(library.parent.glob("*.objects"))


def test_half_an_object_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "whole").write_text("whole")
    (kept,) = building.keeping([lambda: tmp_path / "whole"], tmp_path)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            kept()
    assert not (tmp_path / "0.o").exists()
    assert kept().read_text() == "whole"


def test_every_job_is_counted() -> None:
    told: list[tuple[int, int]] = []
    jobs = building._counted([lambda: Path("a"), lambda: Path("b")], lambda done, of: told.append((done, of)))
    assert [job() for job in jobs] == [Path("a"), Path("b")]
    assert told == [(0, 2), (1, 2), (2, 2)]
