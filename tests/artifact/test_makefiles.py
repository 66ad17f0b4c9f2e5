"""An artifact's own Makefile: its example runs wherever the folder is, and what it makes is in nobody's way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lgn_edge.artifact import Artifact, build
from lgn_edge.errors import InputError
from lgn_edge.host import architecture
from tests.artifact.test_artifact import OCTET
from tests.artifact.test_examples import expected, zig
from tests.outside import needs
from tests.thinning import exhaustive, few

ZIG = f"{sys.executable} -m ziglang"
HERE = (f"CC={ZIG} cc -target {architecture()}-linux-gnu.2.17", f"AR={ZIG} ar")
MAKES: dict[str, tuple[str, ...]] = {
    "native": (*HERE, "example"),
    "c": (*HERE, "all", "example"),
    "cortex-m4": zig("cortex-m4"),
    "riscv32": zig("riscv32"),
    "atmega328p": ("example.elf", "example.hex"),
}


def make(artifact: Artifact, *arguments: str) -> None:
    command = ["make", "-C", str(artifact.folder), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("target", few(tuple(MAKES), *(name for name in MAKES if name != "native")))
def test_the_next_build_replaces_what_make_made(target: str, tmp_path: Path) -> None:
    if target.startswith("atmega"):
        needs("avr-gcc")
    artifact = build(OCTET, target, tmp_path / "a", name="octet")
    built = files(artifact.folder)
    make(artifact, *MAKES[target])
    assert len(files(artifact.folder)) > len(built)
    build(OCTET, target, tmp_path / "a", name="octet")
    assert files(artifact.folder) == built
    make(artifact, *MAKES[target])
    make(artifact, "clean")
    assert files(artifact.folder) == built
    (artifact.folder / "notes.o").touch()
    with pytest.raises(InputError, match=r"notes\.o would be lost"):
        build(OCTET, target, tmp_path / "a", name="octet")


@pytest.mark.parametrize("target", ["native", "c"])
def test_the_example_runs_where_the_folder_is_moved(target: str, tmp_path: Path) -> None:
    artifact = build(OCTET, target, tmp_path / "a", name="octet")
    make(artifact, *HERE, "example")
    moved = artifact.folder.rename(tmp_path / "moved here")
    for folder in (moved, tmp_path):
        done = subprocess.run([moved / "example"], cwd=folder, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, expected(target))


@exhaustive
def test_a_program_finds_the_shared_library_by_its_name(tmp_path: Path) -> None:
    """However it was named to the linker; where it lies is said by the program."""
    folder = build(OCTET, "native", tmp_path / "a", name="octet").folder
    command = [*HERE[0].removeprefix("CC=").split(), "-Iinclude", "examples/main.c", "lib/liblgn_octet.so",
               "-Wl,-rpath,$ORIGIN/lib", "-o", "program"]  # fmt: skip
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    moved = folder.rename(tmp_path / "moved")
    done = subprocess.run([moved / "program"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, expected("native"))
