"""Straight-line code of image layers, compiled for this machine, against the stages that it runs."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest

from lgn_edge import toolchain
from lgn_edge.forms.images.jobs import image_layers, jobs_of
from lgn_edge.forms.one_sample.classify import KEEP
from lgn_edge.forms.positions.layout import lay_out
from lgn_edge.forms.positions.pack import load
from lgn_edge.forms.positions.program import Positions
from lgn_edge.forms.positions_straight.kernels import MACROS, convolve_straight
from lgn_edge.network import GroupSum, LogicConv2d, Network, Threshold
from lgn_edge.targets.c_source import c_source
from lgn_edge.targets.native import native
from tests.forms.rows.test_convolve import NETWORKS, network_of
from tests.thinning import few

SIZES = {"9 x 8": (9, 8), "23 x 18": (23, 18)}


def positions_of(network: Network) -> Positions:
    layers = image_layers(network)
    live = np.arange(network.widths[0] + sum(layer.n_outputs for layer in network.layers))
    positions = lay_out(jobs_of(network, layers, live >= len(live) - network.widths[-1]), layers, 32)
    assert positions is not None
    return positions


def runs_the_stages(network: Network, folder: Path) -> None:
    positions = positions_of(network)
    kernels = [*convolve_straight(positions, "lgn_test"), load(positions, "uint32", "lgn_test")]
    source, output, library = (folder / f"kernels.{suffix}" for suffix in ("c", "o", "so"))
    source.write_text(c_source(kernels, "kernels", KEEP + MACROS))
    toolchain.compile_c(source, output, native().machine)
    toolchain.link_shared([output], library)
    loaded = ctypes.CDLL(str(library))
    rng = np.random.default_rng(1)
    memory = rng.integers(0, 2**32, positions.n_words, dtype=np.uint32)  # garbage
    words = rng.integers(0, 2**32, (network.widths[0], 2), dtype=np.uint32)
    want = positions.evaluate(np.unpackbits(words.view(np.uint8), axis=1, bitorder="little"))
    for sample in (0, 1, 31, 63):
        row = ctypes.c_void_p(words[:, sample // 32 :].ctypes.data)
        loaded.lgn_test_load(row, 2, sample % 32, ctypes.c_void_p(memory.ctypes.data))
        loaded.lgn_test_convolve(ctypes.c_void_p(memory.ctypes.data))
        np.testing.assert_array_equal(memory, want[:, sample])


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("wires", [0.0, 0.5])
@pytest.mark.parametrize("name", few(list(NETWORKS), "cells of four", "strides", "pools that pad"))
def test_code_runs_the_stages(name: str, wires: float, size: tuple[int, int], tmp_path: Path) -> None:
    runs_the_stages(network_of(name, wires, *size), tmp_path)


def test_leaves_that_are_far_apart(tmp_path: Path) -> None:
    """Each from a pointer of its own, in a function that has as many as there may be."""
    rng = np.random.default_rng(0)
    leaf = rng.integers(0, (400, 3, 3), (120, 8, 3)).astype(np.int32)
    table = rng.choice((1, 6, 7, 8, 9), (120, 7)).astype(np.uint8)
    layer = LogicConv2d(400, 6, 5, 3, leaf, table)
    runs_the_stages(Network(Threshold.bits(400 * 30), (layer,), GroupSum(layer.n_outputs, 1)), tmp_path)
