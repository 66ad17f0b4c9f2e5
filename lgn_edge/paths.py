"""What lies at a path, and what to do with it where something else belongs: the one place that recognises files.

Recognising reads a few bytes of a file, or the names in a folder, and opens nothing. What is not recognised is left to
its reader, which knows more.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final

from lgn_edge.errors import InputError
from lgn_edge.words import printable

_HEAD: Final = 4096  # bytes of a file that tell what it is
_IR_VERSIONS: Final = range(1, 64)  # that an ONNX file may begin with
_ONNX_FIELDS: Final = b"\x12\x1a\x22\x28\x32\x3a\x42\x72"  # of a ModelProto, one of which follows


class Wanted(Enum):
    """What a function or a command takes at a path; the value says what to give."""

    MODEL = "give the name of an ONNX file"
    CHECKPOINT = "give the folder of a checkpoint, which training wrote"
    ARTIFACT = "give the folder of an artifact, which lgn-edge build wrote"
    RECIPE = "give a TOML file or the name of a recipe"
    ARRAY = "give a .npy file that numpy.save wrote"
    DATA = "give the folder that holds a folder of the data set's name"


@dataclass(frozen=True, eq=False)
class Kind:
    """What lies at a path.

    Attributes:
        text: what it is, behind its path in a sentence.
        mends: what to do with it, by what is wanted instead; "{path}" is the path as a shell reads it.
    """

    text: str
    mends: Mapping[Wanted, str] = field(default_factory=dict)

    def mend(self, path: Path, wanted: Wanted) -> str:
        """What to do with it where something else is wanted."""
        return self.mends.get(wanted, wanted.value).format(path=shlex.quote(str(path)))


_EXPORT: Final = "make a model of it: lgn-edge export {path} -o model.onnx"
_DATASET: Final = "data of your own go to lgn_edge.training.train as a Dataset (docs/training.md)"
_BUILD: Final = "lgn-edge build model.onnx --target native --output DIR"
_IN_PYTHON: Final = "load it into its module in Python, and export that: lgn_edge.export(module, 'model.onnx')"


def _trained(text: str) -> Kind:
    """A folder of training."""
    return Kind(
        text,
        {
            Wanted.MODEL: _EXPORT,
            Wanted.ARTIFACT: f"{_EXPORT}, and build that: {_BUILD}",
            Wanted.RECIPE: "give the recipe that it was trained by, and the folder as --output or --start-from",
        },
    )


MISSING: Final = Kind("does not exist", {wanted: f"check the name, or {wanted.value}" for wanted in Wanted})
FOLDER: Final = Kind("is a folder that holds no model, training or artifact")
EMPTY_FOLDER: Final = Kind("is an empty folder")
EMPTY_FILE: Final = Kind("is an empty file, perhaps a copy that was cut off")
CHECKPOINT: Final = _trained("is a checkpoint of training")
RUN: Final = _trained("is a run of training")
ARTIFACT: Final = Kind(
    "is an artifact",
    {Wanted.MODEL: "give the model that it was built from, or run it: lgn-edge run {path} -i FILE"},
)
DEMO: Final = Kind(
    "is a folder of lgn-edge demo",
    {
        Wanted.MODEL: "give model.onnx in it",
        Wanted.CHECKPOINT: "give the folder `training` in it",
        Wanted.ARTIFACT: "give the folder `native` in it",
    },
)
MODEL: Final = Kind(
    "is an ONNX file",
    {
        Wanted.CHECKPOINT: "it holds gates, not the weights that they came from: give the folder that training wrote",
        Wanted.ARTIFACT: "build an artifact of it: lgn-edge build {path} --target native --output DIR",
    },
)
_WEIGHTS: Final = {
    Wanted.MODEL: _IN_PYTHON,
    Wanted.CHECKPOINT: "load it into its module in Python, and save that by lgn_edge.training.save_checkpoint",
    Wanted.ARTIFACT: f"{_IN_PYTHON}, and build that: {_BUILD}",
}
TORCH: Final = Kind("is a file of torch", _WEIGHTS)
SAFETENSORS: Final = Kind("is a safetensors file of weights", _WEIGHTS)
PICKLE: Final = Kind("is a pickle, which lgn-edge never opens", _WEIGHTS)
KERAS: Final = Kind("is an HDF5 file, such as Keras writes")
TFLITE: Final = Kind("is a TensorFlow Lite file")
ARRAY: Final = Kind("is a file of one numpy array", {Wanted.DATA: _DATASET})
ARRAYS: Final = Kind(
    "holds several arrays, as a .npz of numpy",
    {Wanted.ARRAY: "save the samples alone with numpy.save", Wanted.DATA: _DATASET},
)
PROGRAM: Final = Kind(
    "is a compiled program or library", {Wanted.ARTIFACT: "give the folder that it lies in, as lgn-edge build wrote it"}
)
PACKED: Final = Kind("is a compressed file", dict.fromkeys(Wanted, "unpack it first"))
RECIPE: Final = Kind("is a TOML file, such as a recipe", {Wanted.CHECKPOINT: "train by it: lgn-edge train {path}"})
JSON: Final = Kind("is a JSON file")
TEXT: Final = Kind(
    "is a text file",
    {Wanted.ARRAY: "read it with numpy.loadtxt, and save what it gives with numpy.save", Wanted.DATA: _DATASET},
)

_HOLD: Final = {
    "model.json": CHECKPOINT,
    "model/model.json": RUN,
    "training/model/model.json": DEMO,
    "manifest.json": ARTIFACT,
    "model.safetensors": CHECKPOINT,  # a damaged one, which its reader tells
}
_BEGIN: Final = {
    b"\x93NUMPY": ARRAY,
    b"\x89HDF\r\n": KERAS,
    b"\x7fELF": PROGRAM,
    b"!<arch>\n": PROGRAM,
    b"\x00asm": PROGRAM,
    b"\x1f\x8b": PACKED,
    b"\xfd7zXZ": PACKED,
}
# What a function takes without another look; anything else that is recognised is refused.
_TAKEN: Final = {
    Wanted.MODEL: (MODEL,),
    Wanted.CHECKPOINT: (CHECKPOINT, RUN),
    Wanted.ARTIFACT: (ARTIFACT,),
    Wanted.RECIPE: (RECIPE, TEXT),
    Wanted.ARRAY: (ARRAY,),
    Wanted.DATA: (MISSING, FOLDER, EMPTY_FOLDER, CHECKPOINT, RUN, DEMO, ARTIFACT),  # it may hold other things as well
}


def require(path: str | os.PathLike[str], wanted: Wanted) -> Path:
    """The path, unless what lies there is recognised as something else than what is wanted.

    Raises:
        InputError: it is something else, or nothing; the message says what it is and what to do with it.
    """
    place = Path(path)
    other = other_than(place, wanted)
    if other:
        raise InputError(f"{printable(str(place))} {other.text}; {other.mend(place, wanted)}")
    return place


def other_than(path: Path, wanted: Wanted) -> Kind | None:
    """What lies at a path, where that is recognised and not what is wanted.

    Raises:
        InputError: it cannot be read.
    """
    kind = kind_of(path)
    return None if kind in _TAKEN[wanted] else kind


def kind_of(path: Path) -> Kind | None:
    """What lies at a path; None where it is not recognised.

    Raises:
        InputError: it cannot be read.
    """
    try:
        if path.is_dir():
            return _kind_of_folder(path)
        if not path.exists():
            return MISSING
        return _kind_of_file(path) if path.is_file() else None
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {(error.strerror or str(error)).lower()}; give one that can be"
        ) from error


def _kind_of_folder(folder: Path) -> Kind:
    known = next((kind for name, kind in _HOLD.items() if (folder / name).is_file()), None)
    return known or (FOLDER if any(folder.iterdir()) else EMPTY_FOLDER)


def _kind_of_file(path: Path) -> Kind | None:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        return EMPTY_FILE
    known = next((kind for start, kind in _BEGIN.items() if head.startswith(start)), None)
    if known:
        return known
    if head.startswith(b"PK\x03\x04"):
        return _kind_of_archive(path)
    if head[0] == 0x08 and len(head) > 2 and head[1] in _IR_VERSIONS and head[2] in _ONNX_FIELDS:
        return MODEL
    if head[0] == 0x80 and head[1:2] and head[1] <= 5:
        return PICKLE
    if head[4:8] == b"TFL3":
        return TFLITE
    if head[5:9] == b"\0\0\0{":  # behind the length of the text
        return SAFETENSORS
    return _kind_of_text(path, head)


def _kind_of_archive(path: Path) -> Kind:
    import zipfile  # which most commands do without

    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return PACKED
    if any(name.endswith((".pkl", "archive_format", "serialized_exported_program.json")) for name in names):
        return TORCH
    return ARRAYS if names and all(name.endswith(".npy") for name in names) else PACKED


def _kind_of_text(path: Path, head: bytes) -> Kind | None:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.end < len(head):  # else only a character is cut in two
            return None
        text = head[: error.start].decode()
    if not all(character.isprintable() or character.isspace() for character in text):
        return None
    if path.suffix == ".toml":
        return RECIPE
    return JSON if text.lstrip().startswith("{") else TEXT
