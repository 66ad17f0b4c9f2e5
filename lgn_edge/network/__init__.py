"""The discrete model: layers, flat circuit, truth tables, packed bits and the reference evaluation, on numpy alone."""

from lgn_edge.network.bits import pack, unpack
from lgn_edge.network.circuit import Circuit, flatten
from lgn_edge.network.convolution import LogicConv2d, OrPool2d
from lgn_edge.network.ensemble import ensemble
from lgn_edge.network.heads import Bits, GroupSum, Head, first_maximum
from lgn_edge.network.layers import Layer, LogicDense, Threshold
from lgn_edge.network.network import Network, Prediction

__all__ = [
    "Bits",
    "Circuit",
    "GroupSum",
    "Head",
    "Layer",
    "LogicConv2d",
    "LogicDense",
    "Network",
    "OrPool2d",
    "Prediction",
    "Threshold",
    "ensemble",
    "first_maximum",
    "flatten",
    "pack",
    "unpack",
]
