"""The public functions that take a model in any of its forms."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lgn_edge.errors import InputError
from lgn_edge.network import Network

StrPath = str | os.PathLike[str]


def load(path: StrPath) -> Network:
    """Read a network from an ONNX file.

    Raises:
        InputError: the file is missing, damaged, or not a logic gate network; the message says what and where.
    """
    from lgn_edge.onnx_model import read

    return read(Path(path))


def export(source: Network | StrPath | Any, output: StrPath) -> Network:
    """Write the ONNX file of a network, and return the network.

    Args:
        source: a `Network`, a `lgn_edge.nn.LogicGateNetwork`, or a checkpoint folder that training wrote.
        output: the file to write; its folder must exist.

    Raises:
        InputError: the source is none of these, or the file cannot be written.
    """
    from lgn_edge.onnx_model import write

    network = _discrete(source)
    write(network, Path(output))
    return network


def _discrete(source: Network | StrPath | Any) -> Network:
    if isinstance(source, Network):
        return source
    if isinstance(source, str | os.PathLike):
        from lgn_edge.training import load_checkpoint

        source = load_checkpoint(Path(source))
    from lgn_edge.nn import LogicGateNetwork, discretise

    if not isinstance(source, LogicGateNetwork):
        raise InputError(
            f"cannot export a {type(source).__name__}; give a Network, a LogicGateNetwork or the folder of a checkpoint"
        )
    return discretise(source)
