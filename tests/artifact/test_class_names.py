"""Class names of any text come out of C, JavaScript and firmware as they went in."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgn_edge import emulate, toolchain
from lgn_edge.artifact import Artifact, build
from lgn_edge.artifact.class_names import c_string, c_table
from lgn_edge.artifact.selftest import selftest_samples
from lgn_edge.targets.native import native
from lgn_edge.targets.registry import find_target
from tests.artifact.test_artifact import OCTET
from tests.artifact.test_wasm import node
from tests.thinning import exhaustive

NAMES = ('a"b', "end */ /* start", "what??/", "Grün", "two\nlines", "back\\", "tab\t1", "八", "%s %n", "@{name}")
NAMED = dataclasses.replace(OCTET, class_names=NAMES)


def lines(target: str) -> str:
    want = NAMED.evaluate(selftest_samples(NAMED, find_target(target).selftest_vectors)[:8])
    found = (
        f"class {best} ({NAMES[best]}), score {scores[best]}\n"
        for best, scores in zip(want.classes, want.scores, strict=True)
    )
    return "".join(["self-test: ok\n", *found])


@given(st.text())
@settings(max_examples=200)
def test_a_string_of_c_is_plain_and_holds_the_text(text: str) -> None:
    literal = c_string(text)
    assert literal.isascii()
    assert literal.isprintable()
    assert "??" not in literal
    inside, octets, at = literal[1:-1], bytearray(), 0
    while at < len(inside):
        escaped = inside[at] == "\\"
        octets.append(int(inside[at + 1 : at + 4], 8) if escaped else ord(inside[at]))
        at += 4 if escaped else 1
    assert octets.decode() == text


def test_nothing_is_said_where_there_are_no_names() -> None:
    assert c_table((), "LGN_X_CLASS_NAMES", "classes") == ""


def test_the_header_and_the_example_have_the_names_in_strict_c(tmp_path: Path) -> None:
    artifact = build(NAMED, "native", tmp_path / "a", name="named")
    machine, parts = native().machine, [tmp_path / "main.o", artifact.folder / "lib" / "liblgn_named.a"]
    # with trigraphs, as -std=c99 has them
    toolchain.compile_c(
        artifact.folder / "examples" / "main.c", parts[0], machine, include=[artifact.folder / "include"]
    )
    toolchain.link_program(parts, tmp_path / "main", machine)
    assert subprocess.run([tmp_path / "main"], capture_output=True, check=True).stdout.decode() == lines("native")


@exhaustive
def test_firmware_prints_them(tmp_path: Path) -> None:
    artifact = build(NAMED, "cortex-m4", tmp_path / "a")
    command = ["make", "-C", str(artifact.folder), f"CC={sys.executable} -m ziglang cc",
               "CPU=-target thumb-freestanding-eabi -mcpu=cortex_m4"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    assert emulate.boot(artifact.folder / "example.elf", "cortex-m4").output == lines("cortex-m4")


def test_names_that_nobody_uses_take_no_flash(tmp_path: Path) -> None:
    plain, named = (build(network, "cortex-m0", tmp_path / "a") for network in (OCTET, NAMED))
    assert named.report["measured"] == plain.report["measured"]


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return build(NAMED, "wasm", tmp_path_factory.mktemp("names") / "wasm", name="named")


def test_javascript_has_them(module: Artifact) -> None:
    text = (module.folder / "lgn_named.mjs").read_text()
    line = next(line for line in text.splitlines() if line.startswith("export const CLASS_NAMES"))
    assert json.loads(line.split(" = ")[1].split("; //")[0]) == list(NAMES)
    assert "export declare const CLASS_NAMES: readonly string[];" in (module.folder / "lgn_named.d.mts").read_text()


def test_node_prints_them(module: Artifact) -> None:
    assert node(module.folder / "examples" / "main.mjs") == lines("wasm")
