"""Backends that run ONNX files, on networks of images: they agree, and a fault in any layer shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgn_edge.errors import LgnError
from lgn_edge.network import Network
from lgn_edge.onnx_library import onnx_library_path
from lgn_edge.verification import Outcome, Subject, make_vectors, run_backends
from lgn_edge.verification.backends import find_backends
from tests.onnx_model.forms import BATCHES, joined_images
from tests.strategies import image_networks, random_samples
from tests.thinning import combinations
from tests.verification.planting import Planted

BACKENDS = (
    "circuit",
    "onnx-reference",
    "onnxruntime",
    "onnxruntime-plain",
    "onnxruntime-standard",
    "onnxruntime-library",
    "onnxruntime-fused",
)


@pytest.fixture(scope="module", autouse=True)
def library() -> None:
    try:
        onnx_library_path()
    except LgnError as error:
        pytest.skip(f"no ONNX Runtime library: {error}")


def changed(layer: int, **fields: Any) -> Callable[[Network], Network]:
    def change(network: Network) -> Network:
        wrong = replace(network.layers[layer], **fields)  # type: ignore[type-var]  # every layer is a record
        return replace(network, layers=(*network.layers[:layer], wrong, *network.layers[layer + 1 :]))

    return change


def at(array: np.ndarray, place: tuple[int, ...], value: int) -> np.ndarray:
    copy = array.copy()
    copy[place] = value
    return copy


NETWORK = joined_images(3)
LEAF, TABLE = NETWORK.layers[1].leaf, NETWORK.layers[1].table  # type: ignore[attr-defined]  # a convolution
SOURCES = NETWORK.sources
FAULTS: dict[str, Callable[[Network], Network]] = {
    "the first gate": changed(1, table=at(TABLE, (0, 0), TABLE[0, 0] ^ 15)),
    "the last gate": changed(1, table=at(TABLE, (3, 2), TABLE[3, 2] ^ 1)),
    "a leaf's column": changed(1, leaf=at(LEAF, (0, 0, 2), (LEAF[0, 0, 2] + 1) % 3)),
    "two nodes swapped": changed(1, table=TABLE[:, [1, 0, 2]]),
    "a smaller pool": changed(2, size=(1, 2)),
    "more padding": changed(3, size=(2, 3), padding=(1, 1)),
    "images joined in another order": lambda network: replace(network, reads=(SOURCES[0], (0, 1), *SOURCES[2:])),
}


@settings(max_examples=20)
@given(image_networks() | st.builds(joined_images, st.integers(0, 100)), st.sampled_from(BATCHES))
def test_they_agree(network: Network, n: int) -> None:
    samples = random_samples(network, n)
    want = network.evaluate(samples)
    for backend in find_backends(BACKENDS):
        with backend.prepare(Subject(network)) as run:
            assert run(samples) == want, backend.name


@pytest.mark.parametrize(("name", "fault"), combinations(list(BACKENDS), list(FAULTS)))
def test_a_fault_is_found(name: str, fault: str) -> None:
    (backend,) = find_backends([name])
    vectors = [vector for vector in make_vectors(NETWORK, samples=100) if vector.name == "random"]
    (row,) = run_backends(Subject(NETWORK), [Planted(backend, FAULTS[fault])], vectors).results
    assert row.outcome is Outcome.DIFFERENT
    assert row.mismatches > 0
