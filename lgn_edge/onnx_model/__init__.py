"""The interchange file: a network as an ONNX model of the op domain `ai.lgn`, and back."""

from lgn_edge.onnx_model.form import Form
from lgn_edge.onnx_model.reader import from_model, is_foreign, read, read_circuit
from lgn_edge.onnx_model.writer import to_model, write

__all__ = ["Form", "from_model", "is_foreign", "read", "read_circuit", "to_model", "write"]
