"""Names of others are told apart in every list that shows them, whatever is in them."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from lgn_edge.artifact import build
from lgn_edge.cli import app
from lgn_edge.cli.console import readable
from lgn_edge.errors import InputError
from lgn_edge.network.labels import as_labels
from lgn_edge.onnx_model import write
from lgn_edge.words import listed, near, nearest
from tests.strategies import random_network

NAMES = ("cats, dogs", 'an "odd" one', " blank ", "plain", "two\nlines")
LISTED = r'"cats, dogs", "an \"odd\" one", " blank ", plain, two\nlines'


@given(st.lists(st.text(st.characters(codec="ascii", exclude_categories=["Cc"], exclude_characters="\\"), min_size=1)))
def test_a_list_is_read_back(names: list[str]) -> None:
    text = listed(names)
    read = next(csv.reader([text], skipinitialspace=True, escapechar="\\", doublequote=False), [])
    assert read == names


def test_case_does_not_hide_what_was_meant() -> None:
    names = ["Left", "LEFT", "rigHt"]
    assert nearest("left", names) == ["Left", "LEFT"]
    assert near("RIGHTS", names) == " (did you mean rigHt?)"
    assert nearest("up", names) == []


def test_numbers_stay_numbers() -> None:
    assert readable([1234, 5, "a, b", "c"]) == '1,234, 5, "a, b", c'


def test_every_page_that_lists_names_tells_them_apart(tmp_path: Path) -> None:
    network = replace(random_network(3, features=7, bits=24, widths=(40, 30), classes=5), class_names=NAMES)
    write(network, tmp_path / "m.onnx")
    report = build(network, "c", tmp_path / "built").folder / "report.md"
    inspected = CliRunner().invoke(app, ["inspect", str(tmp_path / "m.onnx")]).stdout
    for page in (repr(network), report.read_text(), inspected):
        assert LISTED in page, page
    with pytest.raises(InputError) as caught:
        as_labels({"train": ["a cat"]}, NAMES)
    assert LISTED in str(caught.value)
