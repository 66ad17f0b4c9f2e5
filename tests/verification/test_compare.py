"""Comparison is exact, and says what it found."""

from __future__ import annotations

import numpy as np
import pytest

from lgn_edge.network import Prediction
from lgn_edge.verification import compare


def prediction(*rows: list[int]) -> Prediction:
    return Prediction.of(np.array(rows, np.int32), decides=True)


def test_equal():
    found = compare("v", prediction([1, 2], [3, 0]), prediction([1, 2], [3, 0]))
    assert (found.values, found.mismatches, found.first) == (6, 0, None)


def test_score_and_class():
    found = compare("v", prediction([1, 2], [3, 4]), prediction([1, 2], [3, 0]))
    assert found.mismatches == 2
    assert str(found.first) == "scores[1] of sample 1 in v: 4, not 0"


def test_class_alone():
    want = prediction([2, 2])
    found = compare("v", Prediction(want.scores, np.array([1], np.uint16)), want)
    assert str(found.first) == "classes of sample 0 in v: 1, not 0"


@pytest.mark.parametrize(
    ("got", "text"),
    [
        (Prediction(np.zeros((1, 2), np.int64), np.zeros(1, np.uint16)), "dtype of scores in v: int64, not int32"),
        (Prediction(np.zeros((1, 2), np.int32), np.zeros(1, np.int64)), "dtype of classes in v: int64, not uint16"),
        (Prediction(np.zeros((2, 2), np.int32), np.zeros(1, np.uint16)), "shape of scores in v: (2, 2), not (1, 2)"),
    ],
)
def test_type_and_shape_count(got, text):
    found = compare("v", got, prediction([0, 0]))
    assert found.mismatches == found.values == 3
    assert str(found.first) == text


def test_an_empty_answer_of_the_wrong_type_differs():
    got = Prediction(np.zeros((0, 2), np.int64), np.zeros(0, np.uint16))
    assert compare("v", got, Prediction.of(np.zeros((0, 2), np.int32), decides=True)).mismatches == 1


def test_classes_where_there_are_none():
    bits = Prediction(np.zeros((2, 3), np.int32), None)
    classes = Prediction.of(bits.scores, decides=True)
    assert compare("v", bits, bits).mismatches == 0
    assert str(compare("v", classes, bits).first) == "classes in v: given, not none"
    assert str(compare("v", bits, classes).first) == "classes in v: none, not given"
