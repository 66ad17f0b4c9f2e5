"""What an artifact's examples classify: real samples where somebody gives them, else those of the self-test."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lgn_edge.errors import InputError
from lgn_edge.network import Network
from lgn_edge.network.samples import check_samples
from lgn_edge.templates import c_rows

_MOST: Final = 8  # they are constants in the text of a program


def real_samples(network: Network, given: ArrayLike) -> NDArray[Any]:
    """The first eight of real samples, [k, features] of the network's input type.

    Raises:
        InputError: they are none, or no samples of the network.
    """
    encoder = network.encoder
    real = check_samples(given, encoder.n_features, encoder.input_dtype, "the example", trained=network.scale)
    if not len(real):
        raise InputError("no samples for the example; give at least one, or leave them out")
    if not np.isfinite(real).all():
        raise InputError(
            "the samples for the example hold NaN or infinity, which C has no constant for; leave these out"
        )
    return real[:_MOST]


def example_values(real: NDArray[Any] | None, tested: NDArray[Any]) -> dict[str, object]:
    """What the templates of examples are filled with.

    Args:
        real: samples that the examples classify, where somebody gives them (see `real_samples`).
        tested: those of the self-test, of which the first are taken where nobody does.
    """
    if real is None:
        samples, samples_are = tested[:_MOST], "Made up, around the encoder's thresholds: those of the self-test."
    else:
        samples, samples_are = real, "Real samples, given to the build."
    return {
        "examples": len(samples),
        "example_samples": c_rows(samples),
        "samples_js": ", ".join(map(str, samples.ravel().tolist())),
        "samples_are": samples_are,
    }
