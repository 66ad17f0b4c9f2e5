"""What convolutions cost on a Cortex-M4, kept as convolutions: `python benchmarks/convolution_devices.py`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from harness import TRUE_GATES, Options, Row, run

from lgn_edge import build
from lgn_edge.network import GroupSum, Layer, LogicConv2d, LogicDense, Network, OrPool2d, Threshold
from lgn_edge.network.truth_table import PASS_A

SIZES = {"MNIST S, k = 16": (1, 28, (5, 3, 3), (16, 48, 144)), "CIFAR-10 S": (9, 32, (3,) * 4, (32, 128, 512, 1024))}
MUST = {("CIFAR-10 S", "instructions"): "<= 250000", ("CIFAR-10 S", "flash_bytes"): "<= 70000"}


def network(name: str, wires: float) -> Network:
    """Random kernels, a share of whose gates are wires; the head is one layer of XORs that reads the last pool."""
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
    given = layers[-1].n_outputs
    gates = given // 20 * 10
    a, b = rng.permutation(given)[: 2 * gates].astype(np.int32).reshape(2, gates)
    layers.append(LogicDense(given, a, b, np.full(gates, 6, np.uint8)))
    return Network(encoder, tuple(layers), GroupSum(gates, 10), "random")


def measure(options: Options) -> Iterator[Row]:
    """Instructions, flash and RAM of random convolutions, their encoder and a small head included."""
    for name in list(SIZES)[: 1 if options.quick else None]:
        for wires in (0.0, 0.6):
            with tempfile.TemporaryDirectory() as work:
                report = build(network(name, wires), "cortex-m4", Path(work) / "built").report
            what = f"{name}, {'all gates live' if not wires else '60 % wires'}"
            note = f"{report['form']}; encoder and a head of XORs of the last pool included"
            for unit in ("instructions", "flash_bytes", "ram_bytes"):
                yield Row(f"{what}: {unit}", report["measured"][unit], "", MUST.get((name, unit), ""), note=note)


if __name__ == "__main__":
    run("convolution_devices", lambda options: list(measure(options)))
