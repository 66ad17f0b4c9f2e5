"""Files of data sets: from a folder, else downloaded into it; held against their SHA-256 before they are read."""

from __future__ import annotations

import hashlib
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from lgn_edge.errors import InputError, MissingDataError
from lgn_edge.files import write_atomic

DATA_VARIABLE: Final = "LGN_EDGE_DATA"

_TIMEOUT: Final = 30.0  # seconds without an answer from a server


def fetch(name: str, folder: Path, url: str, sha256: Mapping[str, str]) -> list[bytes]:
    """Contents of files.

    Args:
        name: of the data set, for messages.
        folder: where they are, or are downloaded to.
        url: what the file names are appended to for downloading.
        sha256: published digests by file name.

    Raises:
        MissingDataError: a file is missing and cannot be downloaded.
        InputError: one is not the published one.
    """
    missing = [file for file in sha256 if not (folder / file).exists()]
    for file in missing:
        _download(name, url + file, folder / file, sha256[file], missing)
    return [_checked(folder / file, digest) for file, digest in sha256.items()]


def _download(name: str, url: str, path: Path, digest: str, missing: list[str]) -> None:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:
            data = answer.read()
    except OSError as error:
        raise MissingDataError(
            f"data set {name}: {', '.join(missing)} not found in {path.parent}, and {url} cannot be downloaded"
            f" ({getattr(error, 'reason', error)}); put the files into that folder, and give the folder that"
            f" holds it as --data (data=) or {DATA_VARIABLE}"
        ) from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise InputError(f"data set {name}: what {url} sends is not the published file; get {path.name} elsewhere")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"data set {name}: cannot make the folder {path.parent}; choose another one") from error
    write_atomic(path, data)


def _checked(path: Path, digest: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise InputError(f"{path} is damaged or another file (its SHA-256 differs); delete it to download it again")
    return data
