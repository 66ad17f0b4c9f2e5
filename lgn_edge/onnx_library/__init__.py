"""The ONNX Runtime library of the domain `ai.lgn`: where it is, and sessions that have it."""

from lgn_edge.onnx_library.path import onnx_library_path
from lgn_edge.onnx_library.session import onnx_session

__all__ = ["onnx_library_path", "onnx_session"]
