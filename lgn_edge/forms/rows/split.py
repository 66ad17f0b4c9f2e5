"""What of a network stays image layers, and what becomes a circuit of single gates."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lgn_edge.forms.images.images import Images
from lgn_edge.forms.images.layout import image_layers, lay_out
from lgn_edge.network import Circuit, LogicConv2d, Network, flatten
from lgn_edge.passes import simplify
from lgn_edge.passes.smallest_trees import smallest_trees
from lgn_edge.targets.target import Target


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
    """Leave image layers what they are where that is predicted to be faster."""
    layers = image_layers(network) if target.shape.lanes > 1 else ()
    if not layers:
        return Split(None, simplify(flatten(network))[0])
    small = [smallest_trees(layer) if isinstance(layer, LogicConv2d) else layer for layer in network.layers]
    network = replace(network, layers=tuple(small))
    circuit, _ = simplify(flatten(network, layers))
    live = np.zeros(circuit.n_inputs + circuit.n_gates, np.bool_)
    for read in (circuit.a, circuit.b, circuit.outputs):
        live[read] = True
    return Split(lay_out(network, layers, live[: circuit.n_inputs]), circuit)
