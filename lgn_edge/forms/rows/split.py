"""What of a network stays image layers, and what becomes a circuit of single gates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from lgn_edge.forms.images.jobs import image_layers
from lgn_edge.forms.images.layout import lay_out
from lgn_edge.forms.rows.cost import gates_ns, stages_ns
from lgn_edge.forms.rows.few import Convolutions, few
from lgn_edge.network import Circuit, Network, flatten
from lgn_edge.passes import simplify
from lgn_edge.passes.rewrite import BoolArray
from lgn_edge.passes.simplify_images import simplify_images
from lgn_edge.targets.target import Target

_COUNTED: Final = 200_000  # gates of image layers up to which their single gates are counted, not estimated
_LEFT: Final = 0.66  # share of the gates of kernels that is left when they are unrolled and simplified


@dataclass(frozen=True)
class Split:
    """A network for a machine, in one part or two.

    Attributes:
        convolutions: the image layers that stay what they are; None where none do.
        circuit: the others, simplified. Its inputs are the encoder's bits, then the outputs of the image layers.
        why: the image layers stay or not; empty where there are none.
    """

    convolutions: Convolutions | None
    circuit: Circuit
    why: str = ""

    @property
    def n_gates(self) -> int:
        """Gates that are left, those of kernels at all places."""
        return self.circuit.n_gates + (self.convolutions.images.n_gates if self.convolutions else 0)


def split(network: Network, target: Target) -> Split:
    """Leave image layers what they are, on machines with vector units, where that is predicted to be faster."""
    network = simplify_images(network)
    layers = image_layers(network) if target.gpu is None and target.shape.lanes > 1 else ()
    if not layers:
        return Split(None, _unrolled(network))
    behind, _ = simplify(flatten(network, layers))
    read = _read(behind)
    images = lay_out(network, layers, read)
    unrolled = _unrolled(network) if images.n_gates <= _COUNTED else None
    gates = unrolled.n_gates if unrolled else behind.n_gates + _LEFT * images.n_gates
    kept, single = stages_ns(images) + gates_ns(behind.n_gates), gates_ns(gates)
    times = f"predicted {kept / 1e3:,.1f} µs a block as convolutions, {single / 1e3:,.1f} µs as single gates"
    if kept > single:
        why = f"its image layers become single gates, {times}"
        return Split(None, unrolled or _unrolled(network), why)
    some = few(network, layers, read, images)
    alone = f"; up to {some.most} samples at a time, one after the other" if some else ""
    return Split(Convolutions(images, some), behind, f"its image layers stay convolutions, {times}{alone}")


def single_gates(network: Network) -> Circuit:
    """All layers as a circuit, simplified."""
    return _unrolled(simplify_images(network))


def _unrolled(network: Network) -> Circuit:
    return simplify(flatten(network))[0]


def _read(circuit: Circuit) -> BoolArray:
    """Which inputs bool[n_inputs] of a circuit are read."""
    read = np.zeros(circuit.n_signals, np.bool_)
    for signals in (circuit.a, circuit.b, circuit.outputs):
        read[signals] = True
    return read[: circuit.n_inputs]
