"""A small network of dense layers."""

from __future__ import annotations

import pytest

from lgn_edge.network import Network
from tests.strategies import random_network


@pytest.fixture
def network() -> Network:
    return random_network(1, features=7, bits=11, widths=(13, 12), classes=3)
