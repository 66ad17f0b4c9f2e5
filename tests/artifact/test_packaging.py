"""Packages of an artifact's sources: their files parse, and name what is there."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from lgn_edge.artifact import Artifact, build
from lgn_edge.artifact.packaging import PACKAGES
from lgn_edge.errors import InputError
from tests.artifact.test_artifact import ODD


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return build(ODD, "c", tmp_path_factory.mktemp("packaged") / "c", name="odd", packages=PACKAGES)


def test_arduino_finds_its_header_and_every_field(packaged: Artifact) -> None:
    lines = (packaged.folder / "library.properties").read_text().splitlines()
    fields = dict(line.split("=", 1) for line in lines)
    required = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"}
    assert required <= fields.keys()
    assert re.fullmatch(r"\d+\.\d+\.\d+", fields["version"])
    assert (packaged.folder / "src" / fields["includes"]).is_file()


def test_platformio_names_folders_that_are_there(packaged: Artifact) -> None:
    library = json.loads((packaged.folder / "library.json").read_text())
    assert (packaged.folder / library["build"]["includeDir"] / library["headers"]).is_file()
    assert list((packaged.folder / library["build"]["srcDir"]).glob("*.c"))


def test_cmsis_pack_names_files_that_are_there(packaged: Artifact) -> None:
    root = ElementTree.parse(packaged.folder / "lgn-edge.lgn_odd.pdsc").getroot()
    assert root.tag == "package"
    files = [file.attrib["name"] for file in root.iter("file")]
    assert len(files) == 5
    assert all((packaged.folder / name).exists() for name in files)


@pytest.mark.parametrize("path", ["zephyr/CMakeLists.txt", "CMakeLists.txt"])
def test_zephyr_and_esp_idf_name_all_sources(packaged: Artifact, path: str) -> None:
    text = (packaged.folder / path).read_text()
    named = set(re.findall(r"src/(\w+\.c)", text))
    assert named == {file.name for file in (packaged.folder / "src").glob("*.c")}


def test_zephyr_module_points_at_its_files(packaged: Artifact) -> None:
    assert "cmake: zephyr\n" in (packaged.folder / "zephyr" / "module.yml").read_text()
    assert (packaged.folder / "zephyr" / "Kconfig").read_text().startswith("config LGN_ODD\n")
    assert (packaged.folder / "idf_component.yml").is_file()


@pytest.mark.parametrize(
    ("target", "package", "message"),
    [
        ("c", "conan", "no package is called 'conan'; choose from arduino, cmsis-pack, esp-idf, platformio, zephyr"),
        ("native", "zephyr", "an artifact for native has no complete sources to package; build for c"),
        ("wasm", "zephyr", "an artifact for wasm has no complete sources"),
    ],
)
def test_packages_that_cannot_be_made(target: str, package: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        build(ODD, target, tmp_path / "x", packages=[package])
    assert not list(tmp_path.iterdir())
