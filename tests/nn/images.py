"""Trees of gates at the places of images, of odd sizes, and what they compute by definition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from hypothesis import strategies as st
from torch import Tensor

from lgn_edge.network.convolution import Window
from lgn_edge.nn.trees import Trees, pool_definition, single_places, trees_definition


@st.composite
def windows(draw: st.DrawFn, channels: int, height: int, width: int, most: int = 4) -> Window:
    """A window of sides below `most` that may hang over the image, leave parts out, or see nothing but padding."""
    padding = draw(st.tuples(st.integers(0, most - 1), st.integers(0, most - 1)))
    size = [draw(st.integers(1, min(most, n + 2 * p))) for n, p in zip((height, width), padding, strict=True)]
    stride = draw(st.tuples(st.integers(1, max(2, most - 1)), st.integers(1, max(2, most - 1))))
    return Window(channels, height, width, (size[0], size[1]), stride, padding, "case")


@st.composite
def trees(draw: st.DrawFn, most: int = 4) -> Trees:
    """Trees with a pool or none behind them, or a pool alone; `most` says how deep they are, and bounds all sizes."""
    channels, height, width = (draw(st.integers(1, limit)) for limit in (3, 2 * most, 2 * most))
    depth, kernels = draw(st.integers(0, most)), draw(st.integers(1, most))
    if depth:
        window = draw(windows(channels, height, width, most))
        cells = (channels, *window.size)
        generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
        leaf = torch.stack([torch.randint(n, (kernels, 2**depth), generator=generator) for n in cells], 2)
    else:
        window, kernels = single_places(channels, height, width), channels
        leaf = torch.tensor([[[channel, 0, 0]] for channel in range(channels)])
    image = (kernels, *window.places)
    pool = draw(windows(*image, most)) if draw(st.booleans()) or not depth else single_places(*image)
    return Trees(window, leaf.to(torch.int32), pool)


def choosing(case: Trees, k: int, seed: int) -> tuple[Trees, Tensor]:
    """The same with k candidates for each leaf, and their shares [kernels, leaves, k]: 1 for one, 0 for the others."""
    generator = torch.Generator().manual_seed(seed)
    kernels, leaves, _ = case.leaf.shape
    ends = (case.window.channels, *case.window.size)
    candidates = torch.stack([torch.randint(n, (kernels, leaves, k), generator=generator) for n in ends], 3)
    best = torch.randint(k, (kernels, leaves, 1), generator=generator)
    leaf = candidates.gather(2, best[..., None].expand(-1, -1, -1, 3)).squeeze(2)
    share = torch.zeros(kernels, leaves, k, dtype=torch.float64).scatter_(2, best, 1.0)
    return replace(case, leaf=leaf.to(torch.int32), candidates=candidates.to(torch.int32)), share


def trees_and_pool(case: Trees, x: Tensor, coefficients: Tensor, share: Tensor | None = None) -> Tensor:
    """Outputs [batch, outputs] of signals [batch, signals], by definition."""
    window, leaf = case.window, case.leaf if case.candidates is None else case.candidates
    images = x.reshape(len(x), window.channels, window.height, window.width)
    return pool_definition(trees_definition(images, leaf, window, coefficients, share), case.pool).flatten(1)


def gradients(function: Callable[..., Tensor], *arguments: Tensor) -> list[Tensor]:
    leaves = [argument.clone().requires_grad_() for argument in arguments]
    y = function(*leaves)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    (y * weights).sum().backward()
    return [y.detach(), *(torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves)]
