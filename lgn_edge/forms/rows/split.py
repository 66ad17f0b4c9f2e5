"""What of a network stays image layers, and what becomes a circuit of single gates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from lgn_edge.forms.images.images import Images
from lgn_edge.forms.images.jobs import image_layers
from lgn_edge.forms.images.layout import lay_out
from lgn_edge.forms.rows.cost import gates_ns, stages_ns
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
        images: the image layers that stay what they are; None where none do.
        circuit: the others, simplified. Its inputs are the encoder's bits, then the outputs of the image layers.
        why: the image layers stay or not; empty where there are none.
    """

    images: Images | None
    circuit: Circuit
    why: str = ""

    @property
    def n_gates(self) -> int:
        """Gates that are left, those of kernels at all places."""
        return self.circuit.n_gates + (self.images.n_gates if self.images else 0)


def split(network: Network, target: Target) -> Split:
    """Leave image layers what they are, on machines with vector units, where that is predicted to be faster."""
    layers: tuple[int, ...] = ()
    if target.shape.lanes > 1:
        network = simplify_images(network)
        layers = image_layers(network)
    if not layers:
        return Split(None, simplify(flatten(network))[0])
    behind, _ = simplify(flatten(network, layers))
    images = lay_out(network, layers, _read(behind))
    unrolled = simplify(flatten(network))[0] if images.n_gates <= _COUNTED else None
    gates = unrolled.n_gates if unrolled else behind.n_gates + _LEFT * images.n_gates
    kept, single = stages_ns(images) + gates_ns(behind.n_gates), gates_ns(gates)
    times = f"predicted {kept / 1e3:,.1f} µs a block as convolutions, {single / 1e3:,.1f} µs as single gates"
    if kept <= single:
        return Split(images, behind, f"its image layers stay convolutions, {times}")
    return Split(None, unrolled or simplify(flatten(network))[0], f"its image layers become single gates, {times}")


def _read(circuit: Circuit) -> BoolArray:
    """Which inputs bool[n_inputs] of a circuit are read."""
    read = np.zeros(circuit.n_signals, np.bool_)
    for signals in (circuit.a, circuit.b, circuit.outputs):
        read[signals] = True
    return read[: circuit.n_inputs]
