"""What an artifact's examples classify: real samples where somebody gives them, else those of the self-test."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lgn_edge.artifact.selftest import selftest_samples
from lgn_edge.errors import InputError
from lgn_edge.network import Network
from lgn_edge.network.samples import check_samples
from lgn_edge.templates import c_rows

_MOST: Final = 8  # they are constants in the text of a program


def example_samples(network: Network, given: ArrayLike | None, count: int) -> tuple[NDArray[Any], str]:
    """Samples [k, features] of the network's input type, and the comment that says what they are.

    Args:
        network: that takes them.
        given: real samples; the first eight are used.
        count: vectors of the self-test, which are taken where none are given.

    Raises:
        InputError: those given are none, or no samples of the network.
    """
    if given is None:
        return selftest_samples(network, count)[
            :_MOST
        ], "Made up, around the encoder's thresholds: those of the self-test."
    encoder = network.encoder
    real = check_samples(given, encoder.n_features, encoder.input_dtype, "the example", trained=network.scale)
    if not len(real):
        raise InputError("no samples for the example; give at least one, or leave them out")
    if not np.isfinite(real).all():
        raise InputError(
            "the samples for the example hold NaN or infinity, which C has no constant for; leave these out"
        )
    return real[:_MOST], "Real samples, given to the build."


def example_values(samples: NDArray[Any], samples_are: str) -> dict[str, object]:
    """What the templates of examples are filled with.

    Args:
        samples: that the examples classify.
        samples_are: the comment that says what they are.
    """
    return {
        "examples": len(samples),
        "example_samples": c_rows(samples),
        "samples_js": ", ".join(map(str, samples.ravel().tolist())),
        "samples_are": samples_are,
    }
