"""What our modules share: they are traced and exported, but their code is no TorchScript; what their states say."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final, NoReturn

import torch
from torch import Tensor, nn

from lgn_edge.errors import InputError

EXTRA: Final = "_extra_state"  # torch's name for what a state holds beside parameters and buffers


class Module(nn.Module):
    """A module of ours.

    It is made on the CPU, where its wiring is drawn and checked, and then goes to the device on which torch makes
    tensors (`torch.set_default_device`, `with torch.device(...)`). On the device "meta" it has shapes only, until
    `to_empty` and `load_state_dict`.
    """

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        for name in {"__init__"} & vars(cls).keys():
            setattr(cls, name, _made_on_the_cpu(vars(cls)[name]))

    def __prepare_scriptable__(self) -> NoReturn:
        """What `torch.jit.script` calls first, also for a module that holds this one."""
        raise InputError(
            f"torch.jit.script cannot take a {type(self).__name__}, whose kernels are called from Python; use"
            " torch.jit.trace, torch.export or lgn_edge.export"
        )


def _made_on_the_cpu(init: Callable[..., None]) -> Callable[..., None]:
    @wraps(init)
    def made(self: nn.Module, *arguments: Any, **settings: Any) -> None:
        device = torch.get_default_device()
        if device.type == "cpu":
            return init(self, *arguments, **settings)
        with torch.device("cpu"):
            init(self, *arguments, **settings)
        self.to(device)
        return None

    return made


class MeantModule(Module, ABC):
    """A module whose tensors mean different things in modules of the same shapes.

    Its state says what they mean, so that another module does not take it. A state without that, of an earlier version
    or of a checkpoint, which says it elsewhere, is taken as it is.
    """

    @abstractmethod
    def meaning(self) -> dict[str, Any]:
        """What the tensors of the state mean beside their shapes, as plain values by name."""

    def get_extra_state(self) -> Tensor:
        """The meaning as JSON, uint8, so that files of tensors hold it, too."""
        text = json.dumps(self.meaning()).encode()
        return torch.tensor(list(text), dtype=torch.uint8, device="cpu")

    def set_extra_state(self, state: Any) -> None:
        """Check that a state means the same.

        Raises:
            InputError: it means something else.
        """
        try:
            theirs = dict(json.loads(bytes(state.tolist())))
        except (AttributeError, TypeError, ValueError) as error:
            raise InputError(
                f"the state of a {type(self).__name__} is damaged, as it does not say what it means; save it again"
            ) from error
        for name, ours in json.loads(json.dumps(self.meaning())).items():
            if name in theirs and theirs[name] != ours:
                raise InputError(
                    f"the state is of a {type(self).__name__} with {name} {theirs[name]!r}, and this one has {ours!r}:"
                    f" the same numbers mean something else; make it with {name}={theirs[name]!r}"
                )

    def require_tensors(self, state: Mapping[str, Any]) -> None:
        """Check the tensors of a state, where more can be said than which are missing.

        Raises:
            InputError: they are of another module.
        """

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """As torch does it, but a state of another meaning is refused first, and none is missed that says nothing."""
        key = prefix + EXTRA
        if key in state_dict:
            self.set_extra_state(state_dict[key])
        self.require_tensors({n.removeprefix(prefix): t for n, t in state_dict.items() if n.startswith(prefix)})
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )
        if key in missing_keys:
            missing_keys.remove(key)


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name: the state of a module, without what it says about itself."""
    return {name: tensor for name, tensor in module.state_dict().items() if name.rpartition(".")[2] != EXTRA}
