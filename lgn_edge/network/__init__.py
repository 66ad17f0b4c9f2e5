"""The discrete model: layers, flat circuit, truth tables, packed bits and the reference evaluation, on numpy alone."""

from lgn_edge.network.bits import pack, unpack
from lgn_edge.network.circuit import Circuit, flatten
from lgn_edge.network.layers import GroupSum, Layer, LogicDense, Threshold, first_maximum
from lgn_edge.network.network import Network, Prediction

__all__ = [
    "Circuit",
    "GroupSum",
    "Layer",
    "LogicDense",
    "Network",
    "Prediction",
    "Threshold",
    "first_maximum",
    "flatten",
    "pack",
    "unpack",
]
