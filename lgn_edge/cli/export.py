"""`lgn-edge export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from lgn_edge.cli.console import command, say, tell

EXAMPLES: Final = """\b
Examples:
  lgn-edge export run -o model.onnx
  lgn-edge export model.onnx --ops standard -o web.onnx
  lgn-edge export model.onnx --ops standard --input packed --outputs class -o fast.onnx

\b
Ops: custom writes one node a layer, with function bodies in standard ops, and
is what the other commands read best; standard writes standard ops only, and is
the fastest in a runtime without a library for the domain ai.lgn; fused writes
one node for the whole network, which needs that library and is the fastest with
it; qonnx writes the LookupTable nodes of QONNX.

\b
Inputs: uint8 and float32 take samples [N, features]; bool takes encoded bits
[N, bits]; packed takes encoded and packed bits int64 [bits, W]."""


def export(
    source: Annotated[Path, typer.Argument(help="Folder that `lgn-edge train` wrote, or an ONNX file to write anew.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="ONNX file to write.")] = Path("model.onnx"),
    ops: Annotated[
        str, typer.Option("--ops", metavar="custom|standard|fused|qonnx", help="What the graph is made of.")
    ] = "custom",
    chosen: Annotated[
        str,
        typer.Option("--input", metavar="packed|bool|uint8|float32", help="What the model takes; else as trained."),
    ] = "",
    outputs: Annotated[
        str, typer.Option("--outputs", metavar="NAMES", help="Some of scores,logits,class (or output_bits); else all.")
    ] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Replace the output file though it is no model of ours, or the source.")
    ] = False,
) -> None:
    """Write a trained checkpoint as one ONNX file.

    The file holds the encoder, every gate, the group sum, class names and provenance; it is what the other commands
    read. Prints its path.
    """
    import lgn_edge

    names = [name.strip() for name in outputs.split(",")] if outputs else []
    network = lgn_edge.export(source, output, ops=ops, input=chosen, outputs=names, force=force)
    say(f"{network.name}: {len(network.layers)} layers, {network.gates_text}, {network.head.n_outputs} outputs")
    tell(str(output))
    checkpoint = ("--checkpoint", source) if source.is_dir() else ()
    say(f"next: {command('inspect', output)}, or {command('verify', output, *checkpoint)}")
