"""The kernels of `cpu.c` and `trees.c` as operators of torch; `lgn_edge/nn/blocks.py` says what the arrays hold.

Of each operator the first function makes the results (see `operator`), the second one fills them.
"""

from lgn_edge.nn.kernels.cpu_operators.gates import bit_gates, gates
from lgn_edge.nn.kernels.cpu_operators.lookup import lookup
from lgn_edge.nn.kernels.cpu_operators.room import LANES, carrier
from lgn_edge.nn.kernels.cpu_operators.signals import argmax, count, join, pack, unpack
from lgn_edge.nn.kernels.cpu_operators.trees import bit_trees, trees

__all__ = [
    "LANES",
    "argmax",
    "bit_gates",
    "bit_trees",
    "carrier",
    "count",
    "gates",
    "join",
    "lookup",
    "pack",
    "trees",
    "unpack",
]
