"""`lgn-edge build`."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from lgn_edge.cli.arrays import load_array
from lgn_edge.cli.console import command, detail, emit_json, flat, properties, say, tell
from lgn_edge.cli.layers import layers_table
from lgn_edge.errors import InputError

EXAMPLES: Final = """\b
Examples:
  lgn-edge build model.onnx --target native -o host
  lgn-edge build model.onnx --target cortex-m4 -o firmware --json
  lgn-edge build model.onnx --target cuda --arch sm_90 -o gpu
  lgn-edge build model.onnx --target cortex-m0 -o firmware --optimize size --flash 16K --ram 2K"""

_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20}
_MOST_HERTZ: Final = 1e12
_HERTZ: Final = {"": 1, "K": 1_000, "M": 1_000_000, "G": 1_000_000_000}


def build(
    model: Annotated[Path, typer.Argument(help="ONNX file that `lgn-edge export` wrote, or a circuit of bitwise ops.")],
    target: Annotated[str, typer.Option("--target", "-t", help="Machine to build for; see `lgn-edge targets`.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write; an artifact there is replaced.")],
    name: Annotated[
        str | None,
        typer.Option("--name", help="Name in the C symbols lgn_NAME_...: a-z, 0-9 and _; the model's own by default."),
    ] = None,
    optimize: Annotated[
        str, typer.Option("--optimize", help="What firmware shall be best at: speed, size or balanced.")
    ] = "balanced",
    flash: Annotated[
        str | None, typer.Option("--flash", help="Flash that firmware may use, such as 64K: code and constants.")
    ] = None,
    ram: Annotated[
        str | None, typer.Option("--ram", help="RAM that firmware may use, such as 8K: workspace and stack.")
    ] = None,
    clock: Annotated[
        str | None, typer.Option("--clock", help="The device's clock, such as 64M: the report gives times for it.")
    ] = None,
    package: Annotated[
        list[str] | None,
        typer.Option("--package", help="Also arduino, cmsis-pack, esp-idf, platformio or zephyr; may be repeated."),
    ] = None,
    batch: Annotated[
        int, typer.Option("--batch", help="Samples that firmware takes at once where a call has so many: 1 or 32.")
    ] = 1,
    arch: Annotated[
        list[str] | None,
        typer.Option("--arch", help="GPU of the target cuda, such as sm_90 or jetson-orin; may be repeated."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the output folder whatever is in it.")] = False,
    samples_file: Annotated[
        Path | None,
        typer.Option("--samples", help="Real samples [n, features], .npy: the example classifies the first eight."),
    ] = None,
    package_version: Annotated[
        str | None, typer.Option("--package-version", help="Version that packages have; 1.0.0 by default.")
    ] = None,
    package_url: Annotated[
        str | None, typer.Option("--package-url", help="Web address that packages name, such as their repository.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Compile a model for a machine.

    The folder that a device engineer takes away holds the library, its header, an example, a
    self-test, the report and the manifest.
    """
    import lgn_edge
    from lgn_edge.network.facts import LayerFacts

    artifact = lgn_edge.build(
        model,
        target,
        output,
        name=name,
        optimize=optimize,
        flash=size_in_bytes(flash),
        ram=size_in_bytes(ram),
        clock_hz=hertz(clock),
        packages=package or (),
        batch=batch,
        arch=arch or (),
        force=force,
        progress=say,
        samples=None if samples_file is None else load_array(samples_file),
        package_version=package_version,
        package_url=package_url,
    )
    detail(", ".join(f"{step} {seconds:.2f} s" for step, seconds in artifact.seconds.items()))
    if as_json:
        document = {"schema": 1, "folder": str(output), "seconds": dict(artifact.seconds)}
        emit_json(document | {"manifest": asdict(artifact.manifest), "report": dict(artifact.report)})
    else:
        facts = dict(artifact.report)
        layers = [LayerFacts(**layer) for layer in facts.pop("layers")]
        tell(properties(str(output), flat(facts)))
        if any(layer.shape for layer in layers):
            tell(layers_table(layers))
    say(f"next: {command('verify', model, '--artifact', output)}")


def size_in_bytes(text: str | None) -> int | None:
    """The bytes of a size such as "65536", "64K" or "1M".

    Raises:
        InputError: it is none.
    """
    if text is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,14})([KM]?)", text.strip().upper())
    if not found:
        raise InputError(f"{text!r} is not a size; write bytes, or 64K, or 1M")
    return int(found.group(1)) * _UNITS[found.group(2)]


def hertz(text: str | None) -> int | None:
    """The hertz of a clock such as "16000000", "64M" or "1.2G".

    Raises:
        InputError: it is none.
    """
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([KMG]?)(?:HZ)?", text.strip().upper())
    rate = float(found.group(1)) * _HERTZ[found.group(2)] if found else 0.0
    if not 1 <= rate < _MOST_HERTZ:
        raise InputError(f"{text!r} is not a clock; write hertz, or 64M")
    return round(rate)
