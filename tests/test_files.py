from __future__ import annotations

import errno
from pathlib import Path

import pytest

from lgn_edge import files
from lgn_edge.errors import InputError
from lgn_edge.files import append, atomic_directory, remove_leftovers, write_atomic


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_atomic(path, "one")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    write_atomic(path, "one")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for place, name in ((files.os, "replace"), (Path, "write_bytes")):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, full)
            with pytest.raises(InputError, match=r"cannot write .*a: no space left on device; free some space"):
                write_atomic(path, "two")
    assert path.read_text() == "one"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write .*gone/a: no such file or directory"):
        write_atomic(tmp_path / "gone" / "a", "x")


def test_leftovers_of_one_path_are_removed(tmp_path: Path) -> None:
    for name in ("model", ".model.a1", ".models.a1", ".hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    (tmp_path / ".model.b2").touch()
    remove_leftovers(tmp_path / "model")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", ".models.a1", "model"]
    remove_leftovers(tmp_path / "missing" / "model")


def test_a_file_grows(tmp_path: Path) -> None:
    append(tmp_path / "file", "first\n")
    append(tmp_path / "file", "zweite – Zeile\n")
    assert (tmp_path / "file").read_bytes() == "first\nzweite – Zeile\n".encode()
    with pytest.raises(InputError, match=r"missing/file: no such file or directory; choose another place"):
        append(tmp_path / "missing" / "file", "")


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with atomic_directory(tmp_path / "deep" / "d") as folder:
            (folder / text).write_text(text)
    assert [p.name for p in (tmp_path / "deep" / "d").iterdir()] == ["two"]
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["d"]


def test_an_exception_leaves_the_old_folder(tmp_path: Path) -> None:
    with atomic_directory(tmp_path / "d") as folder:
        (folder / "kept").write_text("")

    def interrupted() -> None:
        with atomic_directory(tmp_path / "d") as folder:
            (folder / "half").write_text("")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [p.name for p in (tmp_path / "d").iterdir()] == ["kept"]
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


def test_a_file_is_not_replaced_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("text")
    with pytest.raises(InputError, match="f is a file"), atomic_directory(tmp_path / "f"):
        pass
    assert (tmp_path / "f").read_text() == "text"
