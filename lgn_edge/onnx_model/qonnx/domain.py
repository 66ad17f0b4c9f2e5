"""The domain of QONNX for networks of look-up tables."""

from __future__ import annotations

from typing import Final

DOMAIN: Final = "qonnx.custom_op.lnn"
DOMAIN_VERSION: Final = 3
OPSET: Final = 15  # of the standard ops: the first whose Shape has a start and an end; nothing newer is needed
