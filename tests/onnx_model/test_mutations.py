"""Whatever is changed in a file of any form, the reader refuses it in one sentence, or ONNX Runtime agrees with it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from onnx import ModelProto, parser
from onnxruntime.capi.onnxruntime_pybind11_state import Fail

from lgn_edge.errors import InputError, LgnError, UnsupportedError
from lgn_edge.network import Circuit, Network
from lgn_edge.onnx_library.fuse import fuse
from lgn_edge.onnx_model import Form, form, from_model, to_model
from lgn_edge.onnx_model.bitwise import circuit
from lgn_edge.onnx_model.runtime import onnxruntime_run
from lgn_edge.onnx_model.text import check_text
from tests.onnx_model.forms import FORMS, FUSED_FORMS, PLAIN_OPS
from tests.onnx_model.mutations import mutated
from tests.onnx_model.test_bitwise import LOGICAL, PACKED, SINGLE
from tests.strategies import random_image_network, random_network, random_samples
from tests.thinning import few

NETWORK = random_network(1, features=7, bits=11, widths=(13, 12), classes=3, input_dtype="uint8")
IMAGES = random_image_network(14)
EDGES = random_network(13, features=9, bits=40, widths=(50, 30), input_dtype="uint8", edges=True)
IMAGE_FORMS = {f"images-{ops}": Form(ops) for ops in PLAIN_OPS}
PLAIN = {name: (NETWORK, form) for name, form in FORMS.items()} | {
    name: (IMAGES, form) for name, form in IMAGE_FORMS.items()
}
FUSED = {name: (NETWORK, form) for name, form in FUSED_FORMS.items()} | {
    "edges-fused": (EDGES, FUSED_FORMS["fused-own"])
}
QUICK = (*list(PLAIN)[::3], "fused-own", "edges-fused")


def refusal(read: Callable[[ModelProto], Network | Circuit], model: ModelProto) -> str:
    """What a reader says against a model; empty when it reads it."""
    try:
        read(model)
    except LgnError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("case", few(PLAIN | FUSED, *QUICK))
def test_read_or_refused(case: tuple[Network, Form]) -> None:
    model, rng = to_model(*case), np.random.default_rng(1)
    found = []
    for i in range(150):
        changed = mutated(model, rng, graph_only=i % 2 == 0)  # most of a model may be function bodies
        found.append(refusal(from_model, changed))
        fuse(changed)
    assert sum(map(bool, found)) > 50
    assert not any("\n" in message for message in found)


@pytest.mark.parametrize("case", few(PLAIN, *QUICK))
def test_what_is_read_is_what_runs(case: tuple[Network, Form]) -> None:
    model, rng = to_model(*case), np.random.default_rng(2)
    for _ in range(60):
        changed = mutated(model, rng, graph_only=True)
        with suppress(LgnError):
            found = from_model(changed)
            if found.encoder.n_features < 1000:
                agrees(found, changed)


def agrees(network: Network, model: ModelProto) -> None:
    with suppress(InputError):  # some nodes that a reader does not look at are not legal ONNX
        run = onnxruntime_run(model)
        samples = random_samples(network, 70)
        try:
            got = run(samples)
        except Fail:  # because of shapes in value_info, which no reader looks at, and which were changed
            return
        want = network.evaluate(samples)
        wanted = {"scores": want.scores, "logits": network.head.logits(want.scores), "class": want.classes}
        for name, array in got.items():
            np.testing.assert_array_equal(array, wanted[name], err_msg=name)


def checked_circuit(model: ModelProto) -> Circuit:
    check_text(model)
    return circuit(model)


@pytest.mark.parametrize("text", [PACKED, LOGICAL, SINGLE], ids=["packed", "logical", "single"])
def test_foreign_graphs(text: str) -> None:
    model, rng = parser.parse_model(text), np.random.default_rng(3)
    found = [refusal(checked_circuit, mutated(model, rng)) for _ in range(600)]
    assert sum(map(bool, found)) > 200
    assert not any("\n" in message for message in found)


@pytest.mark.parametrize("ops", ["custom", "standard", "fused"])
def test_a_small_file_does_not_take_much_memory(ops: str) -> None:
    model = to_model(NETWORK, Form(ops, "packed"))
    (about,) = [entry for entry in model.metadata_props if entry.key == "ai.lgn.encoder"]
    model.metadata_props.remove(about)  # which tells the bits too
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2**31 - 1
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="has 2147483647 bits; the most are 16777216"):
            from_model(model)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("chosen", ["bool", "packed"])
def test_no_file_is_written_that_is_not_read(chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form, "MOST_BITS", 10)
    with pytest.raises(UnsupportedError, match=f"gives 11 bits; a {chosen} input has 10 at most"):
        to_model(NETWORK, Form(input=chosen))
    assert from_model(to_model(NETWORK)) == NETWORK
