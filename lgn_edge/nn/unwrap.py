"""The network in what users make of it: compiled, for several devices, averaged, or a `torch.nn.Sequential`."""

from __future__ import annotations

from typing import Any, Final

from torch import nn
from torch.optim.swa_utils import AveragedModel

from lgn_edge.errors import InputError
from lgn_edge.nn.encoder import Threshold
from lgn_edge.nn.gate_layer import GateLayer
from lgn_edge.nn.layers import GroupSum
from lgn_edge.nn.model import LogicGateNetwork

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
    found: Any = module
    while isinstance(found, _WRAPPERS) or hasattr(found, "_orig_mod"):  # as torch.compile names it
        found = found._orig_mod if hasattr(found, "_orig_mod") else found.module
    if isinstance(found, LogicGateNetwork):
        return found
    if isinstance(found, nn.Sequential):
        return _of_parts(found)
    names = (name for name, part in found.named_modules() if isinstance(part, LogicGateNetwork))
    inner = next(names, None) or ("module" if isinstance(getattr(found, "module", None), nn.Module) else None)
    where = f"; give the network in it, its .{inner}" if inner else ""
    raise InputError(f"a {type(module).__name__} is no LogicGateNetwork and no Sequential of our layers{where}")


def _of_parts(module: nn.Sequential) -> LogicGateNetwork:
    """The network of the layers of a Sequential, of Sequentials in it too."""
    parts = [part for part in _flat(module) if not isinstance(part, _PASSED)]
    first, head = (parts[0], parts[-1]) if parts else (None, None)
    if isinstance(first, GateLayer):
        first = Threshold.bits(first.in_features).to(first.weight.device)
        parts = [first, *parts]
    strange = next((part for part in parts[1:-1] if not isinstance(part, GateLayer)), None)
    if not isinstance(first, Threshold) or not isinstance(head, GroupSum) or strange is not None:
        what = strange if strange is not None else (head if isinstance(first, Threshold) else first)
        raise InputError(
            f"a Sequential with a {type(what).__name__} is no logic gate network; it is a Threshold, logic layers and a"
            " GroupSum, and other models are exported with lgn_edge.nn.onnx_export.layers_as_nodes"
        )
    return LogicGateNetwork(first, [part for part in parts if isinstance(part, GateLayer)], head)


def _flat(module: nn.Sequential) -> list[nn.Module]:
    return [part for child in module for part in (_flat(child) if isinstance(child, nn.Sequential) else [child])]
