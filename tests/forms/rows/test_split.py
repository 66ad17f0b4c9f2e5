"""Which image layers stay convolutions, and why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from lgn_edge.forms.rows import split as module
from lgn_edge.forms.rows.split import split
from lgn_edge.network import Network, flatten
from lgn_edge.passes import simplify
from lgn_edge.targets.registry import find_target
from lgn_edge.targets.wasm import WASM
from tests.strategies import convolutional_network, image_networks, random_image_network, random_network, random_samples

ROWS = next(target for target in WASM if target.shape.lanes > 1)


def test_convolutions_stay_where_that_is_faster() -> None:
    parted = split(convolutional_network(1), ROWS)
    assert parted.images is not None
    assert parted.images.layers == (0, 1, 2, 3)
    assert parted.why.startswith("its image layers stay convolutions, predicted ")
    parted = split(random_image_network(14), ROWS)
    assert parted.images is None
    assert parted.why.startswith("its image layers become single gates, predicted ")


def test_other_machines_and_other_networks_get_a_circuit() -> None:
    network = convolutional_network(1)
    parted = split(network, find_target("cortex-m4"))
    assert (parted.images, parted.why) == (None, "")
    assert parted.circuit == simplify(flatten(network))[0]
    assert split(random_network(1), ROWS).why == ""


@given(image_networks())
def test_both_parts_together_are_the_network(network: Network) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "gates_ns", lambda gates: 1e9 * gates)  # stay whatever it costs
        patch.setattr(module, "stages_ns", lambda images: 0.0)
        parted = split(network, ROWS)
    samples = random_samples(network, 70)
    bits = network.encoder.evaluate(samples)
    given = bits
    if parted.images is not None:
        memory = parted.images.evaluate(bits)
        given = memory[np.maximum(parted.images.row, 0)]
        given[: len(bits)] = bits
    scores = network.head.evaluate(parted.circuit.evaluate(given), 70)
    assert (scores == network.evaluate(samples).scores).all()


def test_large_networks_are_not_unrolled_to_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    network = convolutional_network(1)
    monkeypatch.setattr(module, "_COUNTED", 0)
    unrolled = []
    real = flatten
    monkeypatch.setattr(module, "flatten", lambda net, given=(): unrolled.append(given) or real(net, given))
    assert split(network, ROWS).images is not None
    assert unrolled == [(0, 1, 2, 3)]
    few = replace(network, name="the same")
    monkeypatch.setattr(module, "_LEFT", 0.0)
    assert split(few, ROWS).images is None
