"""Compiled kernels as operators of torch, `torch.ops.lgn_edge`.

Torch knows what an operator returns, also for tensors that have no memory, and what its gradient is. So whatever torch
does with a model (fake tensors, compiling, another device), no kernel meets memory that is not there.

They are defined in a `torch.library.Library`. `torch.library.custom_op` means the same but takes more time a call, and
small layers are called often.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import torch

from lgn_edge.nn.autograd import apply, once

NAMESPACE: Final = "lgn_edge"

_library: Final[Any] = torch.library.Library(NAMESPACE, "DEF")  # type: ignore[no-untyped-call]  # torch's has none


def operator(
    schema: str,
    room: Callable[..., Any],
    fill: Callable[..., None],
    *,
    key: str,
    saved: Sequence[str] = (),
    kept: Sequence[str] = (),
    gradient: Callable[..., Any] | None = None,
) -> Callable[..., Any]:
    """Register an operator, and return it.

    Args:
        schema: name, arguments and results, in torch's notation.
        room: from the arguments of the schema to new tensors for its results; for fake tensors this is all that runs.
        fill: writes the results; it gets `room`'s tensors, then the arguments.
        key: the dispatch key that it works for: "CPU", or "CompositeExplicitAutograd" for any memory.
        saved: names of the tensors among the arguments that the gradient needs.
        kept: names of the other arguments that it needs; the context has them as attributes.
        gradient: from a context with `saved_tensors` and the results' gradients to one gradient an argument, which is
            itself not differentiable; without it, results are constants.
    """
    name = schema.partition("(")[0]

    def compute(*arguments: Any) -> Any:
        results = room(*arguments)
        fill(*(results if isinstance(results, tuple) else (results,)), *arguments)
        return results

    _library.define(schema)
    _library.impl(name, compute, key)
    torch.library.register_fake(f"{NAMESPACE}::{name}", room, lib=_library)
    registered: Callable[..., Any] = getattr(getattr(torch.ops, NAMESPACE), name).default
    if gradient is None:  # nothing between the caller and the kernel
        _library.impl(name, torch.library.fallthrough_kernel, "Autograd")
    else:
        place = {argument: i for i, argument in enumerate(inspect.signature(room).parameters)}
        tensors, others = [place[argument] for argument in saved], {argument: place[argument] for argument in kept}
        function = _differentiable(name, registered, tensors, others, gradient)
        _library.impl(name, partial(apply, function), "Autograd")
    return registered


def _differentiable(
    name: str,
    registered: Callable[..., Any],
    saved: Sequence[int],
    kept: Mapping[str, int],
    gradient: Callable[..., Any],
) -> type[torch.autograd.Function]:
    """An operator below autograd, and its gradient.

    `torch.library.register_autograd` makes such a function, too, but one that takes more time a call.
    """

    def forward(ctx: Any, *arguments: Any) -> Any:
        with torch._C._AutoDispatchBelowAutograd():
            results = registered(*arguments)
        ctx.save_for_backward(*(arguments[place] for place in saved))
        for argument, place in kept.items():
            setattr(ctx, argument, arguments[place])
        ctx.set_materialize_grads(False)
        return results

    methods = {"forward": staticmethod(forward), "backward": staticmethod(once(gradient))}
    return type(name, (torch.autograd.Function,), methods)
