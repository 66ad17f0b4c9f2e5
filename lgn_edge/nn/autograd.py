"""Autograd functions of ours: how they are called, and gradients that are not differentiated once more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def apply(function: type[torch.autograd.Function], *arguments: Any) -> Any:
    """`function.apply(*arguments)`, for which torch has no types."""
    return function.apply(*arguments)  # type: ignore[no-untyped-call]


def once(gradient: Callable[..., Any]) -> Callable[..., tuple[Tensor | None, ...]]:
    """The gradient, whose results refuse to be differentiated once more.

    torch's `once_differentiable` refuses only where the way leads through the gradients that come in. Here what was
    saved is a part of the way, too: what a gradient of a gradient would silently leave out.
    """

    def compute(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        if not torch.is_grad_enabled():  # as in every backward pass without create_graph
            return _each(gradient(ctx, *grads))
        with torch.no_grad():
            results = _each(gradient(ctx, *grads))
        sources = [each for each in (*ctx.saved_tensors, *grads) if each is not None and each.requires_grad]
        if not sources:
            return results
        known = [each for each in results if each is not None]
        refused = iter(apply(_Refused, len(known), *known, *sources))
        return tuple(None if each is None else next(refused) for each in results)

    return compute


def _each(found: Any) -> tuple[Tensor | None, ...]:
    return found if isinstance(found, tuple) else (found,)


class _Refused(torch.autograd.Function):
    """Tensors as they are, of others that they are no differentiable function of."""

    generate_vmap_rule = True

    @staticmethod
    def forward(n: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The first n of the tensors; the others are what they were computed from."""
        return tuple(each.clone() for each in tensors[:n])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Nothing is kept."""

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Refuse."""
        raise RuntimeError("the kernels of lgn_edge have no gradient of a gradient; leave out create_graph")
