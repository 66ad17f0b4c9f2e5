"""What a folder is that was given where a model or an artifact belongs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

# A file that tells, and what to do with the folder it lies in.
_KINDS: Final = {
    "model.json": "is a checkpoint of training; make a model of it: lgn-edge export {folder} -o model.onnx",
    "model/model.json": "is a run of training; make a model of it: lgn-edge export {folder} -o model.onnx",
    "manifest.json": "is an artifact; give the model that it was built from, or run it: lgn-edge run {folder} -i FILE",
}


def kind_of_folder(folder: Path) -> str | None:
    """What a folder of ours is and what to do with it, to put behind its name; None for any other."""
    for name, text in _KINDS.items():
        if (folder / name).is_file():
            return text.format(folder=shlex.quote(str(folder)))
    return None
