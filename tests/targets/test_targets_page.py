"""docs/targets.md holds the table that the registry gives."""

from __future__ import annotations

from pathlib import Path

from lgn_edge.cli.targets_page import table

PAGE = Path(__file__).parents[2] / "docs" / "targets.md"


def test_the_page_has_the_registrys_table() -> None:
    assert table() in PAGE.read_text(), (
        "run python -m lgn_edge.cli.targets_page, and put its table into docs/targets.md"
    )
