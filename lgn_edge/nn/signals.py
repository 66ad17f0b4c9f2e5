"""Samples and signals as users give them: any leading axes, any type that holds bits; what is none is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor

from lgn_edge.errors import InputError
from lgn_edge.network.samples import flattened
from lgn_edge.nn.blocks import Blocks
from lgn_edge.nn.rows import Rows
from lgn_edge.nn.tracing import computed, traced

# What a sample may be: the type of the model's interface, and types that become it without loss.
_TAKEN: Final = {
    "float32": (torch.float32, torch.float16, torch.bfloat16),
    "uint8": (torch.uint8, torch.bool),
}


def rows(x: Tensor) -> Tensor:
    """Signals [..., n] as [batch, n]."""
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])


def with_axes_of(y: Tensor, x: Tensor) -> Tensor:
    """What was computed from `rows(x)`, [batch, n], with the leading axes of x again."""
    return y if x.ndim == 2 else y.reshape(*x.shape[:-1], y.shape[-1])


def real(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Real signals as they are; of whole numbers and bools those that are not 0 as 1 in a dtype, the others as 0."""
    return x if x.is_floating_point() else x.ne(0).to(dtype)


def require_samples(x: Tensor, n_features: int, dtype: str, trained: Callable[[], str] = str) -> None:
    """Check samples, as modules of torch do: by shape and type, whatever their values are.

    Args:
        x: samples.
        n_features: of a sample.
        dtype: "float32" or "uint8".
        trained: gives the greatest feature that uint8 samples had in training, or "", for the message.

    Raises:
        InputError: they are no tensor [..., n_features] of that type; the message says what makes it one.
    """
    _require_tensor(x, "encoder: samples")
    if not x.ndim or not (traced() or x.shape[-1] == n_features):  # a traced size is not compared
        mend = flattened(x.shape, n_features)
    elif x.dtype not in _TAKEN[dtype]:
        mend = f": {_converted(x, dtype, trained())}"
    else:
        return
    given = f"{_name(x.dtype)} {list(x.shape)}"
    raise InputError(f"encoder: samples are {given}; the model takes {dtype} [..., {n_features}]{mend}")


def require_signals(x: Tensor | Blocks | Rows, n_inputs: int, taker: str = "logic layer") -> None:
    """Check the shape of signals.

    Raises:
        InputError: they are no tensor [..., n_inputs].
    """
    if traced():
        return  # sizes are recorded, too, and comparing them would be one warning a layer
    if not isinstance(x, Blocks | Rows):
        _require_tensor(x, f"{taker}: signals")
    shape = list(x.shape) if isinstance(x, Tensor) else [x.batch, x.signals]
    if not shape or shape[-1] != n_inputs:
        raise InputError(f"{taker}: signals have shape {shape}; it reads [..., {n_inputs}]{flattened(shape, n_inputs)}")


def require_bits(x: Tensor | Blocks | Rows) -> None:
    """Check that real signals are bits, 0.0 or 1.0; where torch computes, as what it records has no values.

    Raises:
        InputError: they are not.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point() or x.is_meta or not computed():
        return
    if not torch.equal(x, x.ne(0).to(x.dtype)):
        raise InputError(
            f"logic layer: signals are {_name(x.dtype)} of {x.min().item():g}..{x.max().item():g}, but in evaluation"
            " mode, and when it is exported, a layer reads bits, 0 or 1; put a Threshold before it, which makes bits of"
            " features"
        )


def _require_tensor(x: Any, what: str) -> None:
    if not isinstance(x, Tensor):
        make = "torch.from_numpy(x)" if type(x).__module__ == "numpy" else "torch.tensor(x)"
        raise InputError(f"{what} are a {type(x).__name__}; a module takes tensors, such as {make}")


def _converted(x: Tensor, dtype: str, trained: str) -> str:
    """How samples of another type become those that are taken."""
    if dtype == "float32":
        return "convert them with .to(torch.float32)"
    if not x.is_floating_point():
        return "convert them with .to(torch.uint8), if they are 0..255"
    if trained == "1":
        return "convert those that are bits, 0 or 1, with .to(torch.uint8), and make bits of others by a Threshold"
    scale = trained or "255"
    known = f", as it was trained on 0..{trained}" if trained else ", with the greatest value that they had in training"
    return (
        "convert whole numbers with .to(torch.uint8), and those of 0..1 with"
        f" (x * {scale}).round().to(torch.uint8){known}"
    )


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
