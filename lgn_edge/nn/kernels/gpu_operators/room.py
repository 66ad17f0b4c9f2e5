"""What the operators of the GPU share."""

from __future__ import annotations

from functools import partial
from typing import Final

import torch
from torch import Tensor

from lgn_edge.nn.kernels.operator import operator

LANES: Final = 32  # samples in a word

anywhere: Final = partial(operator, key="CompositeExplicitAutograd")  # a CPU, too, in Triton's interpreter


def carrier(like: Tensor, signals: int, batch: int, dtype: torch.dtype) -> Tensor:
    """A tensor [signals, batch] through which gradients flow, without memory for values."""
    return like.new_empty(1, dtype=dtype).expand(signals, batch)
