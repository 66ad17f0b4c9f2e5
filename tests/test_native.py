"""C of the package, compiled on first use."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lgn_edge import native, toolchain
from lgn_edge.errors import InputError, MissingProgramError

SOURCE = "int answer(int x);\nint answer(int x)\n{\n    return x + 1;\n}\n"


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "answer.c"
    path.write_text(SOURCE)
    return path


def test_compiled_once_and_found_again(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = native.native_library.__wrapped__
    assert load(source).answer(41) == 42
    assert len(list((tmp_path / "cache" / "lgn-edge" / "native").glob("*.so"))) == 1
    monkeypatch.setattr(toolchain, "compile_c", lambda *_, **__: pytest.fail("compiled again"))
    assert load(source).answer(1) == 2


def test_a_damaged_library(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "link_shared", lambda _, output: output.write_bytes(b"not a library"))
    with pytest.raises(InputError, match="delete it, so that it is compiled again"):
        native.native_library.__wrapped__(source)


def test_other_sources_are_other_libraries(source: Path) -> None:
    load = native.native_library.__wrapped__
    assert load(source).answer(1) == 2
    source.write_text(SOURCE.replace("+ 1", "+ 2"))
    assert load(source).answer(1) == 3


def test_a_cache_that_cannot_be_written(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match="set XDG_CACHE_HOME to a folder that can be written"):
        native.native_library.__wrapped__(source)


def test_no_toolchain(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "missing", lambda: "the ziglang package is not installed")
    with pytest.raises(MissingProgramError, match="ziglang"):
        native.native_library.__wrapped__(source)


def test_built_once_although_several_need_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    built = []

    def build(library: Path) -> None:
        built.append(library)
        time.sleep(0.05)  # so that the others come meanwhile
        library.write_text("library")

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: native.cached_library("a", "the same", build).read_text(), range(4)))
    assert found == ["library"] * 4
    assert len(built) == 1
