"""What convolutions cost on a Cortex-M4, kept as convolutions: `python benchmarks/convolution_devices.py`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from harness import TRUE_GATES, Options, Row, run

from lgn_edge import build
from lgn_edge.artifact import Artifact
from lgn_edge.artifact.measure import link
from lgn_edge.network import GroupSum, Layer, LogicConv2d, LogicDense, Network, OrPool2d, Threshold
from lgn_edge.network.truth_table import PASS_A, XOR

SIZES = {"MNIST S, k = 16": (1, 28, (5, 3, 3), (16, 48, 144)), "CIFAR-10 S": (9, 32, (3,) * 4, (32, 128, 512, 1024))}
TABLES = {"instructions": ("<= 250000", ""), "flash_bytes": ("<= 70000", "")}  # bars of the image layers of S
CODE = {"image layers": ("<= 110000", ""), "flash_bytes": ("<= 150000", "")}  # bars of straight-line code of S
WHOLE = {"instructions": ("", "<= 200000")}  # of S with a learned head
TRAINED = {"instructions": ("<= 150000", ""), "flash_bytes": ("<= 64000", "<= 64000")}
LEARNED = 8_000  # gates of a head as learned ones are: one layer that reads all layers
MODELS = Path(__file__).parents[1] / "examples" / "models"


def network(name: str, wires: float, learned: bool = False) -> Network:
    """Random kernels, a share of whose gates are wires, and a head: XORs of the last pool, or a `learned` one."""
    rng = np.random.default_rng(0)
    channels, side, sizes, widths = SIZES[name]
    encoder = Threshold(channels * side**2, np.arange(channels * side**2), np.full(channels * side**2, 127), "uint8")
    layers: list[Layer] = []
    for size, kernels in zip(sizes, widths, strict=True):
        two = rng.integers(0, channels, (kernels, 2))
        channel = np.take_along_axis(two, rng.integers(0, 2, (kernels, 8)), 1)
        leaf = np.stack([channel, *rng.integers(0, size, (2, kernels, 8))], axis=2).astype(np.int32)
        table = rng.choice(TRUE_GATES, (kernels, 7))
        table = np.where(rng.random(table.shape) < wires, PASS_A, table).astype(np.uint8)
        conv = LogicConv2d(channels, side, side, size, leaf, table, padding=int(size == 3))
        layers += [conv, OrPool2d(*conv.out_shape, 2)]
        channels, side = kernels, conv.out_shape[1] // 2
    pools = tuple(range(2, len(layers) + 1, 2))
    reads = (0, *pools) if learned else pools[-1:]
    given = sum(layers[i - 1].n_outputs if i else encoder.n_outputs for i in reads)
    gates = LEARNED if learned else given // 20 * 10
    a, b = rng.integers(0, given, (2, gates)) if learned else rng.permutation(given)[: 2 * gates].reshape(2, gates)
    table = rng.choice(TRUE_GATES, gates) if learned else np.full(gates, XOR)
    layers.append(LogicDense(given, a.astype(np.int32), b.astype(np.int32), table.astype(np.uint8)))
    return Network(
        encoder,
        tuple(layers),
        GroupSum(gates, 10),
        "random",
        reads=(*((i,) for i in range(len(layers) - 1)), reads),
    )


def measure(options: Options) -> Iterator[Row]:
    """Instructions, flash and RAM of random convolutions with a head, and of trained ones."""
    for name in list(SIZES)[: 1 if options.quick else None]:
        bars = CODE if name == "CIFAR-10 S" else {}
        head = "a head of XORs of the last pool"
        yield from _rows(f"{name}, all gates live, for speed", network(name, 0.0), bars, head, "speed")
        for wires in (0.0, 0.6):
            kind = "60 % wires" if wires else "all gates live"
            bars = TABLES if name == "CIFAR-10 S" else {}
            yield from _rows(f"{name}, {kind}", network(name, wires), bars, head, "size")
    if not options.quick:
        learned = network("CIFAR-10 S", 0.6, learned=True)
        head = f"a head of {LEARNED:,} random gates that read all layers"
        yield from _rows("CIFAR-10 S, 60 % wires, whole", learned, WHOLE, head, "speed")
    trained = {path.parent.name: path for path in sorted(MODELS.glob("*-conv*/*.onnx"))}
    for name, path in trained.items():
        yield from _rows(f"{name}, trained", path, TRAINED if name.startswith("mnist") else {}, "head")
    if not any(name.startswith("mnist") for name in trained):
        yield Row("MNIST, trained: flash_bytes", None, "", "<= 64000", note="no such network is among examples/models")


def _rows(
    what: str, model: Network | Path, bars: Mapping[str, tuple[str, str]], head: str, optimize: str = "balanced"
) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as work:
        built = build(model, "cortex-m4", Path(work) / "built", name="measured", optimize=optimize)
        report, of_images = built.report, _of_image_layers(built)
    must, aim = bars.get("image layers", ("", ""))
    yield Row(f"{what}: instructions of image layers", of_images, "", must, aim, note=report["form"])
    for unit in ("instructions", "flash_bytes", "ram_bytes"):
        must, aim = bars.get(unit, ("", ""))
        note = f"{report['form']}; encoder and {head} included"
        yield Row(f"{what}: {unit}", report["measured"][unit], "", must, aim, note=note)


def _of_image_layers(built: Artifact) -> int | None:
    """Instructions of the image layers alone, which are as many for every sample."""
    machine = link(built.folder, built.manifest, keep=("predict",)).start()
    memory = machine.allocate(built.manifest.workspace_bytes)
    return machine.call("lgn_measured_convolve", memory, count=True).instructions


if __name__ == "__main__":
    run("convolution_devices", lambda options: list(measure(options)))
