"""Trainable logic gate networks in torch: layers, encoders, and `discretise`, which makes them a `Network`."""

from lgn_edge.nn.convolution import LogicConv2d, OrPool2d
from lgn_edge.nn.discretise import discretise
from lgn_edge.nn.encoder import Threshold
from lgn_edge.nn.layers import GroupSum, LogicDense
from lgn_edge.nn.lookup import LookupDense
from lgn_edge.nn.model import LogicGateNetwork, soft_evaluation

__all__ = [
    "GroupSum",
    "LogicConv2d",
    "LogicDense",
    "LogicGateNetwork",
    "LookupDense",
    "OrPool2d",
    "Threshold",
    "discretise",
    "soft_evaluation",
]
