"""Metadata by which other build systems take an artifact's sources: one small file or a few, on request."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lgn_edge.errors import InputError
from lgn_edge.targets.target import Target
from lgn_edge.templates import render

_FILES: Final = {
    "arduino": (("library.properties.in", "library.properties"),),
    "cmsis-pack": (("pack.pdsc.in", "lgn-edge.lgn_{name}.pdsc"),),
    "esp-idf": (("idf_component.yml.in", "idf_component.yml"), ("CMakeLists_idf.txt.in", "CMakeLists.txt")),
    "platformio": (("library.json.in", "library.json"),),
    "zephyr": tuple((f"zephyr/{file}.in", f"zephyr/{file}") for file in ("module.yml", "Kconfig", "CMakeLists.txt")),
}
PACKAGES: Final = tuple(_FILES)
"""What an artifact can be packaged as."""


def check_packages(packages: Sequence[str], target: Target) -> None:
    """Make sure that a target's artifact can be packaged.

    Raises:
        InputError: no such package, or the target's artifact has no complete sources.
    """
    for package in packages:
        if package not in _FILES:
            raise InputError(f"no package is called {package!r}; choose from {', '.join(PACKAGES)}")
        if target.shape.lanes > 1 or target.family == "wasm":
            raise InputError(f"an artifact for {target.name} has no complete sources to package; build for c")


def write_packages(folder: Path, packages: Sequence[str], name: str, values: Mapping[str, object]) -> None:
    """Write the files of the packages into an artifact's folder."""
    for package in packages:
        for template, path in _FILES[package]:
            output = folder / path.format(name=name)
            output.parent.mkdir(exist_ok=True)
            output.write_text(render(template, values, folder="packaging"))
    if "arduino" in packages:  # it looks for headers in src/ only
        shutil.copy(folder / "include" / f"lgn_{name}.h", folder / "src" / f"lgn_{name}.h")
