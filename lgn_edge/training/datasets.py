"""Data sets with a fixed test set: digits (of scikit-learn), MNIST, Fashion-MNIST (idx files), CIFAR-10, UCI tables.

Files are looked for in `$LGN_EDGE_DATA/<name>/` (tables in `$LGN_EDGE_DATA/uci/`), or in the folder given instead; see
`sources`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import operator
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.checks import any_path, any_text
from lgn_edge.errors import InputError, MissingProgramError
from lgn_edge.network.labels import as_labels, as_names
from lgn_edge.network.layers import INPUT_DTYPES
from lgn_edge.paths import Wanted, require
from lgn_edge.tables import Table, flag, text, whole
from lgn_edge.training import cifar10, uci
from lgn_edge.training.conversion import as_samples
from lgn_edge.training.sources import DATA_VARIABLE, fetch
from lgn_edge.words import near


@dataclass(frozen=True)
class DataRecipe(Table):
    """What a network learns from.

    Attributes:
        name: of a data set; see `load_dataset`.
        shift: training images are moved by up to this many pixels in each direction, each time anew.
        flip: training images are mirrored, right to left, with even chances, each time anew.
    """

    TABLE: ClassVar = "data"

    name: str = text()
    shift: int = whole(0, least=0)
    flip: bool = flag(False)

    @property
    def augments(self) -> bool:
        """Whether training images are changed each time they are seen."""
        return self.shift > 0 or self.flip


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples and labels, train and test apart.

    What is given is converted where that loses nothing: samples of any layout and any type of number whose values
    `input_dtype` has, or lists; labels as numbers of any type or as names of classes; class names of any type. Numbers
    that name the classes, such as 3 and 7, are names (see `as_labels`).

    Attributes:
        name: a word for people and files.
        train_x, test_x: [n, features] of `input_dtype`, finite.
        train_y, test_y: int64 [n], classes 0..len(class_names) - 1; in training at least two different ones.
        class_names: one a class.
        input_dtype: "uint8" or "float32".
        image: rows and columns, where the features are the pixels of an image row by row, one plane after the other;
            None otherwise.

    Raises:
        InputError: what is given cannot be converted, or does not fit together.
    """

    name: str
    train_x: NDArray[Any]
    train_y: NDArray[np.int64]
    test_x: NDArray[Any]
    test_y: NDArray[np.int64]
    class_names: tuple[str, ...]
    input_dtype: str
    image: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        def keep(field: str, value: Any) -> None:
            object.__setattr__(self, field, value)

        keep("name", str(self.name))
        where = f"data set {self.name}:"
        keep("input_dtype", _input_dtype(self.input_dtype, where))
        keep("class_names", as_names(self.class_names, where))
        parts = ("train", "test")
        labels = as_labels({f"{where} {part}": getattr(self, f"{part}_y") for part in parts}, self.class_names)
        for part, y in zip(parts, labels, strict=True):
            x = as_samples(getattr(self, f"{part}_x"), self.input_dtype, f"{where} {part}")
            if len(x) != len(y) or not len(x):
                raise InputError(
                    f"{where} {part} samples have shape {list(x.shape)} and labels {list(y.shape)};"
                    " give [n, features] and [n], n at least 1"
                )
            keep(f"{part}_x", x)
            keep(f"{part}_y", y)
        if (self.train_y == self.train_y[0]).all():
            raise InputError(
                f"{where} train labels are all {self.class_names[self.train_y[0]]!r}; a network learns to tell classes"
                " apart, so give samples of at least two"
            )
        if self.train_x.shape[1] != self.test_x.shape[1]:
            raise InputError(
                f"{where} train samples have {self.train_x.shape[1]} features, test samples {self.test_x.shape[1]}"
            )
        if self.image is not None:
            keep("image", _image(self.image, self.train_x.shape[1], where))

    def fingerprint(self) -> dict[str, str]:
        """What a run remembers of its data: sha256, hexadecimal, of samples, labels and class names."""
        shape = f"{self.input_dtype} {self.train_x.shape} {self.image} ".encode()
        return {
            "samples": hashlib.sha256(shape + _digest(self.train_x) + _digest(self.test_x)).hexdigest(),
            "labels": hashlib.sha256(_digest(self.train_y) + _digest(self.test_y)).hexdigest(),
            "class names": hashlib.sha256(json.dumps(self.class_names).encode()).hexdigest(),
        }


def _digest(array: NDArray[Any]) -> bytes:
    return hashlib.sha256(array.data).digest()


def _input_dtype(given: Any, where: str) -> str:
    try:
        name = str(np.dtype(given).name)
    except TypeError:
        name = str(given)
    if name not in INPUT_DTYPES:
        raise InputError(f"{where} input_dtype is {name!r}; legal are {', '.join(INPUT_DTYPES)}")
    return name


def _image(given: Any, features: int, where: str) -> tuple[int, int]:
    try:
        rows, columns = (operator.index(side) for side in given)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where} image is {given!r}; give its rows and columns") from error
    if rows < 1 or columns < 1 or features % (rows * columns):
        raise InputError(f"{where} samples of {features} features are no images of {rows} x {columns} pixels")
    return rows, columns


def load_dataset(name: str, folder: str | os.PathLike[str] | None = None) -> Dataset:
    """A data set by its name.

    Args:
        name: "digits", "mnist", "fashion-mnist", "cifar10", "monk-1", "monk-2", "monk-3", "adult" or "breast-cancer".
        folder: holds a folder of that name with its files; None is `$LGN_EDGE_DATA`, or a cache in the home folder.
            Digits are no files.

    Raises:
        InputError: an unknown name, a folder for digits, what is no folder, a file that is missing and cannot be
            downloaded, or one that is damaged.
    """
    any_text(name, "data set")
    if folder is not None:
        require(any_path(folder, "folder"), Wanted.DATA)
    if name == "digits":
        if folder is not None:
            raise InputError(
                f"data set digits comes with scikit-learn, so nothing would be read from {folder}; leave --data (data=)"
                " out, or choose a recipe whose data set lies there, such as mnist"
            )
        return _digits()
    if name == "cifar10":
        return _cifar10(dataset_folder(name, folder))
    if name in uci.TABLES:
        return _table(name, dataset_folder(name, folder))
    if name not in _IDX:
        names = dataset_names()
        raise InputError(
            f"data set {name!r} is unknown{near(name, names)}; there are {', '.join(names)}, and data of your own are"
            " given to lgn_edge.training.train as a Dataset (data=)"
        )
    return _idx_dataset(name, dataset_folder(name, folder))


def dataset_folder(name: str, folder: str | os.PathLike[str] | None = None) -> Path:
    """Where the files of a data set lie, or are downloaded to; `folder` as of `load_dataset`. Digits have none."""
    chosen = folder or os.environ.get(DATA_VARIABLE)
    base = Path(chosen) if chosen else Path.home() / ".cache" / "lgn-edge"
    return base / "uci" / uci.TABLES[name].folder if name in uci.TABLES else base / name


def dataset_names() -> tuple[str, ...]:
    """The data sets that `load_dataset` knows."""
    return ("digits", *_IDX, "cifar10", *uci.TABLES)


def stratified_split(labels: NDArray[np.int64], share: float, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices (kept, held out), both ascending; of each class, `share` of its samples (rounded) are held out."""
    generator = np.random.default_rng(seed)
    held = []
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        held.append(members[: round(len(members) * share)])
    mask = np.zeros(len(labels), np.bool_)
    mask[np.concatenate(held)] = True
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def _digits() -> Dataset:
    """1,797 images of 8 x 8, values 0..16; a fifth of each class is the test set, the same for everybody."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingProgramError(
            "data set digits: scikit-learn is not installed; pip install 'lgn-edge[train]'"
        ) from error
    x, labels = load_digits(return_X_y=True)
    y = labels.astype(np.int64)
    train, test = stratified_split(y, share=0.2, seed=2024)
    pixels = x.astype(np.uint8)
    names = tuple("0123456789")
    return Dataset("digits", pixels[train], y[train], pixels[test], y[test], names, "uint8", (8, 8))


def _cifar10(folder: Path) -> Dataset:
    """The first 45,000 training images; the other 5,000 are the test set (see `cifar10.load_official_test`)."""
    x, y = cifar10.load_training(folder)
    train, test = slice(cifar10.TRAINED), slice(cifar10.TRAINED, None)
    image = (cifar10.SIDE, cifar10.SIDE)
    return Dataset("cifar10", x[train], y[train], x[test], y[test], cifar10.NAMES, "uint8", image)


def _table(name: str, folder: Path) -> Dataset:
    table = uci.load(name, folder)
    x, y, train, test = table.x, table.y, slice(-table.tests), slice(-table.tests, None)
    return Dataset(name, x[train], y[train], x[test], y[test], table.class_names, x.dtype.name)


@dataclass(frozen=True)
class _IdxFiles:
    url: str
    class_names: tuple[str, ...]
    sha256: tuple[str, str, str, str]  # of the files of `_IDX_NAMES`


_IDX_NAMES: Final = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
_IDX: Final = {
    "mnist": _IdxFiles(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        tuple("0123456789"),
        (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ),
    "fashion-mnist": _IdxFiles(
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
        ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot"),
        (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    ),
}


def _idx_dataset(name: str, folder: Path) -> Dataset:
    files = _IDX[name]
    contents = fetch(name, folder, files.url, dict(zip(_IDX_NAMES, files.sha256, strict=True)))
    train_x, train_y, test_x, test_y = (
        read_idx(data, folder / file) for data, file in zip(contents, _IDX_NAMES, strict=True)
    )
    return Dataset(
        name,
        train_x.reshape(len(train_x), -1),
        train_y.astype(np.int64),
        test_x.reshape(len(test_x), -1),
        test_y.astype(np.int64),
        files.class_names,
        "uint8",
        (train_x.shape[1], train_x.shape[2]),
    )


def read_idx(data: bytes, path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """The array of a gzipped idx file of unsigned bytes.

    Args:
        data: the gzipped file.
        path: where it came from, for messages.

    Raises:
        InputError: truncated, or not such a file.
    """
    try:
        raw = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} is not a whole gzip file ({error}); get it again") from error
    axes = raw[3] if len(raw) > 3 else 0
    header = 4 + 4 * axes
    if raw[:3] != b"\x00\x00\x08" or len(raw) < header or not axes:
        raise InputError(f"{path} is not an idx file of unsigned bytes; get it again")
    shape = tuple(int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(axes))
    values = np.frombuffer(raw, np.uint8, offset=header)
    if values.size != int(np.prod([int(n) for n in shape], dtype=object)):
        raise InputError(f"{path} holds {values.size} values, not {' x '.join(map(str, shape))}; get it again")
    return values.reshape(shape).copy()
