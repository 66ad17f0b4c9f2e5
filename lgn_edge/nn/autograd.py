"""Calling our autograd functions."""

from __future__ import annotations

from typing import Any

import torch


def apply(function: type[torch.autograd.Function], *arguments: Any) -> Any:
    """`function.apply(*arguments)`, for which torch has no types."""
    return function.apply(*arguments)  # type: ignore[no-untyped-call]
