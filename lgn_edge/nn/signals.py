"""Signals as users give them: any leading axes, any type that holds bits."""

from __future__ import annotations

import torch
from torch import Tensor


def rows(x: Tensor) -> Tensor:
    """Signals [..., n] as [batch, n]."""
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])


def with_axes_of(y: Tensor, x: Tensor) -> Tensor:
    """What was computed from `rows(x)`, [batch, n], with the leading axes of x again."""
    return y if x.ndim == 2 else y.reshape(*x.shape[:-1], y.shape[-1])


def real(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Real signals as they are; of whole numbers and bools those that are not 0 as 1 in a dtype, the others as 0."""
    return x if x.is_floating_point() else x.ne(0).to(dtype)
