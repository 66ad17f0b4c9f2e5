"""Vectors: what each one must contain, and that they are the same in every run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from lgn_edge.artifact.selftest import selftest_samples
from lgn_edge.network import GroupSum, LogicDense, Network, Threshold, unpack
from lgn_edge.verification import Vector, limit, make_vectors
from lgn_edge.verification.vectors import BATCH_SIZES
from tests.strategies import networks, random_network


def by_name(network: Network, **options) -> dict[str, np.ndarray]:
    return {vector.name: vector.samples for vector in make_vectors(network, **options)}


def bits(network: Network, samples: np.ndarray) -> np.ndarray:
    return unpack(network.encoder.evaluate(samples), len(samples))


@given(networks())
def test_every_vector_is_legal_and_the_same_again(network):
    first, second = make_vectors(network, samples=20), make_vectors(network, samples=20)
    for one, other in zip(first, second, strict=True):
        assert one.name == other.name
        assert one.samples.tobytes() == other.samples.tobytes()
        network.encoder.check(one.samples)


@given(networks())
def test_all_low_and_all_high_are_the_extremes_of_every_bit(network):
    vectors = by_name(network, samples=20)
    limits = (0, 255) if network.encoder.input_dtype == "uint8" else (-np.inf, np.inf)
    for name, value in zip(("all-low", "all-high"), limits, strict=True):
        extreme = np.full((1, network.encoder.n_features), value, network.encoder.input_dtype)
        assert (bits(network, vectors[name]) == bits(network, extreme)).all()


@given(networks())
def test_exhaustive_has_every_reachable_pattern(network):
    vectors = by_name(network, samples=20)
    if "exhaustive" not in vectors:
        return
    reached = {row.tobytes() for row in bits(network, vectors["exhaustive"])}
    assert len(reached) == len(vectors["exhaustive"])
    for name in ("random", "thresholds"):
        assert {row.tobytes() for row in bits(network, vectors[name])} <= reached


def test_walking_raises_one_feature_at_a_time():
    network = Network(Threshold.bits(5), (LogicDense(5, [0, 1], [2, 3], [6, 1]),), GroupSum(2, 2))
    assert (by_name(network)["walking"] == np.eye(5, dtype=np.uint8)).all()


def test_batches_go_around_every_word_boundary():
    vectors = by_name(random_network(0))
    assert [len(vectors[f"batch-{n}"]) for n in BATCH_SIZES] == list(BATCH_SIZES)


def test_special_values_only_for_float():
    special = by_name(random_network(0))["special"]
    assert np.isnan(special).any()
    assert np.isinf(special).any()
    assert "special" not in by_name(random_network(0, input_dtype="uint8"))


def test_thresholds_are_hit_exactly():
    network = random_network(3)
    samples = by_name(network)["thresholds"]
    on = samples[:, network.encoder.feature] == network.encoder.threshold
    assert on.any(axis=0).all()


def test_differences_are_at_their_thresholds_and_one_above():
    network = random_network(3, features=60, bits=90, input_dtype="uint8", edges=True)
    encoder, edge = network.encoder, network.encoder.is_edge
    reachable = edge & (encoder.feature != encoder.minus) & (np.abs(encoder.threshold) < 250)
    for samples in (by_name(network)["thresholds"], selftest_samples(network, 1000)):
        x = samples.astype(int)
        difference = x[:, encoder.feature[reachable]] - x[:, encoder.minus[reachable]]
        for above in (0, 1):
            assert (difference == np.floor(encoder.threshold[reachable]) + above).any(axis=0).all()


def test_the_greatest_threshold_warns_of_nothing():
    encoder = Threshold(1, [0], [np.finfo(np.float32).max])
    network = Network(encoder, (LogicDense(1, [0], [0], [3]),), GroupSum(1, 1))
    assert set(bits(network, by_name(network)["exhaustive"]).ravel().tolist()) == {False, True}


def test_data_come_first_and_are_thinned():
    network = random_network(0)
    data = np.arange(70, dtype=np.float32).reshape(10, 7)
    first = make_vectors(network, samples=4, data=data)[0]
    assert first.name == "data"
    assert first.samples[:, 0].tolist() == [0, 21, 42, 63]


@pytest.mark.parametrize("budget", [1, 10, 100, 256, 1000])
def test_limit_keeps_the_budget_and_whole_vectors_whole(budget):
    vectors = make_vectors(random_network(0))
    kept = limit(vectors, budget)
    assert sum(len(vector.samples) for vector in kept) <= budget
    sizes = {vector.name: len(vector.samples) for vector in vectors}
    assert all(len(vector.samples) == sizes[vector.name] for vector in kept if vector.whole)


def test_limit_uses_the_budget_for_what_is_there():
    kept = limit(make_vectors(random_network(0)), 256)
    names = {vector.name for vector in kept}
    assert {"thresholds", "random", "all-low", "all-high", "walking", "batch-0", "batch-33"} <= names
    assert sum(len(vector.samples) for vector in kept) > 200


def test_limit_leaves_alone_what_fits():
    vectors = (Vector("a", np.zeros((3, 1))), Vector("batch-2", np.zeros((2, 1)), whole=True))
    assert limit(vectors, 5) == vectors
