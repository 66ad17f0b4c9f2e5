"""Tables of the UCI repository as arrays: MONK's problems, Adult, Breast Cancer (Ljubljana).

A column of categories becomes one feature 0 or 1 for each category that the file has, in sorted order; a column of
numbers stays one feature. Rows with an unknown value are left out, as usual: of Adult 30,162 and 15,060 are left, of
Breast Cancer 277. The latter has no test set of its own; its 70 test samples are those of difflogic's experiments, so
that figures can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.training.sources import fetch

_TEST_SHARE: Final = 0.25  # of a table without a test set of its own
_UCI: Final = "https://archive.ics.uci.edu/ml/machine-learning-databases/"


@dataclass(frozen=True, eq=False)
class Table:
    """A table as arrays.

    Attributes:
        x: [n, features] uint8 where all columns are categories, else float32; test samples last.
        y: int64 [n].
        class_names: one a class.
        tests: how many samples, the last ones, are the test set.
    """

    x: NDArray[Any]
    y: NDArray[np.int64]
    class_names: tuple[str, ...]
    tests: int


@dataclass(frozen=True)
class _Source:
    """Where a table comes from and what its columns are.

    Attributes:
        url: of its folder.
        folder: below the one for UCI's tables.
        sha256: digests of the training file and, where there is one, the test file.
        fields: the values of a line, or none for a line that holds no sample.
        label: column of the class.
        classes: its values.
        class_names: for people.
        numbers: columns that are numbers.
        ignored: columns that say nothing, such as an identity.
    """

    url: str
    folder: str
    sha256: dict[str, str]
    fields: Callable[[str], Sequence[str]]
    label: int
    classes: tuple[str, ...]
    class_names: tuple[str, ...]
    numbers: frozenset[int] = frozenset()
    ignored: frozenset[int] = frozenset()


def _commas(line: str) -> list[str]:
    fields = [field.strip() for field in line.rstrip(".").split(",")]
    return fields if len(fields) > 1 and "?" not in fields else []


def _monk(number: int, train: str, test: str) -> _Source:
    return _Source(
        _UCI + "monks-problems/",
        "monks",
        {f"monks-{number}.train": train, f"monks-{number}.test": test},
        str.split,
        label=0,
        classes=("0", "1"),
        class_names=("no", "yes"),
        ignored=frozenset({7}),
    )


TABLES: Final = {
    "monk-1": _monk(
        1,
        "d9c328b6f0e095ab10f7bc8468f1d2141f3d08be73e665c3bf0a62994c922606",
        "e501ada3b21d876ab86f3e1614747bd2edc443a685f229a25e480aa1dea629f6",
    ),
    "monk-2": _monk(
        2,
        "7ebcc278005737caad0cd52e6aa31256a2c3174da8047faf4ac3a9d35edbdaa8",
        "945650affde377c27f6218c8b17893e339ea831f4bee9f9d7123020699cfbf40",
    ),
    "monk-3": _monk(
        3,
        "726f258f80be06af4bb2d8831789514a663f5813e47429211fe19dcd367966f8",
        "1d816ae7347afaf895050667adc3f382904c6ed2332d0a2d09353f5e6cb54612",
    ),
    "adult": _Source(
        _UCI + "adult/",
        "adult",
        {
            "adult.data": "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
            "adult.test": "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
        },
        _commas,
        label=14,
        classes=("<=50K", ">50K"),
        class_names=("at most 50K", "more than 50K"),
        numbers=frozenset({0, 2, 4, 10, 11, 12}),
    ),
    "breast-cancer": _Source(
        _UCI + "breast-cancer/",
        "breast-cancer",
        {"breast-cancer.data": "ca7d3fa97b62ff967b6894ffbb3acaaf4a51062e0149e5950b3ad6f685970b65"},
        _commas,
        label=0,
        classes=("no-recurrence-events", "recurrence-events"),
        class_names=("no recurrence", "recurrence"),
    ),
}


def load(name: str, folder: Path) -> Table:
    """A table by its name.

    Args:
        name: a key of `TABLES`.
        folder: holds its files.

    Raises:
        InputError: a file is missing and cannot be downloaded, or is not the published one.
    """
    source = TABLES[name]
    files = fetch(name, folder, source.url, source.sha256)
    parts = [_rows(data.decode("ascii"), source) for data in files]
    rows = [row for part in parts for row in part]
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    taken = [i for i in range(len(columns)) if i != source.label and i not in source.ignored]
    x = np.concatenate([_features(columns[i], i in source.numbers) for i in taken], axis=1)
    y = np.array([source.classes.index(label) for label in columns[source.label]], np.int64)
    x, tests = x.astype(np.float32 if source.numbers else np.uint8), sum(map(len, parts[1:]))
    if not tests:
        tests = math.ceil(_TEST_SHARE * len(y))
        # scikit-learn's train_test_split with random_state 0 takes the first ones of this order as the test set
        order = np.roll(np.random.RandomState(0).permutation(len(y)), -tests)
        x, y = x[order], y[order]
    return Table(x, y, source.class_names, tests)


def _rows(text: str, source: _Source) -> list[Sequence[str]]:
    return [fields for line in text.splitlines() if (fields := source.fields(line.strip()))]


def _features(column: NDArray[Any], numbers: bool) -> NDArray[Any]:
    return column.astype(np.float64)[:, None] if numbers else column[:, None] == np.unique(column)
