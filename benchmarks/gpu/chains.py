"""The kernels that walk along the chains of a layer, for the table of `kernels.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import torch

from gpu.timing import DEVICE
from lgn_edge.nn.wiring import Connections, wire

OPERATORS: Final[Any] = torch.ops.lgn_edge
# Rows a gate that kernels ask for: forward of inputs and outputs, backward of inputs, of gradients and of theirs. The
# least is one of each. What lies next to the 8 slots of a program, or next to 4 backward, is asked for twice.
FORWARD: Final = 9 / 8 + 1
BACKWARD: Final = 6 / 4, 5 / 4, 1


def chain_cases(gates: int, batch: int, dtype: torch.dtype) -> Iterator[tuple[str, float, Callable[[], object]]]:
    """Name, bytes asked for and call of each, for a layer that reads as many signals as it has gates."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack(wire("random", gates, gates, generator=generator)).to(DEVICE)
    chains = Connections(gates, drawn, lasting=True).chains.tensors
    c = torch.randn(gates, 4, device=DEVICE)
    x, g = torch.rand(gates, batch, device=DEVICE).to(dtype), torch.randn(gates, batch, device=DEVICE).to(dtype)
    bits = OPERATORS.rows_pack(torch.rand(batch, gates, device=DEVICE) > 0.5)
    size, rows, discrete = x.element_size(), gates * batch, (c > 0).float()

    def named(what: str, asked: float, least: float) -> tuple[str, float]:
        return f"chains {what} ({asked:.3g} B a gate and sample, least {least:.3g})", asked * rows

    signals, gradients, own = BACKWARD
    real = size * sum(BACKWARD)
    packed = signals / 8 + size * (gradients + own)
    forward = x, discrete, bits, *chains
    yield *named("forward", size * FORWARD, 2 * size), lambda: OPERATORS.rows_chain_gates(x, c, *chains)
    yield (
        *named("backward", real, 3 * size),
        lambda: OPERATORS.rows_chains_backward(x, c, *chains, g, True, True),
    )
    yield *named("forward, bits", FORWARD / 8, 2 / 8), lambda: OPERATORS.rows_chain_bit_gates(*forward)
    yield (
        *named("backward, bits", packed, 1 / 8 + 2 * size),
        lambda: OPERATORS.rows_chains_backward(bits, discrete, *chains, g, True, True),
    )
