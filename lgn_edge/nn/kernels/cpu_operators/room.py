"""What the operators of the CPU share: tensors for their results, and gradients that are wanted or not."""

from __future__ import annotations

from functools import partial
from typing import Final

import torch
from torch import Tensor

from lgn_edge.nn.kernels.operator import operator

LANES: Final = 16  # samples in a block

on_cpu: Final = partial(operator, key="CPU")


def carrier(like: Tensor, blocks: int, signals: int) -> Tensor:
    """A float32 tensor [blocks, signals, 16] through which gradients flow, without memory for values."""
    return like.new_zeros(1, dtype=torch.float32).expand(blocks, signals, LANES)


def floats(like: Tensor, *shape: int) -> Tensor:
    """Room for float32 numbers where a tensor lies."""
    return like.new_empty(shape, dtype=torch.float32)


def room_if(wanted: bool, like: Tensor, *shape: int) -> Tensor:
    """Room for a gradient; one that is not wanted is empty."""
    return floats(like, *shape) if wanted else floats(like, 0)


def given(gradients: tuple[Tensor, Tensor], wanted: tuple[bool, bool]) -> tuple[Tensor | None, Tensor | None]:
    """The gradients that are wanted."""
    return gradients[0] if wanted[0] else None, gradients[1] if wanted[1] else None
