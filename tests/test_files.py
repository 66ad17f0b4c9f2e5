from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lgn_edge import files, toolchain
from lgn_edge.errors import InputError
from lgn_edge.files import LIST, append, atomic_directory, atomic_path, scratch_folder, write_atomic


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_atomic(path, "one")
    write_atomic(path, b"two", ours=lambda path: path.read_text() == "one")
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
                write_atomic(path, "two", force=True)
    assert path.read_text() == "one"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    message = r"cannot write .*deep/gone/a: there is no folder .*/deep/gone; make it first, or choose another place$"
    with pytest.raises(InputError, match=message):
        write_atomic(tmp_path / "deep" / "gone" / "a", "x")


def test_a_file_grows(tmp_path: Path) -> None:
    append(tmp_path / "file", "first\n")
    append(tmp_path / "file", "zweite – Zeile\n")
    assert (tmp_path / "file").read_bytes() == "first\nzweite – Zeile\n".encode()
    with pytest.raises(InputError, match=r"missing/file: there is no folder .*/missing; make it first"):
        append(tmp_path / "missing" / "file", "")


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with atomic_directory(tmp_path / "deep" / "d", "thing") as folder:
            (folder / text).write_text(text)
    assert sorted(p.name for p in (tmp_path / "deep" / "d").iterdir()) == [LIST, "two"]
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["d"]


def test_an_exception_leaves_the_old_folder(tmp_path: Path) -> None:
    with atomic_directory(tmp_path / "d", "thing") as folder:
        (folder / "kept").write_text("")

    def interrupted() -> None:
        with atomic_directory(tmp_path / "d", "thing") as folder:
            (folder / "half").write_text("")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sorted(p.name for p in (tmp_path / "d").iterdir()) == [LIST, "kept"]
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


def test_a_file_is_not_replaced_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("text")
    with pytest.raises(InputError, match="f is a file"), atomic_directory(tmp_path / "f", "thing"):
        pass
    assert (tmp_path / "f").read_text() == "text"


def thing(folder: Path, *, kind: str = "thing", force: bool = False) -> None:
    """Write a folder of two files."""
    with atomic_directory(folder, kind, force=force) as new:
        (new / "part").mkdir()
        (new / "part" / "a").write_text("a")
        (new / "b").write_text("b")


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def linked(path: Path) -> None:
    """The same file, elsewhere."""
    elsewhere = path.parents[1] / "elsewhere"
    shutil.move(path, elsewhere)
    path.symlink_to(elsewhere)


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file beside": (lambda folder: (folder / "notes.txt").write_text("mine"), "notes.txt"),
    "a hidden file": (lambda folder: (folder / ".git").write_text("mine"), ".git"),
    "a file below": (lambda folder: (folder / "part" / "notes.txt").write_text("mine"), "part/notes.txt"),
    "an empty folder": (lambda folder: (folder / "mine").mkdir(), "mine"),
    "a link to a folder": (lambda folder: (folder / "mine").symlink_to(folder.parent), "mine"),
    "a changed file": (lambda folder: (folder / "part" / "a").write_text("A"), "part/a"),
    "an emptied file": (lambda folder: (folder / "b").write_text(""), "b"),
    "a file that is a link": (lambda folder: linked(folder / "b"), "b"),
    "a pipe": (lambda folder: os.mkfifo(folder / "pipe"), "pipe"),
    "no list": (lambda folder: (folder / LIST).unlink(), "b"),
    "another list": (lambda folder: (folder / LIST).write_text("[]"), LIST),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_folder_that_is_not_as_it_was_written_is_the_users(tmp_path: Path, change: str) -> None:
    folder = tmp_path / "d"
    thing(folder)
    make, lost = CHANGES[change]
    make(folder)
    if change == "a pipe":  # which would be waited for
        names = sorted(path.name for path in folder.iterdir())
    else:
        before = contents(folder)
    with pytest.raises(InputError, match=rf": {lost} would be lost; give another folder, or replace it with --force"):
        thing(folder)
    if change == "a pipe":
        assert sorted(path.name for path in folder.iterdir()) == names
    else:
        assert contents(folder) == before
    thing(folder, force=True)
    assert contents(folder).keys() == {LIST, "b", "part/a"}
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_what_is_missing_is_not_lost(tmp_path: Path) -> None:
    thing(tmp_path / "d")
    (tmp_path / "d" / "b").unlink()
    thing(tmp_path / "d")
    assert (tmp_path / "d" / "b").exists()
    (tmp_path / "empty").mkdir()
    thing(tmp_path / "empty")


def test_a_folder_of_another_kind_is_not_replaced(tmp_path: Path) -> None:
    thing(tmp_path / "d")
    with pytest.raises(InputError, match="would be lost"):
        thing(tmp_path / "d", kind="other thing")


def test_what_appears_during_the_work_is_the_users(tmp_path: Path) -> None:
    thing(tmp_path / "d")
    with pytest.raises(InputError, match="late would be lost"), atomic_directory(tmp_path / "d", "thing"):
        (tmp_path / "d" / "late").touch()
    assert (tmp_path / "d" / "late").exists()
    with pytest.raises(InputError, match="f would be lost"), atomic_path(tmp_path / "f"):
        (tmp_path / "f").write_text("mine")
    assert (tmp_path / "f").read_text() == "mine"


@pytest.mark.parametrize("place", [".", "..", "inside/.."])
@pytest.mark.parametrize("force", [False, True])
def test_the_working_folder_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, force: bool
) -> None:
    thing(tmp_path / "d")
    (tmp_path / "d" / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "d")
    before = contents(tmp_path)
    with pytest.raises(InputError, match="is the working folder or holds it"):
        thing(Path(place), force=force)
    assert contents(tmp_path) == before


def test_links_stay_and_what_they_lead_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "d").symlink_to("real")
    (tmp_path / "f").symlink_to("real.txt")
    (tmp_path / "circle").symlink_to("circle")
    for _ in range(2):
        thing(tmp_path / "d")
        write_atomic(tmp_path / "f", "text", ours=lambda path: True)
    assert (tmp_path / "d").is_symlink()
    assert (tmp_path / "real" / "b").exists()
    assert (tmp_path / "f").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "text"
    for write in (thing, lambda path: write_atomic(path, "")):
        with pytest.raises(InputError, match="too many levels of symbolic links"):
            write(tmp_path / "circle")


def test_a_file_that_is_not_ours_is_kept(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("mine")
    with pytest.raises(InputError, match=r"f would be lost.*--force \(force=True\)"):
        write_atomic(tmp_path / "f", "ours")
    assert (tmp_path / "f").read_text() == "mine"
    write_atomic(tmp_path / "f", "ours", force=True)
    assert (tmp_path / "f").read_text() == "ours"
    (tmp_path / "empty").touch()
    write_atomic(tmp_path / "empty", "ours")
    with pytest.raises(InputError, match="is a folder"):
        write_atomic(tmp_path, "ours", force=True)
    with pytest.raises(InputError, match="not a regular file"):
        write_atomic("/dev/null", "ours", force=True)


def test_a_place_that_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    for write in (thing, lambda path: write_atomic(path, "")):
        with pytest.raises(InputError, match=r"cannot write .*/file/d: .*/file is a file; choose another place$"):
            write(tmp_path / "file" / "d")
    monkeypatch.setattr(os, "access", lambda *_: False)  # as it is for all but root
    for write in (thing, lambda path: write_atomic(path, "")):
        with pytest.raises(InputError, match=r"cannot write .*new: permission denied; choose another place"):
            write(tmp_path / "new")


KILLED = """
import os, signal, shutil, sys
from pathlib import Path
from lgn_edge import files

def kill(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

point, path, text = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
replace, calls = os.replace, []

def replace_and_count(*arguments):
    calls.append(arguments)
    if point == f"before rename {len(calls)}":
        kill()
    replace(*arguments)
    if point == f"after rename {len(calls)}":
        kill()

os.replace = replace_and_count
if point == "before the list":
    files._write_list = kill
if point == "while the old one is removed":
    shutil.rmtree = kill
with files.atomic_directory(path, "thing") as folder:
    (folder / "text").write_text(text)
    if point == "in the block":
        kill()
"""
POINTS = [
    "in the block",
    "before the list",
    "before rename 1",
    "after rename 1",
    "after rename 2",
    "while the old one is removed",
]


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_process_loses_nothing_and_the_next_one_clears_up(tmp_path: Path, point: str) -> None:
    folder = tmp_path / "d"
    with atomic_directory(folder, "thing") as new:
        (new / "text").write_text("old")
    killed = subprocess.run([sys.executable, "-c", KILLED, point, folder, "new"], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(tmp_path.glob(".d.*"))
    everywhere = [path.read_text() for path in tmp_path.rglob("text")]
    assert "old" in everywhere or (folder / "text").read_text() == "new"
    with pytest.raises(KeyboardInterrupt), atomic_directory(folder, "thing"):
        raise KeyboardInterrupt  # nothing new comes: what is there is what the killed process left, and whole
    assert [path.name for path in tmp_path.iterdir()] == ["d"]
    assert (folder / "text").read_text() in ("old", "new")
    thing(folder)


def test_only_what_is_ours_beyond_doubt_is_cleared_up(tmp_path: Path) -> None:
    def leftover(name: str, text: str = "", more: str = "new") -> None:
        place = tmp_path / name
        place.mkdir()
        (place / "lock").write_text(text or files._MARK + "d")
        (place / more).write_text("")

    leftover(".d.ours")
    leftover(".d.unmarked", "mine")
    leftover(".d.more", more="notes")
    leftover(".d.x.other", files._MARK + "d.x")
    (tmp_path / ".d.file").touch()
    (tmp_path / ".d.folder").mkdir()
    thing(tmp_path / "d")
    kept = [".d.file", ".d.folder", ".d.more", ".d.unmarked", ".d.x.other", "d"]
    assert sorted(path.name for path in tmp_path.iterdir()) == kept


IN_USE = r"cannot write .*/[df]: another lgn-edge is writing there; wait until it has finished, or choose another place"


def test_two_do_not_write_to_one_place(tmp_path: Path) -> None:
    with atomic_directory(tmp_path / "d", "thing") as first, atomic_path(tmp_path / "f") as file:
        (first / "text").write_text("first")
        file.write_text("first")
        for write in (
            lambda: thing(tmp_path / "d", force=True),
            lambda: files.check_folder(tmp_path / "d", "thing"),
            lambda: write_atomic(tmp_path / "f", "second", force=True),
            lambda: files.check_file(tmp_path / "f"),
        ):
            with pytest.raises(InputError, match=IN_USE):
                write()
        thing(tmp_path / "other")
    assert (tmp_path / "d" / "text").read_text() == (tmp_path / "f").read_text() == "first"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "f", "other"]


TOGETHER = """
import sys
from pathlib import Path
from lgn_edge.errors import InputError
from lgn_edge.files import atomic_directory

place, number = Path(sys.argv[1]), sys.argv[2]

def wait_for(name):
    while not (place / name).exists():
        pass

(place / f"ready {number}").touch()
wait_for("go")
try:
    with atomic_directory(place / "d", "thing") as folder:
        (folder / "text").write_text(number)
        wait_for("end")
except InputError as error:
    sys.exit(str(error))
"""


def test_of_those_that_begin_together_one_writes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TOGETHER, tmp_path]
    several = [subprocess.Popen([*command, str(n)], stderr=subprocess.PIPE, text=True) for n in range(3)]
    while len(list(tmp_path.glob("ready *"))) < len(several):
        assert all(process.poll() is None for process in several)
    (tmp_path / "go").touch()
    while sum(process.poll() is None for process in several) > 1:
        pass
    (tmp_path / "end").touch()
    said = [process.communicate(timeout=60)[1] for process in several]
    (done,) = [n for n, process in enumerate(several) if process.returncode == 0]
    assert (tmp_path / "d" / "text").read_text() == str(done)
    assert all("another lgn-edge is writing there" in text for n, text in enumerate(said) if n != done)


def test_what_a_makefile_makes_is_replaced(tmp_path: Path) -> None:
    def write() -> None:
        with atomic_directory(tmp_path / "d", "thing", made=("example", "part/a.o")) as new:
            (new / "part").mkdir()
            (new / "part" / "a.c").write_text("")

    write()
    for name in ("example", "part/a.o"):
        (tmp_path / "d" / name).write_text("made")
        write()
        assert not (tmp_path / "d" / name).exists()
    for mine in ("part/example", "example/notes.txt"):
        (tmp_path / "d" / mine).parent.mkdir(exist_ok=True)
        (tmp_path / "d" / mine).write_text("mine")
        with pytest.raises(InputError, match=f"{mine} would be lost"):
            write()
        (tmp_path / "d" / mine).unlink()
    (tmp_path / "d" / "example").rmdir()
    (tmp_path / "d" / "example").symlink_to("mine")
    with pytest.raises(InputError, match="example would be lost"):
        write()


def test_a_compiler_without_space_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in ("error in backend: IO failure on output stream: No space left on device", "error: NoSpaceLeft"):
        failed = subprocess.CompletedProcess([], 1, "", words)
        monkeypatch.setattr(toolchain.subprocess, "run", lambda *_, failed=failed, **__: failed)
        with pytest.raises(InputError, match="the compiler has no space left to write to; free some"):
            toolchain.archive([], tmp_path / "a.a")


def test_a_folder_that_vanishes_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(files.tempfile, "tempdir", str(tmp_path / "temporary"))

    def fail_without(folder: Path) -> None:
        shutil.rmtree(folder)
        raise RuntimeError("a compiler's words")

    with pytest.raises(InputError, match="vanished while it was in use; set TMPDIR"), scratch_folder():
        fail_without(tmp_path / "temporary")
    with pytest.raises(InputError, match="no temporary folder can be made: no such file or directory; set TMPDIR"):
        scratch_folder().__enter__()
    (tmp_path / "around").mkdir()
    with pytest.raises(InputError, match="around vanished"), atomic_directory(tmp_path / "around" / "d", "thing"):
        fail_without(tmp_path / "around")
    monkeypatch.setattr(files.tempfile, "tempdir", None)
    (tmp_path / "working").mkdir()
    monkeypatch.chdir(tmp_path / "working")
    (tmp_path / "working").rmdir()
    for write in (thing, lambda path: write_atomic(path, "")):
        with pytest.raises(InputError, match="the working folder is gone"):
            write(Path("d"))
