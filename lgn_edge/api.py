"""The public functions that take a model in any of its forms."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from lgn_edge.checks import any_path
from lgn_edge.errors import InputError
from lgn_edge.network import Circuit, Network

StrPath = str | os.PathLike[str]

_TALK: Final = logging.getLogger("lgn_edge")


def load(path: StrPath) -> Network:
    """Read a network from an ONNX file.

    Raises:
        InputError: the file is missing, damaged, or not a logic gate network; the message says what and where.
    """
    from lgn_edge.onnx_model import read

    return read(path)


def export(
    source: Network | Circuit | StrPath | Any,
    output: StrPath,
    *,
    ops: str = "custom",
    input: str = "",
    outputs: Sequence[str] = (),
    force: bool = False,
) -> Network:
    """Write the ONNX file of a network, and return the network.

    Args:
        source: a `Network`, a `Circuit`, a `lgn_edge.nn.LogicGateNetwork` (or a wrapped one, or a Sequential of its
            parts), a checkpoint folder that training wrote, or an ONNX file that is to be written in another form.
        output: the file to write; its folder must exist.
        ops: "custom": nodes of the domain `ai.lgn` with function bodies; "standard": standard ops only, the fastest
            where no library of the domain is registered; "fused": one node of the domain for all, the fastest with
            the library, which it needs; "qonnx": LookupTable nodes of QONNX.
        input: "uint8" or "float32": samples [N, features]; "bool": encoded bits [N, bits]; "packed": encoded and packed
            bits int64 [bits, W], for 64 * W samples; by default what the encoder takes.
        outputs: some of those that the head has: "scores", "logits" and "class" of classes, "scores" and "logits" of a
            single score, "output_bits" of bits; by default all of them.
        force: replace a file that is not a model of ours, or that is the source, as well.

    Raises:
        InputError: the source is none of these, there is no such form, a file would be lost, or the file cannot be
            written.
    """
    from lgn_edge.onnx_model import Form, write
    from lgn_edge.onnx_model.writer import check_output

    form = Form(ops, input, (outputs,) if isinstance(outputs, str) else tuple(outputs))
    check_output(any_path(output, "output", "the name of the ONNX file to write"), force)
    if not force and isinstance(source, str | os.PathLike) and _same_file(source, output):
        raise InputError(
            f"{output} would be lost: it is the model that is exported; give another name, or replace it with --force"
            " (force=True)"
        )
    network = _discrete(source)
    write(network, Path(output), form, force=force)
    return network


def _same_file(one: StrPath, other: StrPath) -> bool:
    return Path(one).is_file() and Path(other).is_file() and Path(one).samefile(other)


def _discrete(source: Network | Circuit | StrPath | Any) -> Network:
    if isinstance(source, Network):
        return source
    if isinstance(source, Circuit):
        from lgn_edge.passes.layered import as_network

        return as_network(source)
    if isinstance(source, str | os.PathLike):
        if Path(source).is_file():
            return load(source)
        from lgn_edge.training import load_checkpoint
        from lgn_edge.training.resume import unfinished

        folder, source = Path(source), load_checkpoint(source)
        if note := unfinished(folder):
            _TALK.warning(note)
    from torch.nn import Module

    from lgn_edge.nn import discretise
    from lgn_edge.nn.unwrap import takes_bits

    if not isinstance(source, Module):
        raise InputError(
            f"cannot export a {type(source).__name__}; give a Network, a LogicGateNetwork, the folder of a checkpoint"
            " or an ONNX file"
        )
    network = discretise(source)
    if takes_bits(source):
        _TALK.warning(
            f"the exported model takes bits, uint8 0 or 1 [N, {network.encoder.n_features}]: the"
            f" {type(source).__name__} has no Threshold, which would make bits of features"
        )
    return network
