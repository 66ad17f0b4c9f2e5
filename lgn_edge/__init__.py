"""lgn-edge: logic gate networks from training to devices, bit for bit.

    network = lgn_edge.export("run/checkpoint", "model.onnx")       # a torch module, a checkpoint or a Network
    artifact = lgn_edge.build("model.onnx", "cortex-m4", "firmware")
    report = lgn_edge.verify("model.onnx", artifacts=["firmware"])  # report.ok, print(report.summary())

Names are loaded when they are used: `import lgn_edge` imports neither numpy nor torch, tvm or onnx.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lgn_edge._version import __version__
from lgn_edge.errors import LgnError

if TYPE_CHECKING:
    from lgn_edge.api import export, load
    from lgn_edge.artifact import build, load_artifact
    from lgn_edge.network import Network, Prediction
    from lgn_edge.onnx_library import onnx_library_path, onnx_session
    from lgn_edge.verification import verify

_HOMES = {
    "Network": "lgn_edge.network",
    "Prediction": "lgn_edge.network",
    "build": "lgn_edge.artifact",
    "export": "lgn_edge.api",
    "load": "lgn_edge.api",
    "load_artifact": "lgn_edge.artifact",
    "onnx_library_path": "lgn_edge.onnx_library",
    "onnx_session": "lgn_edge.onnx_library",
    "verify": "lgn_edge.verification",
}

__all__ = [
    "LgnError",
    "Network",
    "Prediction",
    "__version__",
    "build",
    "export",
    "load",
    "load_artifact",
    "onnx_library_path",
    "onnx_session",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lgn_edge' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
