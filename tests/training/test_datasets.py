from __future__ import annotations

import gzip
import urllib.error
import urllib.request
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from lgn_edge.errors import InputError
from lgn_edge.training import Dataset, load_dataset, uci
from lgn_edge.training.datasets import read_idx, stratified_split


def idx(array: np.ndarray) -> bytes:
    shape = b"".join(int(n).to_bytes(4, "big") for n in array.shape)
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + shape + array.astype(np.uint8).tobytes())


def test_digits_are_the_same_for_everybody() -> None:
    data = load_dataset("digits")
    assert data.train_x.shape == (1438, 64)
    assert data.test_x.shape == (359, 64)
    assert data.train_x.dtype == np.uint8
    assert data.train_x.max() == 16
    assert data.class_names == tuple("0123456789")
    # the sum over positions pins which samples are held out, and their order
    assert int((np.arange(1, 360) * data.test_y).sum()) == 295911
    assert np.bincount(data.test_y).min() >= 35


def test_stratified_split() -> None:
    labels = np.repeat([0, 1, 2], [100, 50, 7])
    kept, held = stratified_split(labels, 0.2, seed=3)
    assert np.bincount(labels[held]).tolist() == [20, 10, 1]
    assert sorted([*kept, *held]) == list(range(157))
    assert np.array_equal(stratified_split(labels, 0.2, seed=3)[1], held)
    assert not np.array_equal(stratified_split(labels, 0.2, seed=4)[1], held)


def test_idx_files() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)
    np.testing.assert_array_equal(read_idx(idx(array), "x"), array)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (idx(np.zeros((4, 3)))[:-9], "here.gz is not a whole gzip file"),
        (b"no gzip at all", "here.gz is not a whole gzip file"),
        (gzip.compress(b"something else"), "here.gz is not an idx file"),
        (gzip.compress(b""), "here.gz is not an idx file"),
        (gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 9, 1])), "here.gz holds 1 values, not 9"),
    ],
    ids=["cut short", "no gzip", "another file", "empty", "too few values"],
)
def test_broken_idx_files(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_idx(data, "here.gz")


def offline(*_: object, **__: object) -> NoReturn:
    raise urllib.error.URLError("no network")


def test_missing_files_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", offline)
    monkeypatch.setenv("LGN_EDGE_DATA", str(tmp_path))
    with pytest.raises(InputError) as caught:
        load_dataset("mnist")
    for part in ("t10k-labels-idx1-ubyte.gz", str(tmp_path / "mnist"), "LGN_EDGE_DATA", "no network"):
        assert part in str(caught.value)
    assert not (tmp_path / "mnist").exists()


def test_a_damaged_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", offline)
    folder = tmp_path / "fashion-mnist"
    folder.mkdir()
    for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (folder / f"{part}-ubyte.gz").write_bytes(b"half a file")
    with pytest.raises(InputError, match=r"train-images-idx3-ubyte.gz is damaged"):
        load_dataset("fashion-mnist", tmp_path)


def test_refuses() -> None:
    with pytest.raises(InputError, match=r"'mnits' is unknown \(did you mean mnist\?\); there are digits, mnist,"):
        load_dataset("mnits")
    x, y = np.zeros((3, 2), np.uint8), np.array([0, 1, 2])
    with pytest.raises(InputError, match=r"train labels are 0..2; its 2 classes are 0..1"):
        Dataset("own", x, y, x, y, ("a", "b"), "uint8")
    with pytest.raises(InputError, match=r"shape \[3, 2\] and labels \[2\]"):
        Dataset("own", x, y[:2], x, y, ("a", "b", "c"), "uint8")
    x = np.zeros((3, 2), np.float32)
    x[1, 0] = np.nan
    with pytest.raises(InputError, match="test sample 1 has nan as feature 0; remove the sample"):
        Dataset("own", np.zeros((3, 2), np.float32), y, x, y, ("a", "b", "c"), "float32")
    assert len(np.unique(load_dataset("digits").train_y)) == 10


def table(monkeypatch: pytest.MonkeyPatch, name: str, *texts: str) -> Dataset:
    """The data set of a table whose files hold these texts."""
    monkeypatch.setattr(uci, "fetch", lambda *_: [text.encode() for text in texts])
    return load_dataset(name, "nowhere")


def test_tables_of_categories(monkeypatch: pytest.MonkeyPatch) -> None:
    train = " 1 1 1 2 1 3 1 data_5\n 0 2 1 1 1 3 1 data_6\n\n"
    data = table(monkeypatch, "monk-1", train, " 1 3 1 1 2 3 1 data_7\n")
    assert data.input_dtype == "uint8"
    assert data.train_x.tolist() == [[1, 0, 0, 1, 0, 1, 1, 0, 1, 1], [0, 1, 0, 1, 1, 0, 1, 0, 1, 1]]
    assert data.test_x.tolist() == [[0, 0, 1, 1, 1, 0, 0, 1, 1, 1]]
    assert data.train_y.tolist() == [1, 0]
    assert data.test_y.tolist() == [1]


def test_tables_of_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    row = "39, State-gov, 77516, Bachelors, 13, Single, Clerk, None, White, Male, 2174, 0, 40, Here, <=50K"
    test = "|1x3 Cross validator\n" + row.replace("<=50K", ">50K.") + "\n" + row.replace("Here", "?") + ".\n"
    data = table(monkeypatch, "adult", row + "\n" + row.replace("39", "40").replace("<=50K", ">50K") + "\n", test)
    assert data.train_x.tolist() == [[age, 1, 77516, 1, 13, 1, 1, 1, 1, 1, 2174, 0, 40, 1] for age in (39, 40)]
    assert data.train_x.dtype == np.float32
    assert len(data.test_y) == 1
    assert data.test_y.tolist() == [1]


def test_tables_without_a_test_set(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{'no-' * (i % 3 == 0)}recurrence-events,{i:02}" for i in range(41)]
    data = table(monkeypatch, "breast-cancer", "\n".join([*rows[:20], "no-recurrence-events,?", *rows[20:]]))
    train, test = train_test_split(np.arange(41), test_size=0.25, random_state=0)  # as difflogic's experiments do
    assert data.train_x.argmax(1).tolist() == train.tolist()
    assert data.test_x.argmax(1).tolist() == test.tolist()
    assert data.test_y.tolist() == [int(i % 3 > 0) for i in test]
