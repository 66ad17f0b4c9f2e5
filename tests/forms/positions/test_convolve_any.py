"""The kernels of words of positions for this machine, compiled, against the stages that they run."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest

from lgn_edge.forms.images.jobs import image_layers, jobs_of
from lgn_edge.forms.positions.convolve_any import convolve_any, words_of_any
from lgn_edge.forms.positions.layout import lay_out
from lgn_edge.forms.positions.pack import load
from lgn_edge.network.bits import unpack
from lgn_edge.targets.compile import compile_kernels
from lgn_edge.targets.native import native
from lgn_edge.toolchain import link_shared
from tests.forms.rows.test_convolve import NETWORKS, PREFIX, network_of


@pytest.mark.parametrize("wires", [0.0, 0.5])
@pytest.mark.parametrize("name", NETWORKS)
def test_kernels_run_the_stages(name: str, wires: float, tmp_path: Path) -> None:
    network, target = network_of(name, wires), native()
    layers = image_layers(network)
    live = np.arange(network.widths[0] + sum(layer.n_outputs for layer in network.layers))
    positions = lay_out(jobs_of(network, layers, live >= len(live) - network.widths[-1]), layers, 64)
    assert positions is not None
    library = tmp_path / "kernels.so"
    kernels = [convolve_any(positions, PREFIX), load(positions, "uint64", PREFIX)]
    link_shared(compile_kernels(kernels, target, tmp_path), library)
    loaded = ctypes.CDLL(str(library))
    rng = np.random.default_rng(1)
    memory = rng.integers(0, 2**64, words_of_any(positions), dtype=np.uint64)  # garbage
    words = rng.integers(0, 2**64, (network.widths[0], 2), dtype=np.uint64)
    want = positions.evaluate(unpack(words, 128).T.astype(np.uint8))
    for sample in (0, 1, 63, 127):
        row = ctypes.c_void_p(words[:, sample // 64 :].ctypes.data)
        getattr(loaded, f"{PREFIX}_load")(row, 2, sample % 64, ctypes.c_void_p(memory.ctypes.data))
        getattr(loaded, f"{PREFIX}_convolve")(ctypes.c_void_p(memory.ctypes.data))
        np.testing.assert_array_equal(memory[: positions.n_words], want[:, sample])
