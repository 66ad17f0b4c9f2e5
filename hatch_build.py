"""A wheel carries the ONNX Runtime library when `make wheel` has built it; else it is pure Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PLATFORM = {"x86-64": "manylinux_2_17_x86_64", "aarch64": "manylinux_2_17_aarch64"}


class PrebuiltLibrary(BuildHookInterface[Any]):
    """Puts what lies in build/prebuilt where `lgn_edge.onnx_library.folder.prebuilt_path` looks for it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Include the library, and name the platform that it is for."""
        if version != "standard":  # an editable installation takes what it builds itself
            return
        for target, platform in _PLATFORM.items():
            library = Path(self.root) / "build" / "prebuilt" / f"onnxruntime-{target}.so"
            if library.is_file():
                build_data["force_include"][str(library)] = f"lgn_edge/_prebuilt/{library.name}"
                build_data["pure_python"] = False
                build_data["tag"] = f"py3-none-{platform}"
