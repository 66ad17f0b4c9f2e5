"""Metadata by which other build systems take an artifact's sources: one small file or a few, on request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lgn_edge.errors import InputError
from lgn_edge.targets.target import Target
from lgn_edge.templates import render

_FILES: Final = {
    "arduino": (
        ("library.properties.in", "library.properties"),
        ("example.ino.in", "examples/lgn_{name}/lgn_{name}.ino"),
    ),
    "cmsis-pack": (("pack.pdsc.in", "lgn-edge.lgn_{name}.pdsc"),),
    "esp-idf": (("idf_component.yml.in", "idf_component.yml"), ("CMakeLists_idf.txt.in", "CMakeLists.txt")),
    "platformio": (("library.json.in", "library.json"),),
    "zephyr": tuple((f"zephyr/{file}.in", f"zephyr/{file}") for file in ("module.yml", "Kconfig", "CMakeLists.txt")),
}
PACKAGES: Final = tuple(_FILES)
"""What an artifact can be packaged as."""
VERSION: Final = "1.0.0"
_NUMBER: Final = r"(?:0|[1-9][0-9]*)"
_VERSION: Final = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-[0-9A-Za-z]+(?:\.[0-9A-Za-z]+)*)?")
_URL: Final = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?(?:/[A-Za-z0-9._~/%+#?=@:-]*)?")


def check_packages(packages: Sequence[str], target: Target, version: str | None, url: str | None) -> None:
    """Make sure that a target's artifact can be packaged.

    Raises:
        InputError: no such package, or the target's artifact has no complete sources; or a version or an address that
            package managers do not take, or that nothing would hold.
    """
    if (version or url) and not packages and target.family != "wasm":
        raise InputError("a package's version and address need a package; choose one with --package")
    if version is not None and not _VERSION.fullmatch(version):
        raise InputError(f"{version!r} is not a version that package managers take; write three numbers, as in 1.2.3")
    if url is not None and not _URL.fullmatch(url):
        raise InputError(f"{url!r} is not a web address; write one such as https://example.com/model")
    for package in packages:
        if package not in _FILES:
            raise InputError(f"no package is called {package!r}; choose from {', '.join(PACKAGES)}")
        if target.shape.lanes > 1 or target.family == "wasm":
            raise InputError(f"an artifact for {target.name} has no complete sources to package; build for c")


def package_values(name: str, version: str | None, url: str | None) -> dict[str, object]:
    """What the files of packages say of themselves; example.com is nobody's, by RFC 2606."""
    return {"package_version": version or VERSION, "package_url": url or f"https://example.com/lgn_{name}"}


def write_packages(folder: Path, packages: Sequence[str], name: str, values: Mapping[str, object]) -> None:
    """Write the files of the packages into an artifact's folder."""
    for package in packages:
        for template, path in _FILES[package]:
            output = folder / path.format(name=name)
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(render(template, values, folder="packaging"))
    if "arduino" in packages:  # it looks for headers in src/ only
        forwarded = f'/* SPDX-License-Identifier: MIT-0 */\n#include "../include/lgn_{name}.h"\n'
        (folder / "src" / f"lgn_{name}.h").write_text(forwarded)
