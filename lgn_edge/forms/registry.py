"""Every form, in the order they are considered; the first of equals is taken."""

from __future__ import annotations

from typing import Final

from lgn_edge.forms.form import Form
from lgn_edge.forms.gpu.form import OnGpu
from lgn_edge.forms.positions.form import PositionsForm
from lgn_edge.forms.positions_straight.form import PositionsStraight
from lgn_edge.forms.rows.form import Rows
from lgn_edge.forms.straight.form import Straight
from lgn_edge.forms.table.form import Table
from lgn_edge.forms.web.form import Web

FORMS: Final[tuple[Form, ...]] = (
    Rows(),
    Web(),
    PositionsStraight(),
    PositionsForm(),
    Table(),
    Straight(),
    OnGpu(),
)
