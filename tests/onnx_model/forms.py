"""Every form that a file can have, and the runtimes it is held against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
import pytest

from lgn_edge.network import Bits, GroupSum, LogicConv2d, LogicDense, Network, OrPool2d, Threshold
from lgn_edge.network.convolution import MAX_DEPTH
from lgn_edge.onnx_model import Form
from lgn_edge.onnx_model.form import BOOL, INPUTS, OPS, PACKED, feed, input_info, resolved
from lgn_edge.onnx_model.runtime import Run, onnxruntime_run, reference_run

BATCHES = (0, 1, 2, 63, 64, 65, 127, 128, 129, 200)
RUNTIMES = {
    "reference": reference_run,
    "optimised": onnxruntime_run,
    "unoptimised": lambda model: onnxruntime_run(model, optimize=False),
}
PLAIN_OPS = tuple(ops for ops in OPS if ops != "fused")  # what runs without the library
FUSED_FORMS = {f"fused-{chosen or 'own'}": Form("fused", chosen) for chosen in ("", *INPUTS)}
FORMS = {
    f"{ops}-{chosen or 'own'}": Form(ops, chosen)
    for ops, chosen in product(PLAIN_OPS, ("", *INPUTS))
    if (ops, chosen) != ("qonnx", "packed")
}


def joined_images(seed: int) -> Network:
    """Image layers that read several images, as channels of one; the head reads the encoder and two layers."""
    rng = np.random.default_rng(seed)
    live = (1, 2, 4, 6, 7, 8, 9, 11, 13, 14)

    def convolution(channels: int, kernels: int) -> LogicConv2d:
        leaf = rng.integers(0, (channels, 3, 3), (kernels, 4, 3))
        return LogicConv2d(channels, 4, 5, 3, leaf, rng.choice(live, (kernels, 3)), padding=1)

    wires = rng.integers(0, 40 + 60 + 42, (2, 30))
    layers = (
        convolution(2, 3),
        convolution(5, 4),
        OrPool2d(7, 4, 5, 2),
        OrPool2d(7, 2, 2, (2, 1), 1, padding=(1, 0)),
        LogicDense(40 + 60 + 42, *wires, rng.choice(live, 30)),
    )
    reads = ((0,), (1, 0), (2, 1), (3,), (0, 1, 4))
    encoder = Threshold(40, np.arange(40), np.full(40, 127.5), "uint8")
    return Network(encoder, layers, GroupSum(30, 3), f"image joined {seed}", reads=reads)


def trees() -> Iterator[Network]:
    """Convolutions in which every node of a tree is every gate, then trees of every depth."""
    leaves, nodes = 16, 15
    table = np.tile(np.resize([1, 7, 6], nodes), (16 * nodes, 1))
    table[np.arange(16 * nodes), np.repeat(np.arange(nodes), 16)] = np.tile(np.arange(16), nodes)
    cell = np.stack([np.arange(leaves) % 2, np.arange(leaves) // 8, np.arange(leaves) // 2 % 4], axis=1)
    convolution = LogicConv2d(2, 2, 4, (2, 4), np.tile(cell, (len(table), 1, 1)), table, padding=(0, 1))
    yield Network(Threshold.bits(16), (convolution,), Bits(convolution.n_outputs))
    rng = np.random.default_rng(1)
    for depth in range(1, MAX_DEPTH + 1):
        leaf = rng.integers(0, (2, 2, 3), (2, 2**depth, 3))
        table = rng.choice([1, 6, 7, 8, 9, 14], (2, 2**depth - 1))
        convolution = LogicConv2d(2, 3, 3, (2, 3), leaf, table, stride=(1, 2), padding=(1, 0))
        yield Network(Threshold.bits(18), (convolution,), Bits(convolution.n_outputs))


def suits(form: Form, network: Network) -> bool:
    """Samples of float32 do not fit into a model that takes uint8, differences only into one that does."""
    if network.encoder.minus is not None:
        return form.input != "float32"
    return not (form.input == "uint8" and network.encoder.input_dtype == "float32")


def suited(networks: Mapping[str, Network], forms: Mapping[str, Form]) -> list[Any]:
    """Every network with every form that it suits, for `pytest.mark.parametrize`."""
    return [
        pytest.param(network, form, id=f"{name}-{form_name}")
        for name, network in networks.items()
        for form_name, form in forms.items()
        if suits(form, network)
    ]


def converted(form: Form, samples: np.ndarray) -> np.ndarray:
    """Samples of the type that the model takes; uint8 in float32 are the same numbers."""
    return samples.astype(np.float32) if form.input == "float32" else samples


def fed(network: Network, form: Form, samples: np.ndarray) -> tuple[str, np.ndarray]:
    """The name of the model's input, and what it is fed for samples: encoded and packed where that is done outside."""
    inside, chosen = resolved(network, form)
    encoder = network.encoder if chosen.input in (BOOL, PACKED) else inside.encoder
    return input_info(inside, chosen).name, feed(encoder, chosen.input, converted(form, samples))


def outputs_of(network: Network, samples: np.ndarray) -> dict[str, np.ndarray]:
    """Every output that a model of the network may give, by its name."""
    want = network.evaluate(samples)
    wanted = {"scores": want.scores, "output_bits": want.scores.astype(np.bool_)}
    if isinstance(network.head, GroupSum):
        wanted["logits"] = network.head.logits(want.scores)
    if want.decision is not None:
        wanted["class"] = want.decision.astype(np.int64)
    return wanted


def assert_same(network: Network, run: Run, samples: np.ndarray, form: Form | None = None) -> None:
    form = resolved(network, form or Form())[1]
    wanted, got = outputs_of(network, samples), run(converted(form, samples))
    assert tuple(got) == form.outputs
    for name, array in got.items():
        np.testing.assert_array_equal(array, wanted[name], strict=True)
        assert array.tobytes() == wanted[name].tobytes()
