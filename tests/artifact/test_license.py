"""Every file of an artifact says under which licence it stands: in its own words, or in the manifest's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lgn_edge.artifact import build
from lgn_edge.artifact.manifest import LICENSE
from lgn_edge.artifact.packaging import PACKAGES
from lgn_edge.deploy_files import deploy_folder
from tests.artifact.test_artifact import ODD

# what has no place for a word about it: the manifest names the licence of these
DATA = {".lgn-edge.json", "report.json", "report.md", ".a", ".so", ".wasm", ".bin", "LICENSE.txt"}
TARGETS = ("c", "cortex-m0", "riscv32", "atmega2560", "wasm", "web", "x86-64", "opencl", "webgpu", "cuda")


@pytest.mark.parametrize("target", TARGETS)
def test_every_file_names_its_licence(target: str, tmp_path: Path) -> None:
    packages = PACKAGES if target == "c" else ()
    folder = build(ODD, target, tmp_path / "a", packages=packages).folder
    assert json.loads((folder / "manifest.json").read_text())["license"] == LICENSE
    assert (folder / "LICENSE.txt").read_text() == (deploy_folder() / "LICENSE.txt").read_text()
    for file in (path for path in folder.rglob("*") if path.is_file() and not {path.name, path.suffix} & DATA):
        if file.suffix == ".json":
            assert json.loads(file.read_text())["license"] == LICENSE, file
        else:
            assert f"SPDX-License-Identifier: {LICENSE}" in "".join(file.read_text().splitlines()[:2]), file
