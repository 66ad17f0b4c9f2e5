"""The kernels of image layers, compiled for this machine, against the stages that they run."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest

from lgn_edge.forms.images.images import Images
from lgn_edge.forms.images.jobs import image_layers
from lgn_edge.forms.images.layout import lay_out
from lgn_edge.forms.rows.convolve import clear, convolve
from lgn_edge.network import GroupSum, LogicConv2d, Network, OrPool2d, Threshold
from lgn_edge.passes.smallest_trees import smallest_trees
from lgn_edge.targets.compile import compile_kernels, kernel_source
from lgn_edge.targets.native import native
from lgn_edge.toolchain import link_shared

PREFIX = "lgn_test"
TRUE_GATES = (1, 2, 4, 6, 7, 8, 9, 11, 13, 14)
# a layer each: kernels, leaves, what leaves see, padding, stride; then size, stride and padding of a pool, or None
NETWORKS = {
    "cells of four": ((9, 8, 3, 1, 1), (2, 2, 0), (30, 8, 3, 1, 1), (2, 2, 0)),
    "small trees": ((40, 2, 3, 1, 1), (2, 2, 0), (40, 4, 2, 0, 1), (2, 2, 0)),
    "strides": ((12, 8, 3, 2, 2), (2, 1, 0), (12, 4, 2, 2, 1), (3, 2, 0)),
    "no pools": ((12, 8, 3, 1, 1), None, (12, 8, 2, 0, 1), None),
    "pools that pad": ((12, 8, 3, 0, 1), (2, 2, 1), (12, 8, 3, 1, 1), (4, 3, 2)),
}


def network_of(name: str, wires: float, height: int = 9, width: int = 8) -> Network:
    rng = np.random.default_rng(len(name))
    layers: list[LogicConv2d | OrPool2d] = []
    shape = (3, height, width)
    conv, pool, *rest = NETWORKS[name]
    for (kernels, leaves, size, padding, stride), pooled in ((conv, pool), rest):
        leaf = rng.integers(0, (shape[0], size, size), (kernels, leaves, 3))
        true = rng.choice(TRUE_GATES, (kernels, leaves - 1))
        table = np.where(rng.random(true.shape) < wires, rng.choice((3, 5, 10, 12), true.shape), true)
        layers.append(LogicConv2d(*shape, size, leaf, table.astype(np.uint8), stride, padding))
        if pooled:
            layers.append(OrPool2d(*layers[-1].out_shape, *pooled))
        shape = layers[-1].out_shape
    layers = [smallest_trees(layer) if isinstance(layer, LogicConv2d) else layer for layer in layers]
    return Network(Threshold.bits(3 * height * width), tuple(layers), GroupSum(layers[-1].n_outputs, 1))


def stages_of(network: Network) -> Images:
    layers = image_layers(network)
    assert layers == tuple(range(len(network.layers)))
    last = network.widths[-1]
    live = np.arange(network.widths[0] + sum(layer.n_outputs for layer in network.layers))
    return lay_out(network, layers, live >= len(live) - last)


@pytest.mark.parametrize("wires", [0.0, 0.5])
@pytest.mark.parametrize("name", NETWORKS)
def test_kernels_run_the_stages(name: str, wires: float, tmp_path: Path) -> None:
    network, target = network_of(name, wires), native()
    images, lanes = stages_of(network), target.shape.lanes
    library = tmp_path / "kernels.so"
    kernels = [clear(images, target.shape, PREFIX), convolve(images, target.shape, PREFIX)]
    link_shared(compile_kernels(kernels, target, tmp_path), library)
    loaded = ctypes.CDLL(str(library))
    rng = np.random.default_rng(1)
    memory = rng.integers(0, 2**64, (images.n_rows + 1) * lanes, dtype=np.uint64)  # garbage
    first = -memory.ctypes.data % (8 * lanes) // 8
    rows = memory[first : first + images.n_rows * lanes].reshape(-1, lanes)
    getattr(loaded, f"{PREFIX}_clear")(ctypes.c_void_p(rows.ctypes.data))
    for _ in range(2):
        words = rng.integers(0, 2**64, (network.widths[0], lanes), dtype=np.uint64)
        rows[images.input_row] = words[images.input_bit]
        getattr(loaded, f"{PREFIX}_convolve")(ctypes.c_void_p(rows.ctypes.data))
        np.testing.assert_array_equal(rows, images.evaluate(words))


def test_code_does_not_grow_with_the_kernels() -> None:
    def instructions(kernels: int) -> int:
        rng = np.random.default_rng(0)
        leaf = rng.integers(0, (3, 3, 3), (kernels, 8, 3))
        table = rng.choice(TRUE_GATES, (kernels, 7)).astype(np.uint8)
        layer = smallest_trees(LogicConv2d(3, 8, 8, 3, leaf, table, padding=1))
        pool = OrPool2d(*layer.out_shape, 2)
        network = Network(Threshold.bits(192), (layer, pool), GroupSum(pool.n_outputs, 1))
        text = kernel_source([convolve(stages_of(network), native().shape, PREFIX)], native())
        return sum(line.startswith("\t") and not line.startswith("\t.") for line in text.splitlines())

    assert instructions(800) <= 1.1 * instructions(200)
