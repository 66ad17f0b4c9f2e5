"""Writing files so that a reader sees the old one or the whole new one, never half of one."""

from __future__ import annotations

import errno
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lgn_edge.errors import InputError


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary file name beside `path`; rename it to `path` when the block succeeds.

    Whatever the block raises, nothing is left behind and an existing `path` keeps its old content.

    Raises:
        InputError: the folder does not exist, cannot be written, or the disk is full.
    """
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=target.suffix)
    except OSError as error:
        raise InputError(_explain(target, error)) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except OSError as error:
        raise InputError(_explain(target, error)) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_atomic(path: str | os.PathLike[str], data: bytes | str) -> None:
    """Write `data` to `path` through `atomic_path` (text as UTF-8)."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)


def append(path: str | os.PathLike[str], text: str) -> None:
    """Add `text` (UTF-8) to the end of a file; cut off in between, it leaves a part of it there.

    Raises:
        InputError: the file cannot be written, or the disk is full.
    """
    try:
        with open(path, "a", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise InputError(_explain(Path(path), error)) from error


@contextmanager
def atomic_directory(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield an empty folder beside `path`; put it in the place of `path` when the block succeeds.

    A folder that is already at `path` is replaced as a whole, and kept as it was when the block fails.

    Raises:
        InputError: `path` is a file, its parent cannot be written, or the disk is full.
    """
    target = Path(path)
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file; give the name of a folder to write to")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    except OSError as error:
        raise InputError(_explain(target, error)) from error
    replaced = temporary.with_name(temporary.name + ".old")
    try:
        yield temporary
        os.chmod(temporary, 0o777 & ~_umask())
        if target.exists():
            os.replace(target, replaced)
        try:
            os.replace(temporary, target)
        except OSError:
            if replaced.exists():
                os.replace(replaced, target)
            raise
    except OSError as error:
        raise InputError(_explain(target, error)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove what processes left beside `path` that were killed while they wrote it; nobody may be writing it now."""
    target = Path(path)
    for old in target.parent.glob(f".{glob.escape(target.name)}.*"):
        if old.is_dir():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.unlink(missing_ok=True)


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
            f"nothing can be kept in {folder} ({(error.strerror or str(error)).lower()});"
            " set XDG_CACHE_HOME to a folder that can be written"
        ) from error
    return folder


def _explain(path: Path, error: OSError) -> str:
    mend = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "choose another place"
    return f"cannot write {path}: {(error.strerror or str(error)).lower()}; {mend}"


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
