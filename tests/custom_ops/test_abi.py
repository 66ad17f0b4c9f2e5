"""Our declaration of ONNX Runtime's ABI against its own header, where that is installed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from lgn_edge.onnx_library.folder import sources_folder
from lgn_edge.onnx_library.path import library_target
from lgn_edge.toolchain import compile_cpp

NAME = "onnxruntime_c_api.h"
FOLDERS = (
    Path(__file__).parents[2] / "build" / "header" / "usr" / "include" / "onnxruntime",
    Path("/usr/include/onnxruntime"),
    Path("/usr/include/onnxruntime/core/session"),
    Path("/usr/local/include/onnxruntime"),
)
OURS = (sources_folder() / "ort_abi.h").read_text()


def header() -> Path | None:
    """The real header: in the folder that ONNXRUNTIME_INCLUDE names, or where `make header` and packages put it."""
    named = os.environ.get("ONNXRUNTIME_INCLUDE")
    folders = [Path(named)] if named else FOLDERS
    return next((folder / NAME for folder in folders if (folder / NAME).is_file()), None)


def members(struct: str) -> list[str]:
    body = re.findall(rf"struct {struct} {{(.*?)\n}}", OURS, re.DOTALL)[0]
    return re.findall(r"^    \w[\w *]*\(\*(\w+)\)\(", body, re.MULTILINE)


def test_positions_are_those_that_the_comments_say(tmp_path: Path) -> None:
    checks = [
        f"static_assert(offsetof(OrtApi, {name}) == {position} * sizeof(void *));"
        for name, position in re.findall(r"\(\*(\w+)\)\([^;]*;\s*/\* (\d+) \*/", OURS)
    ]
    assert len(checks) == len(members("OrtApi"))
    compiles('#include "ort_abi.h"\n' + "\n".join(checks), tmp_path)


def test_positions_are_those_of_the_real_header(tmp_path: Path) -> None:
    """Both headers in one file, every name of ours with a prefix: what we declare is where and what it is there."""
    real = header()
    if real is None:
        pytest.skip(f"{NAME} is not there; run: make header, or set ONNXRUNTIME_INCLUDE to its folder")
    checks = [
        f"static_assert(offsetof(Our{struct}, {name}) == offsetof({struct}, {name}));"
        for struct in ("OrtApiBase", "OrtApi", "OrtCustomOp")
        for name in members(struct)
    ]
    checks += [
        f"static_assert(int(Our{name}) == int({name}));"
        for name in re.findall(r"\b((?:ORT|ONNX|INPUT|OrtMem)\w+) = \d", OURS)
    ]
    renamed = re.sub(r"\b(Ort|ORT_|ONNX|INPUT_OUTPUT)(?=\w)", r"Our\1", OURS)
    compiles("\n".join([f'#include "{real}"', renamed, *checks]), tmp_path)


def compiles(text: str, folder: Path) -> None:
    source = folder / "check.cc"
    source.write_text(text + "\n")
    compile_cpp(source, folder / "check.o", library_target().machine, include=[sources_folder()])
