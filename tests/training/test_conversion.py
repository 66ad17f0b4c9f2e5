"""What numpy gives as samples, labels and class names: converted without loss, or refused when the data set is made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lgn_edge.errors import InputError
from lgn_edge.training import Dataset

X = (np.arange(12) * 20).reshape(4, 3)
Y = [0, 1, 1, 0]


def made(x: Any = X, y: Any = Y, names: Any = ("no", "yes"), dtype: Any = "uint8", **more: Any) -> Dataset:
    return Dataset("own", x, y, X if len(x) else x, Y, names, dtype, **more)


def read_only(x: np.ndarray) -> np.ndarray:
    copy = x.copy()
    copy.setflags(write=False)
    return copy


@pytest.mark.parametrize(
    "samples",
    [
        X.tolist(),
        X.astype(np.uint8),
        X.astype(np.int16),
        X.astype(">f8"),
        X.astype(object),
        np.asfortranarray(X),
        np.repeat(X, 2, axis=1)[:, ::2],
        X[::-1][::-1],
        read_only(X.astype(np.uint8)),
        torch.from_numpy(X),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["uint8", np.float32])
def test_samples(samples: Any, dtype: Any) -> None:
    data = made(samples, dtype=dtype)
    np.testing.assert_array_equal(data.train_x, X)
    assert data.input_dtype == np.dtype(dtype).name == data.train_x.dtype
    assert data.train_x.flags.c_contiguous
    torch.from_numpy(data.train_x)  # warns of arrays that cannot be written
    assert data.fingerprint() == made(dtype=dtype).fingerprint()


@pytest.mark.parametrize(
    "labels",
    [
        *(np.array(Y, dtype) for dtype in ("int8", "uint8", ">i4", "uint64", "float32", "float64", "bool", object)),
        np.array([0, 9, 1, 9, 1, 9, 0, 9], np.int16)[::2],
        [False, True, True, False],
        ["no", "yes", "yes", "no"],
        np.array(["no", "yes", "yes", "no"], object),
        np.array([b"no", b"yes", b"yes", b"no"]),
        torch.tensor(Y),
    ],
    ids=str,
)
def test_labels(labels: Any) -> None:
    data = made(y=labels)
    assert data.train_y.tolist() == Y
    assert data.train_y.dtype == np.int64
    assert data.fingerprint() == made().fingerprint()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b"], ("a", "b")),
        (np.array(["a", "b"]), ("a", "b")),
        (np.array([3, 5]), ("3", "5")),
        ([False, True], ("False", "True")),
        ((b"a", b"b"), ("a", "b")),
        ({"a": 1, "b": 2}, ("a", "b")),
    ],
)
def test_class_names(names: Any, expected: tuple[str, ...]) -> None:
    data = made(names=names)
    assert data.class_names == expected
    assert all(type(name) is str for name in data.class_names)


@pytest.mark.parametrize("names", [[3, 7], ["3", "7"], np.array([3, 7], np.uint8), [3.0, 7.0]])
@pytest.mark.parametrize("kind", [np.int64, np.float32, str, object])
def test_labels_may_be_names_that_are_numbers(names: Any, kind: Any) -> None:
    data = Dataset(
        "own", X, np.array([3, 7, 7, 3]).astype(kind), X, np.array([7, 7, 7, 7]).astype(kind), names, "uint8"
    )
    assert (data.train_y.tolist(), data.test_y.tolist()) == ([0, 1, 1, 0], [1, 1, 1, 1])
    assert data.class_names == ("3", "7")


def test_labels_are_read_alike_in_all_parts() -> None:
    data = Dataset("own", X, [1, 2, 2, 1], X, [1, 1, 1, 1], [1, 2], "uint8")  # alone, the latter could be numbers
    assert data.test_y.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"x": X / 220}, "is no value of uint8; multiply them by the greatest value .* such as 255, and round them"),
        ({"x": X * 2}, "feature 1 of sample 2, 280, is no value of uint8; give input_dtype float32"),
        ({"x": -X}, "is no value of uint8; give input_dtype float32"),
        ({"x": X / 7, "dtype": "float32"}, r"is no value of float32; round them with .astype\('float32'\)"),
        ({"x": X + 2**40 + 1, "dtype": "float32"}, "is no value of float32"),
        ({"x": np.where(X == 40, np.nan, X)}, "train sample 0 has nan as feature 2; remove the sample or fill it in"),
        ({"x": np.where(X == 40, np.inf, X), "dtype": "float32"}, "train sample 0 has inf as feature 2"),
        ({"x": X.reshape(4, 3, 1)}, r"shape \[4, 3, 1\]; give \[n, features\]"),
        ({"x": [[1, 2], [3]]}, "no array .*; give rows of equal length"),
        ({"x": X.astype(str)}, "train samples are texts; features are numbers"),
        ({"x": X.astype(complex)}, "train samples are complex numbers"),
        ({"x": [["a", 1, None]] * 4}, "train samples are objects of several kinds"),
        ({"x": np.ma.masked_equal(X, 40)}, "masked values"),
        ({"x": X[:, :0]}, "train samples have 0 features, test samples 3"),
        ({"dtype": "int8"}, "input_dtype is 'int8'; legal are float32, uint8"),
        ({"dtype": "bytes"}, "input_dtype is"),
        ({"y": [0, 1.5, 0, 1]}, "train label 1 is 1.5; a class is a whole number or a name"),
        ({"y": [0, np.nan, 0, 1]}, "train label 1 is nan"),
        ({"y": [0, -1, 0, 1]}, r"train labels are -1\.\.1; its 2 classes are 0\.\.1"),
        ({"y": [0, 2, 0, 1]}, r"train labels are 0\.\.2; its 2 classes are 0\.\.1"),
        (
            {"y": ["no", "yess", "no", "no"]},
            r"have 'yess' \(did you mean yes\?\), which is no class; there are no, yes",
        ),
        ({"y": [0, None, 0, 1]}, "train labels are objects of several kinds"),
        ({"y": [Y]}, r"labels have shape \[1, 4\]; give \[n\]"),
        ({"y": Y[:2]}, r"shape \[4, 3\] and labels \[2\]"),
        ({"y": [0, 3, 0, 3], "names": [3, 7]}, r"train labels are 0\.\.3; its 2 classes are 0\.\.1"),
        ({"names": [1, 0]}, "are numbers of classes and names of other ones: 0 is the name of class 1; give the names"),
        ({"names": [1, 0, 2]}, "are numbers of classes and names of other ones"),
        ({"y": [0, 0, 0, 0]}, "train labels are all 'no'; .* give samples of at least two"),
        ({"y": ["yes"] * 4}, "train labels are all 'yes'"),
        ({"names": "no"}, "class names are 'no'; give one for each class, in a list"),
        ({"names": []}, "class names are an empty list"),
        ({"names": [1, "1"]}, "class names have '1' twice"),
        ({"image": (2, 2)}, "samples of 3 features are no images of 2 x 2 pixels"),
        ({"image": 3}, "image is 3; give its rows and columns"),
    ],
)
def test_refuses(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^data set own: .*{message}"):
        made(**given)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"x": X + 1}, {"samples"}),
        ({"dtype": "float32"}, {"samples"}),
        ({"image": (3, 1)}, {"samples"}),
        ({"y": [0, 1, 1, 1]}, {"labels"}),
        ({"names": ("yes", "no")}, {"class names"}),
    ],
)
def test_a_fingerprint_tells_what_changed(changed: dict[str, Any], what: set[str]) -> None:
    before, now = made().fingerprint(), made(**changed).fingerprint()
    assert {name for name in before if before[name] != now[name]} == what
