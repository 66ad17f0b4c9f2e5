"""Packages under the tools they are for, where `make packagers` installed these or they are on the path.

PlatformIO packs its library and reads Arduino's; ESP-IDF's component manager checks and packs its component; Kconfig's
own parser sets the module's option; CMake builds what Zephyr's and ESP-IDF's CMake files say, with stand-ins of a line
or two for the functions of these frameworks.
"""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from lgn_edge.artifact import build
from tests.artifact.test_artifact import ODD
from tests.outside import BUILD, needs

TOOLS = BUILD / "packagers" / "bin"
ZEPHYR = """
set(CONFIG_LGN_ODD y)
function(zephyr_library_named name)
  add_library(${name} STATIC)
  set(LIBRARY ${name} PARENT_SCOPE)
endfunction()
macro(zephyr_library_sources)
  target_sources(${LIBRARY} PRIVATE ${ARGN})
endmacro()
macro(zephyr_include_directories)
  target_include_directories(${LIBRARY} PUBLIC ${ARGN})
endmacro()
add_subdirectory(PACKAGE/zephyr module)
"""
ESP_IDF = """
function(idf_component_register)
  cmake_parse_arguments(IT "" "" "SRCS;INCLUDE_DIRS" ${ARGN})
  add_library(lgn_odd STATIC ${IT_SRCS})
  target_include_directories(lgn_odd PUBLIC ${IT_INCLUDE_DIRS})
endfunction()
add_subdirectory(PACKAGE component)
"""


def run(folder: Path, name: str, *arguments: object) -> str:
    home = {"PLATFORMIO_CORE_DIR": str(folder / ".platformio"), "IDF_TOOLS_PATH": str(folder / ".espressif")}
    environment = {**os.environ, **home, "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no"}
    command = [needs(name, TOOLS), *map(str, arguments)]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def package(folder: Path, kind: str) -> Path:
    return build(ODD, "c", folder / kind, name="odd", packages=[kind]).folder


def sources(folder: Path) -> set[str]:
    files = [*(folder / "src").iterdir(), *(folder / "include").iterdir()]
    return {path.relative_to(folder).as_posix() for path in files}


@pytest.mark.parametrize(("kind", "manifest"), [("platformio", "library.json"), ("arduino", "library.properties")])
def test_platformio_packs_libraries(kind: str, manifest: str, tmp_path: Path) -> None:
    folder = package(tmp_path, kind)
    if kind == "platformio":  # which loads the list of licences from the web
        text = json.loads((folder / manifest).read_text())
        assert text.pop("license") == "MIT-0"
        (folder / manifest).write_text(json.dumps(text))
    packed = tmp_path / "library.tar.gz"
    run(tmp_path, "pio", "pkg", "pack", "-o", packed, folder)
    with tarfile.open(packed) as archive:
        assert sources(folder) | {manifest} <= {name.removeprefix("./") for name in archive.getnames()}


def test_platformio_refuses_a_broken_library(tmp_path: Path) -> None:
    folder = package(tmp_path, "platformio")
    manifest = folder / "library.json"
    manifest.write_text(manifest.read_text().replace('"version": "1.0.0"', '"version": []'))
    with pytest.raises(AssertionError, match="version"):
        run(tmp_path, "pio", "pkg", "pack", "-o", tmp_path / "library.tar.gz", folder)


def test_esp_idf_checks_and_packs_the_component(tmp_path: Path) -> None:
    folder = package(tmp_path, "esp-idf")
    run(tmp_path, "compote", "manifest", "lint", folder)
    run(folder, "compote", "component", "pack", "--name", "lgn_odd", "--dest-dir", tmp_path / "packed")
    with tarfile.open(tmp_path / "packed" / "lgn_odd_1.0.0.tgz") as archive:
        packed = {name.removeprefix("./") for name in archive.getnames()}
    assert sources(folder) | {"idf_component.yml", "CMakeLists.txt"} <= packed


def test_kconfig_sets_the_option(tmp_path: Path) -> None:
    kconfig = package(tmp_path, "zephyr") / "zephyr" / "Kconfig"
    run(tmp_path, "setconfig", "--kconfig", kconfig, "LGN_ODD=y")
    assert (tmp_path / ".config").read_text().endswith("CONFIG_LGN_ODD=y\n")


@pytest.mark.parametrize(("kind", "frame"), [("zephyr", ZEPHYR), ("esp-idf", ESP_IDF)])
def test_cmake_builds_what_the_frameworks_are_told(kind: str, frame: str, tmp_path: Path) -> None:
    folder = package(tmp_path, kind)
    user = tmp_path / "user"
    user.mkdir()
    head = "cmake_minimum_required(VERSION 3.13)\nproject(user C)\n"
    tail = f"add_executable(user {folder}/examples/main.c)\ntarget_link_libraries(user PRIVATE lgn_odd)\n"
    (user / "CMakeLists.txt").write_text(head + frame.replace("PACKAGE", str(folder)) + tail)
    run(tmp_path, "cmake", "-S", user, "-B", tmp_path / "out")
    run(tmp_path, "cmake", "--build", tmp_path / "out")
    printed = subprocess.run([tmp_path / "out" / "user"], check=True, capture_output=True, text=True).stdout
    assert printed.startswith("self-test: ok")
