"""A verifier is tested by planted faults: every backend, every fault, named by its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from lgn_edge.verification import Backend, Outcome, Result, Subject, run_backends
from lgn_edge.verification.backends import DEFAULT_BACKENDS, NAMED_BACKENDS
from tests.thinning import combinations
from tests.verification.planting import (
    SAMPLES,
    WORD,
    Planted,
    healthy_network,
    network_faults,
    shifted_last_word,
    telling_vectors,
)

NETWORK = healthy_network()
VECTORS = telling_vectors(NETWORK)
FAULTS = network_faults(NETWORK)
BACKENDS = {backend.name: backend for backend in (*DEFAULT_BACKENDS, *NAMED_BACKENDS)}


@pytest.fixture(params=BACKENDS.values(), ids=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    reason = request.param.available(Subject(NETWORK, checkpoint=Path("not needed")))
    if reason is not None:
        pytest.skip(reason)
    return request.param


def verified(backend: Backend) -> Result:
    (row,) = run_backends(Subject(NETWORK), [backend], VECTORS).results
    return row


def test_a_healthy_backend_is_equal(backend):
    row = verified(Planted(backend))
    assert row.outcome is Outcome.EQUAL, row
    assert row.samples == row.samples_offered == SAMPLES + 1
    assert (row.mismatches, row.first, row.location) == (0, None, None)


@pytest.mark.parametrize(
    ("backend", "name"),
    combinations(BACKENDS, list(FAULTS)),
    indirect=["backend"],
)
def test_a_wrong_gate_is_found_and_named(backend, name):
    fault = FAULTS[name]
    row = verified(Planted(backend, fault.change))
    assert row.outcome is Outcome.DIFFERENT
    assert row.mismatches > 0
    assert row.first is not None
    assert row.location is not None
    assert row.location.layer == fault.layer, row.location.text
    assert row.location.gate in fault.gates, row.location.text
    assert f"layer {fault.layer}, gate {row.location.gate} " in row.location.text
    assert row.location.sample is not None


def test_a_last_word_that_is_off_by_one_is_found(backend):
    row = verified(Planted(backend, answer=shifted_last_word))
    assert row.outcome is Outcome.DIFFERENT
    assert row.first is not None
    assert row.first.vector == "random"
    assert row.first.sample >= SAMPLES // WORD * WORD
    assert row.location is not None
    assert row.location.sample is not None, row.location.text
    assert row.location.sample >= SAMPLES // WORD * WORD
