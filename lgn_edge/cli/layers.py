"""The table of a network's layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from lgn_edge.network.facts import LayerFacts


def layers_table(layers: Sequence[LayerFacts]) -> Table:
    """The layers, without the columns that none of them fills."""
    from rich import box
    from rich.table import Table

    from lgn_edge.network.facts import layer_columns

    rows = [layer_columns(i, layer) for i, layer in enumerate(layers)]
    columns = [name for name in rows[0] if any(row[name] != "-" for row in rows)]
    table = Table(title="layers", title_justify="left", box=box.SIMPLE)
    for name in columns:
        table.add_column(name, justify="left" if name == "kind" else "right")
    for row in rows:
        table.add_row(*(row[name] for name in columns))
    return table
