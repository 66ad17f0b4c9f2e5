"""Compiled kernels as operators of torch, `torch.ops.lgn_edge`.

Torch knows what an operator returns, also for tensors that have no memory, and what its gradient is. So whatever torch
does with a model (fake tensors, compiling, another device), no kernel meets memory that is not there.

They are defined in a `torch.library.Library`. `torch.library.custom_op` means the same but takes more time a call, and
small layers are called often.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final

import torch

from lgn_edge.nn.autograd import once

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
    arguments = list(inspect.signature(room).parameters)
    places = [arguments.index(argument) for argument in saved]

    def compute(*arguments: Any) -> Any:
        results = room(*arguments)
        fill(*(results if isinstance(results, tuple) else (results,)), *arguments)
        return results

    def save(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(*(inputs[place] for place in places))
        for argument in kept:
            setattr(ctx, argument, inputs[arguments.index(argument)])
        ctx.set_materialize_grads(False)

    _library.define(schema)
    _library.impl(name, compute, key)
    torch.library.register_fake(f"{NAMESPACE}::{name}", room, lib=_library)
    if gradient is None:  # nothing between the caller and the kernel
        _library.impl(name, torch.library.fallthrough_kernel, "Autograd")
    else:
        torch.library.register_autograd(f"{NAMESPACE}::{name}", once(gradient), setup_context=save, lib=_library)
    found: Callable[..., Any] = getattr(getattr(torch.ops, NAMESPACE), name).default
    return found
