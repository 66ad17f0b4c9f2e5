"""The network in what users make of it: compiled, for several devices, averaged, or a `torch.nn.Sequential`."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from lgn_edge.checks import of_kind
from lgn_edge.errors import InputError
from lgn_edge.nn.encoder import Threshold
from lgn_edge.nn.layers import GroupSum
from lgn_edge.nn.logic_layer import LogicLayer
from lgn_edge.nn.model import LogicGateNetwork
from lgn_edge.nn.module import tensors_of

_WRAPPERS: Final = (nn.DataParallel, nn.parallel.DistributedDataParallel, AveragedModel)
_PASSED: Final = (nn.Flatten, nn.Identity, nn.Dropout)  # in evaluation mode bits pass them as they are


def network_of(module: nn.Module) -> LogicGateNetwork:
    """The network that a module is or holds, the same parameters and buffers.

    Args:
        module: a `LogicGateNetwork`; a `torch.nn.Sequential` of a `Threshold`, logic layers and a `GroupSum` (without
            the `Threshold` its inputs are bits); or either as torch.compile, DataParallel, DistributedDataParallel or
            AveragedModel (its average) wraps it.

    Raises:
        InputError: it is something else; the message names the network in it, if there is one.
    """
    of_kind(module, nn.Module, "what is exported", "a LogicGateNetwork or a Sequential of our layers")
    found = _unwrapped(module)
    if isinstance(found, LogicGateNetwork):
        return found
    if isinstance(found, nn.Sequential):
        return _of_parts(found)
    raise InputError(f"a {type(module).__name__} is no LogicGateNetwork and no Sequential of our layers; {_way(found)}")


def takes_bits(module: nn.Module) -> bool:
    """Whether a module is a Sequential of our layers that begins without an encoder, so that its inputs are bits."""
    found = _unwrapped(module)
    return isinstance(found, nn.Sequential) and isinstance(next(iter(_parts(found)), None), LogicLayer)


def _unwrapped(module: nn.Module) -> nn.Module:
    found: Any = module
    while isinstance(found, _WRAPPERS) or hasattr(found, "_orig_mod"):  # as torch.compile names it
        found = found._orig_mod if hasattr(found, "_orig_mod") else found.module
    kept: nn.Module = found
    return kept


def _way(module: nn.Module) -> str:
    """How a module that is no network of ours is exported."""
    names = (name for name, part in module.named_modules() if isinstance(part, LogicGateNetwork))
    inner = next(names, None) or ("module" if isinstance(getattr(module, "module", None), nn.Module) else None)
    if inner:
        return f"give the network in it, its .{inner}"
    ours = (name for name, part in module.named_modules() if isinstance(part, (Threshold, LogicLayer, GroupSum)))
    name = next(ours, None)
    if name is None:
        return "there is no layer of ours in it, and torch.onnx.export exports it"
    return (
        f"its {name or 'own'} is a layer of ours, and lgn_edge.nn.onnx_export.layers_as_nodes exports such layers among"
        " others"
    )


def _of_parts(module: nn.Sequential) -> LogicGateNetwork:
    """The network of the layers of a Sequential, of Sequentials in it too."""
    parts = _parts(module)
    first, head = (parts[0], parts[-1]) if parts else (None, None)
    if isinstance(first, LogicLayer):
        first = Threshold.bits(first.in_features).to(_device(first))
        parts = [first, *parts]
    strange = next((part for part in parts[1:-1] if not isinstance(part, LogicLayer)), None)
    if not isinstance(first, Threshold) or not isinstance(head, GroupSum) or strange is not None:
        what = strange if strange is not None else (head if isinstance(first, Threshold) else first)
        with_a = "without a layer" if what is None else f"with a {type(what).__name__}"
        raise InputError(
            f"a Sequential {with_a} is no logic gate network; it is a Threshold, logic layers and a GroupSum, and other"
            " models are exported with lgn_edge.nn.onnx_export.layers_as_nodes"
        )
    return LogicGateNetwork(first, [part for part in parts if isinstance(part, LogicLayer)], head)


def _device(module: nn.Module) -> torch.device:
    """Where a module's first parameter or buffer is."""
    return next((tensor.device for tensor in tensors_of(module).values()), torch.device("cpu"))


def _parts(module: nn.Sequential) -> list[nn.Module]:
    """What bits do not pass as they are."""
    return [part for part in _flat(module) if not isinstance(part, _PASSED)]


def _flat(module: nn.Sequential) -> list[nn.Module]:
    return [part for child in module for part in (_flat(child) if isinstance(child, nn.Sequential) else [child])]
