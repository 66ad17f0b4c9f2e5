"""QONNX: a network as nodes of the domain `qonnx.custom_op.lnn`, version 3, between standard ops, and back."""

from lgn_edge.onnx_model.qonnx.domain import DOMAIN
from lgn_edge.onnx_model.qonnx.lookup_table import OP, entries, ids
from lgn_edge.onnx_model.qonnx.lookup_table_conv import OP as CONV_OP
from lgn_edge.onnx_model.qonnx.model import lower, network, recognises

__all__ = ["CONV_OP", "DOMAIN", "OP", "entries", "ids", "lower", "network", "recognises"]
