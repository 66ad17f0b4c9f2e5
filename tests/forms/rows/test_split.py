"""Which image layers stay convolutions, and why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from lgn_edge.forms.rows import few
from lgn_edge.forms.rows import split as module
from lgn_edge.forms.rows.few import Convolutions
from lgn_edge.forms.rows.split import split
from lgn_edge.network import Network, flatten
from lgn_edge.network.bits import unpack
from lgn_edge.passes import simplify
from lgn_edge.passes.simplify_images import simplify_images
from lgn_edge.targets.registry import find_target
from lgn_edge.targets.wasm import WASM
from tests.strategies import convolutional_network, image_networks, random_image_network, random_network, random_samples

ROWS = next(target for target in WASM if target.shape.lanes > 1)


def test_convolutions_stay_where_that_is_faster() -> None:
    parted = split(convolutional_network(1), ROWS)
    assert parted.convolutions is not None
    assert parted.convolutions.images.layers == (0, 1, 2, 3)
    assert parted.why.startswith("its image layers stay convolutions, predicted ")
    parted = split(random_image_network(14), ROWS)
    assert parted.convolutions is None
    assert parted.why.startswith("its image layers become single gates, predicted ")


def test_other_machines_and_other_networks_get_a_circuit() -> None:
    network = convolutional_network(1)
    parted = split(network, find_target("cortex-m4"))
    assert (parted.convolutions, parted.why) == (None, "")
    assert parted.circuit == simplify(flatten(simplify_images(network)))[0]
    assert split(random_network(1), ROWS).why == ""


@given(image_networks())
def test_both_parts_together_are_the_network(network: Network) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "gates_ns", lambda gates: 1e9 * gates)  # stay whatever it costs
        patch.setattr(module, "stages_ns", lambda images: 0.0)
        patch.setattr(few, "one_ns", lambda positions, n_read: 1e-9)  # whatever it costs
        parted = split(network, ROWS)
    samples = random_samples(network, 70)
    bits = network.encoder.evaluate(samples)
    given = bits
    if parted.convolutions is not None:
        memory = parted.convolutions.images.evaluate(bits)
        given = memory[np.maximum(parted.convolutions.images.row, 0)]
        given[: len(bits)] = bits
        assert_few_are_many(parted.convolutions, bits, memory)
    scores = network.head.evaluate(parted.circuit.evaluate(given), 70)
    assert (scores == network.evaluate(samples).scores).all()


def assert_few_are_many(convolutions: Convolutions, bits: np.ndarray, memory: np.ndarray) -> None:
    """What goes from words of positions into rows is what many samples have there."""
    some = convolutions.few
    if some is None:  # positions that do not lie in words
        return
    words = some.positions.evaluate(unpack(bits, 70).T.astype(np.uint8))
    got = words[some.word] >> some.bit[:, None].astype(np.uint64) & np.uint64(1)
    np.testing.assert_array_equal(got, unpack(memory[some.row], 70).T)


def test_large_networks_are_not_unrolled_to_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    network = convolutional_network(1)
    monkeypatch.setattr(module, "_COUNTED", 0)
    unrolled = []
    real = flatten
    monkeypatch.setattr(module, "flatten", lambda net, given=(): unrolled.append(given) or real(net, given))
    assert split(network, ROWS).convolutions is not None
    assert unrolled == [(0, 1, 2, 3)]
    same = replace(network, name="the same")
    monkeypatch.setattr(module, "_LEFT", 0.0)
    assert split(same, ROWS).convolutions is None
