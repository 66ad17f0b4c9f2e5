"""The kernels of `gpu_programs` as operators of torch; `lgn_edge/nn/rows.py` says what the arrays hold.

Of each operator the first function makes the results (see `operator`), the second one fills them. `entries`, `starts`
and `readers` are a layer's wires from both ends, see `wiring.Connections`; the latter two are there where a gradient of
the signals is wanted.
"""

from lgn_edge.nn.kernels.gpu_operators.chains import chain_bit_gates, chain_gates
from lgn_edge.nn.kernels.gpu_operators.gates import bit_gates, chosen_readers, gates
from lgn_edge.nn.kernels.gpu_operators.lookup import lookup
from lgn_edge.nn.kernels.gpu_operators.parameters import coefficients
from lgn_edge.nn.kernels.gpu_operators.room import LANES, carrier
from lgn_edge.nn.kernels.gpu_operators.signals import count, pack, unpack
from lgn_edge.nn.kernels.gpu_operators.trees import bit_trees, trees

__all__ = [
    "LANES",
    "bit_gates",
    "bit_trees",
    "carrier",
    "chain_bit_gates",
    "chain_gates",
    "chosen_readers",
    "coefficients",
    "count",
    "gates",
    "lookup",
    "pack",
    "trees",
    "unpack",
]
