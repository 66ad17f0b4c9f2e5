"""What tests of the GPU's kernels share.

Where TRITON_INTERPRET is 1 (as `tests/conftest.py` sets it) Triton's interpreter executes them on the CPU. With a GPU,
`TRITON_INTERPRET=0 pytest tests/nn/test_rows.py` runs them there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import settings
from torch import Tensor

from lgn_edge.nn.kernels import gpu

DEVICE = "cpu" if os.environ["TRITON_INTERPRET"] == "1" else "cuda"
FEW = settings(max_examples=settings().max_examples // 5)  # the interpreter is slow
with_triton = pytest.mark.skipif(gpu.missing() is not None, reason=f"no kernels for a GPU: {gpu.missing()}")


def close(got: list[Tensor], expected: list[Tensor], batch: int) -> None:
    """Equal but for the rounding of sums: the bound of a float32 sum of so many numbers no greater than a few."""
    bound = 2e-6 * max(1, batch)
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one.double().cpu(), other.double(), rtol=1e-5, atol=bound)


def gradients(
    function: Callable[..., Tensor], device: str, *leaves: Tensor, wanted: Sequence[bool] = ()
) -> list[Tensor]:
    """The value and the gradients of a weighted sum of it; of all leaves, or of those that are wanted."""
    asked = wanted or [True] * len(leaves)
    leaves = tuple(leaf.to(device).requires_grad_(each) for leaf, each in zip(leaves, asked, strict=True))
    y = function(*leaves)
    weight = torch.linspace(-1, 1, y.numel()).reshape(y.shape).to(y)
    (y * weight).sum().backward()
    return [y.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]
