"""Writing so that a reader sees the old one or the whole new one, and so that nothing is lost that is not ours.

What stands at a path is replaced only where it is absent, empty, or as we wrote it. A folder says that itself: the list
`.lgn-edge.json` in it has the digest of every file, and the names of what its own Makefile makes. Anything else is the
user's, and so is what is not as it is listed. Of a file its writer must know it.

A new one is made in a folder beside the path, `.NAME.xxxxxxxx`, which its process holds locked: another one that is to
write to the same path is refused. Where a process was killed, the lock is free, and the next one removes the folder.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from lgn_edge.errors import InputError

Ours = Callable[[Path], bool]
"""Whether a file is one that we wrote, as we wrote it."""

LIST: Final = ".lgn-edge.json"

_LOCK, _NEW, _OLD = "lock", "new", "old"  # in the folder that something is made in
_MENDS: Final = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EBUSY: "wait until it has finished, or choose another place",
}
_MARK: Final = "lgn-edge works here; what a killed process left is removed by the next that writes to the same path: "


def nothing_of_ours(_: Path) -> bool:
    """Of a file that is never replaced."""
    return False


@contextmanager
def atomic_path(path: str | os.PathLike[str], *, ours: Ours = nothing_of_ours, force: bool = False) -> Iterator[Path]:
    """Yield a temporary file name; rename it to `path` when the block succeeds.

    Whatever the block raises, nothing is left behind and an existing `path` keeps its old content.

    Raises:
        InputError: as `check_file`; the folder does not exist or vanishes, or the disk is full.
    """
    with _explained(path):
        target = _checked_file(path, ours, force)
        with _workshop(target) as place:
            new = place / f"{_NEW}{target.suffix}"
            yield new
            _checked_file(path, ours, force)
            os.replace(new, target)


def write_atomic(
    path: str | os.PathLike[str], data: bytes | str, *, ours: Ours = nothing_of_ours, force: bool = False
) -> None:
    """Write `data` to `path` through `atomic_path` (text as UTF-8)."""
    with atomic_path(path, ours=ours, force=force) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)


def append(path: str | os.PathLike[str], text: str) -> None:
    """Add `text` (UTF-8) to the end of a file; cut off in between, it leaves a part of it there.

    Raises:
        InputError: the file cannot be written, or the disk is full.
    """
    with _explained(path), open(path, "a", encoding="utf-8", newline="") as file:
        file.write(text)


@contextmanager
def atomic_directory(
    path: str | os.PathLike[str], kind: str, *, made: Sequence[str] = (), force: bool = False
) -> Iterator[Path]:
    """Yield an empty folder; put it, with the list of its files, in the place of `path` when the block succeeds.

    A folder that is already at `path` is replaced as a whole, and kept as it was when the block fails.

    Args:
        path: the folder to write.
        kind: a word for what is in it; a folder of another kind is not replaced.
        made: the paths in it of what its own Makefile makes, which the next one may replace, too.
        force: replace what is not ours as well.

    Raises:
        InputError: as `check_folder`; the folder around it vanishes, or the disk is full.
    """
    with _explained(path):
        target = _checked_folder(path, kind, force)
        target.parent.mkdir(parents=True, exist_ok=True)
        with _workshop(target) as place:
            new = place / _NEW
            new.mkdir()
            yield new
            _write_list(new, kind, made)
            _checked_folder(path, kind, force)
            if target.exists():
                os.replace(target, place / _OLD)
            os.replace(new, target)


def remove_folder(folder: Path) -> None:
    """Remove a folder in which nothing would be lost (`would_be_lost`).

    Its list goes last: what a killed process leaves of the folder is still known as ours. What cannot be removed stays.
    """
    with suppress(OSError):
        for entry in folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != LIST:
                entry.unlink()
        (folder / LIST).unlink(missing_ok=True)
        folder.rmdir()


def check_file(path: str | os.PathLike[str], ours: Ours = nothing_of_ours, force: bool = False) -> None:
    """Make sure that a file can be written without losing another one.

    A symbolic link is followed: it stays, and the file that it leads to is what is written.

    Args:
        path: the file to write.
        ours: whether the file that is there may be replaced.
        force: replace any file.

    Raises:
        InputError: `path` is a folder or a device, it holds something that is not ours and `force` is false, it cannot
            be written, or another process is writing it.
    """
    with _explained(path):
        _require_alone(_checked_file(path, ours, force))


def check_folder(path: str | os.PathLike[str], kind: str, force: bool = False) -> None:
    """Make sure that a folder can be written as a whole without losing what is in it now.

    A symbolic link is followed: it stays, and the folder that it leads to is what is written.

    Args:
        path: the folder to write.
        kind: as for `atomic_directory`.
        force: replace any folder but the one that the process works in.

    Raises:
        InputError: `path` is a file, it is the working folder or holds it, something in it is not ours and `force` is
            false, it cannot be written, or another process is writing it.
    """
    with _explained(path):
        _require_alone(_checked_folder(path, kind, force))


def would_be_lost(folder: Path, kind: str) -> Path | None:
    """A file in a folder that is not as we wrote it, if there is one; else the folder can be replaced or removed.

    What is not on the folder's list is the user's, and so is what was changed since; not what its Makefile makes. An
    absent folder holds nothing.

    Raises:
        OSError: something in the folder cannot be read.
    """
    found = _read_list(folder, kind)
    listed, made = found or ({}, ())
    wanted = {parent for name in listed for parent in PurePosixPath(name).parents}
    for root, folders, names in _walk(folder):
        for name in sorted(names):
            path = root / name
            place = path.relative_to(folder).as_posix()
            if path.is_symlink() or not path.is_file():
                return path
            if place in made:
                continue
            if found is None if place == LIST else listed.get(place) != sha256(path):
                return path
        inside = PurePosixPath(root.relative_to(folder).as_posix())
        if not folders and not names and root != folder and inside not in wanted:
            return root
    return None


def stranger(folder: Path, ours: Collection[str]) -> Path | None:
    """Something in a folder that has none of these names, and that no killed process left when it wrote one of them."""
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        if entry.name not in ours and not any(_is_workshop(entry, name) for name in ours):
            return entry
    return None


def sha256(path: Path) -> str:
    """Hexadecimal digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def working_folder() -> Path:
    """The folder that the process works in.

    Raises:
        InputError: it was removed; libraries fail there in words of their own.
    """
    try:
        return Path.cwd()
    except OSError as error:
        raise InputError("the working folder is gone; change to a folder that exists and try again") from error


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for what is needed for a while, removed at the end.

    Raises:
        InputError: it cannot be made, or vanishes while it is in use.
    """
    mend = "set TMPDIR to a folder that can be written and stays"
    try:
        folder = tempfile.TemporaryDirectory(prefix="lgn-edge-", ignore_cleanup_errors=True)
    except OSError as error:
        raise InputError(f"no temporary folder can be made: {_reason(error)}; {mend}") from error
    with folder as name, _staying(Path(name), mend):
        yield Path(name)


def cache_folder(kind: str = "") -> Path:
    """The folder lgn-edge, or lgn-edge/KIND, in the user's cache folder.

    Raises:
        InputError: it cannot be made.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lgn-edge" / kind
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"nothing can be kept in {folder} ({_reason(error)}); set XDG_CACHE_HOME to a folder that can be written"
        ) from error
    return folder


def _walk(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """As `os.walk`, but a link to a folder is one of the names, and what cannot be read is an error."""

    def failed(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    for root, folders, names in os.walk(folder, onerror=failed):
        links = [name for name in folders if os.path.islink(os.path.join(root, name))]
        yield Path(root), folders, [*names, *links]


def _checked_file(path: str | os.PathLike[str], ours: Ours, force: bool) -> Path:
    """The file that is to be written, where that loses no other; errors as of `check_file`, or OSError."""
    target = _resolved(path)
    if target.is_dir():
        raise InputError(f"{path} is a folder; give the name of a file to write to")
    if target.exists():
        if not target.is_file():
            raise InputError(f"{path} is not a regular file; give the name of a file to write to")
        if not force and target.stat().st_size and not ours(target):
            raise InputError(
                f"{path} would be lost: it is not what lgn-edge wrote there; give another name, or replace it with"
                " --force (force=True)"
            )
    _require_writable(target.parent)
    return target


def _checked_folder(path: str | os.PathLike[str], kind: str, force: bool) -> Path:
    """The folder that is to be written, where that loses nothing; errors as of `check_folder`, or OSError."""
    target = _resolved(path)
    if target.exists() and not target.is_dir():
        raise InputError(f"{path} is a file; give the name of a folder to write to")
    if working_folder().is_relative_to(target):
        raise InputError(
            f"{path} is the working folder or holds it, and would be replaced as a whole; give a folder inside it"
        )
    lost = None if force else would_be_lost(target, kind)
    if lost:
        raise InputError(
            f"{path} holds what lgn-edge did not write there: {lost.relative_to(target)} would be lost; give"
            " another folder, or replace it with --force (force=True)"
        )
    _require_writable(next(parent for parent in target.parents if parent.exists()))
    return target


def _write_list(folder: Path, kind: str, made: Sequence[str]) -> None:
    paths = sorted(root / name for root, _, names in _walk(folder) for name in names)
    files = {path.relative_to(folder).as_posix(): sha256(path) for path in paths}
    document = {"written by": "lgn-edge", "kind": kind, "files": files, "made": sorted(made)}
    (folder / LIST).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _read_list(folder: Path, kind: str) -> tuple[dict[str, Any], list[Any]] | None:
    """Digests by path, and what the Makefile makes; None where the folder is not one of ours of that kind."""
    try:
        document = json.loads((folder / LIST).read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(document, dict) or (document.get("written by"), document.get("kind")) != ("lgn-edge", kind):
        return None
    files, made = document.get("files"), document.get("made", [])
    return (files, made) if isinstance(files, dict) and isinstance(made, list) else None


@contextmanager
def _workshop(target: Path) -> Iterator[Path]:
    """A folder beside `target` to make it in; first, what killed processes left of theirs is removed.

    Raises:
        OSError: another process makes `target`.
    """
    with ExitStack() as stack:
        with _one_at_a_time(target.parent):
            _require_alone(target, remove=True)
            place = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
            lock = stack.enter_context((place / _LOCK).open("w", encoding="utf-8"))
            stack.callback(_clear, place, target)
            with suppress(OSError):  # nothing is locked there; then nobody takes the folder for a leftover either
                _lock(lock)
            lock.write(_MARK + target.name)  # after it is locked: without this text nobody removes the folder
            lock.flush()
        with _staying(target.parent, "write to a folder that stays"):
            yield place


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until no other process looks around in `folder`, which takes a moment; where nothing is locked, go on."""
    with ExitStack() as stack:
        with suppress(ImportError, OSError):
            import fcntl

            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def _require_alone(target: Path, *, remove: bool = False) -> None:
    """Make sure that no other process makes `target`, and remove what those left that have ended.

    Raises:
        OSError: one does.
    """
    for place in target.parent.glob(f".{glob.escape(target.name)}.*"):
        if _living(place, target, remove):
            raise OSError(errno.EBUSY, "another lgn-edge is writing there")


def _living(place: Path, target: Path, remove: bool) -> bool:
    """Whether a process makes `target` in a folder of `_workshop`; one whose process has ended is removed if asked."""
    if not _is_workshop(place, target.name):
        return False
    with suppress(OSError), (place / _LOCK).open("r+") as lock:
        try:
            _lock(lock)
        except BlockingIOError:
            return True
        if remove:
            _clear(place, target)
    return False


def _is_workshop(place: Path, name: str) -> bool:
    """Whether a folder is one of `_workshop` in which something of that name is made."""
    try:
        known = all(entry.name in (_LOCK, _OLD) or entry.name.startswith(_NEW) for entry in place.iterdir())
        mark = (place / _LOCK).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return known and not place.is_symlink() and mark == _MARK + name


def _lock(file: IO[str]) -> None:
    """Lock a file until it is closed.

    Raises:
        OSError: another process holds it, or nothing is locked here.
    """
    try:
        import fcntl
    except ImportError as error:  # Windows
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP)) from error
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _clear(place: Path, target: Path) -> None:
    """Remove what is in a folder of `_workshop`, then itself; an old `target` that nothing replaced goes back."""
    with suppress(OSError):
        if (place / _OLD).exists() and not target.exists():
            os.replace(place / _OLD, target)
        for entry in place.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != _LOCK:
                entry.unlink()
        (place / _LOCK).unlink()  # the last: a folder that keeps it is found again
        place.rmdir()


@contextmanager
def _staying(folder: Path, mend: str) -> Iterator[None]:
    """Whatever fails in the block for want of a folder that has gone is told as that."""
    done = False
    try:
        yield
        done = True
    finally:
        if not done and not folder.is_dir():
            raise InputError(f"{folder} vanished while it was in use; {mend}")


@contextmanager
def _explained(path: str | os.PathLike[str]) -> Iterator[None]:
    """An error of the operating system in the block is told as one of writing to `path`."""
    try:
        yield
    except OSError as error:
        reason, mend = _reason(error), _MENDS.get(error.errno or 0, "choose another place")
        folder = Path(path).parent
        if isinstance(error, FileNotFoundError | NotADirectoryError) and not folder.is_dir():
            reason = f"{folder} is a file" if folder.exists() else f"there is no folder {folder}"
            mend = mend if folder.exists() else f"make it first, or {mend}"
        raise InputError(f"cannot write {Path(path)}: {reason}; {mend}") from error


def _resolved(path: str | os.PathLike[str]) -> Path:
    """The absolute path without links.

    Raises:
        OSError: it leads through links in a circle.
    """
    working_folder()
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return target


def _require_writable(folder: Path) -> None:
    """Raises what writing into the folder would, before any work is done.

    Raises:
        OSError: it is none, or nothing may be written into it.
    """
    if not stat.S_ISDIR(folder.stat().st_mode):
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
