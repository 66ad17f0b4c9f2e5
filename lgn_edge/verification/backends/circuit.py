"""The flattened, simplified circuit evaluated by numpy: what every target compiles, before any compiler."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lgn_edge.network import Prediction, flatten
from lgn_edge.verification.backends.in_process import InProcess
from lgn_edge.verification.subject import Runner, Samples, Subject


@dataclass(frozen=True)
class CircuitBackend(InProcess):
    """The passes over the circuit (see `Backend`)."""

    name: str = "circuit"

    def version(self) -> str:
        """The numpy below it."""
        return f"numpy {np.__version__}"

    def given(self, subject: Subject) -> Path | None:
        """Nothing: the circuit is made from the network."""
        return None

    @contextmanager
    def prepare(self, subject: Subject) -> Iterator[Runner]:
        """Flatten and simplify once; encoder and group sum are the network's."""
        from lgn_edge.passes import simplify

        network = subject.network
        circuit, _ = simplify(flatten(network))

        def run(samples: Samples) -> Prediction:
            words = circuit.evaluate(network.encoder.evaluate(samples))
            return Prediction.of(network.head.evaluate(words, len(samples)), decides=network.head.decides)

        yield run
