"""Every form that a file can have, and the runtimes it is held against."""

from __future__ import annotations

from itertools import product

import numpy as np

from lgn_edge.network import GroupSum, Network
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


def suits(form: Form, network: Network) -> bool:
    """Samples of float32 do not fit into a model that takes uint8."""
    return not (form.input == "uint8" and network.encoder.input_dtype == "float32")


def is_written(form: Form, network: Network) -> bool:
    """QONNX has no form for images."""
    return form.ops != "qonnx" or not network.name.startswith("image")


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
