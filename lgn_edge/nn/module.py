"""What our modules share: they are traced and exported, but their code is no TorchScript."""

from __future__ import annotations

from typing import NoReturn

from torch import nn

from lgn_edge.errors import InputError


class Module(nn.Module):
    """A module of ours."""

    def __prepare_scriptable__(self) -> NoReturn:
        """What `torch.jit.script` calls first, also for a module that holds this one."""
        raise InputError(
            f"torch.jit.script cannot take a {type(self).__name__}, whose kernels are called from Python; use"
            " torch.jit.trace, torch.export or lgn_edge.export"
        )
