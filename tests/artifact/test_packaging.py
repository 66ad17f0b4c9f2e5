"""Packages of an artifact's sources: their files parse, and name what is there."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from lgn_edge import toolchain
from lgn_edge.artifact import Artifact, build
from lgn_edge.artifact.packaging import PACKAGES
from lgn_edge.artifact.selftest import selftest_samples
from lgn_edge.errors import InputError
from lgn_edge.targets.native import native
from tests.artifact.test_artifact import ODD


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return build(ODD, "c", tmp_path_factory.mktemp("packaged") / "c", name="odd", packages=PACKAGES)


def test_arduino_finds_its_header_and_every_field(packaged: Artifact) -> None:
    lines = (packaged.folder / "library.properties").read_text().splitlines()
    fields = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    required = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"}
    assert required <= fields.keys()
    assert re.fullmatch(r"\d+\.\d+\.\d+", fields["version"])
    header = packaged.folder / "src" / fields["includes"]
    assert header.read_text().endswith(f'#include "../include/{fields["includes"]}"\n')  # which is there once


ARDUINO = """
#include <cstdio>
#include <cstring>
#define PROGMEM
#define memcpy_P memcpy
static void delay(int) {}
struct {
    void begin(int) {}
    void print(const char *text) { std::fputs(text, stdout); }
    void print(long number) { std::printf("%ld", number); }
    void println() { std::puts(""); }
    void println(const char *text) { std::puts(text); }
    void println(long number) { std::printf("%ld\\n", number); }
} Serial;
#include "SKETCH"
int main() {
    setup();
    for (int turn = 0; turn < 9; turn++) {
        loop();
    }
}
"""


def test_arduino_runs_the_example(tmp_path: Path) -> None:
    """As C++, with stand-ins for what a board's core has; the ninth turn is the first sample again."""
    named = dataclasses.replace(ODD, class_names=('"', "??/", "c"))
    folder = build(named, "c", tmp_path / "c", name="odd", packages=["arduino"]).folder
    sketch = folder / "examples" / "lgn_odd" / "lgn_odd.ino"  # a sketch is called as its folder is
    source, machine = tmp_path / "board.cpp", native().machine
    source.write_text(ARDUINO.replace("SKETCH", str(sketch)))
    objects = [tmp_path / f"{path.stem}.o" for path in (source, *(folder / "src").glob("*.c"))]
    toolchain.compile_cpp(source, objects[0], machine, include=[folder / "src"])
    for path, output in zip((folder / "src").glob("*.c"), objects[1:], strict=True):
        toolchain.compile_c(path, output, machine, include=[folder / "src"])
    toolchain.link_program(objects, tmp_path / "board", machine)
    printed = subprocess.run([tmp_path / "board"], capture_output=True, text=True, check=True).stdout.splitlines()
    want = named.evaluate(selftest_samples(named, 8))
    lines = [
        f"class {best} ({named.class_names[best]}), score {scores[best]}"
        for best, scores in zip(want.classes, want.scores, strict=True)
    ]
    assert printed == ["self-test: ok", *lines, lines[0]]


def test_packages_have_the_version_and_address_that_they_are_given(tmp_path: Path) -> None:
    about = {"package_version": "2.10.3-rc.1", "package_url": "https://example.org/a/lgn?b=1"}
    folder = build(ODD, "c", tmp_path / "c", name="odd", packages=PACKAGES, **about).folder
    for file in ("library.properties", "library.json", "idf_component.yml", "lgn-edge.lgn_odd.pdsc"):
        text = (folder / file).read_text()
        assert about["package_version"] in text, file
        assert about["package_url"] in text, file
    module = build(ODD, "wasm", tmp_path / "wasm", name="odd", **about).folder
    assert json.loads((module / "package.json").read_text())["version"] == about["package_version"]


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"package_version": "1.2"}, "'1.2' is not a version that package managers take; write three numbers"),
        ({"package_version": "01.2.3"}, "'01.2.3' is not a version"),
        ({"package_version": "1.2.3\nname=x"}, "is not a version"),
        ({"package_url": "ftp://x"}, "'ftp://x' is not a web address"),
        ({"package_url": 'https://x/"><a'}, "is not a web address"),
    ],
)
def test_versions_and_addresses_that_packages_cannot_have(about: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        build(ODD, "c", tmp_path / "x", packages=["arduino"], **about)
    with pytest.raises(InputError, match="need a package; choose one with --package"):
        build(ODD, "c", tmp_path / "x", **about)
    assert not list(tmp_path.iterdir())


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
    assert (packaged.folder / "zephyr" / "Kconfig").read_text().split("\n", 1)[1].startswith("config LGN_ODD\n")
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
