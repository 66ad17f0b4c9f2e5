"""Reading images, objects and archives: what is where, what it occupies, and what is refused."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lgn_edge.emulate import Image, availability, available, memory_use, object_use, read_image
from lgn_edge.errors import InputError, MissingProgramError
from lgn_edge.toolchain import Machine, archive, compile_c
from tests.emulate.firmware import compile_text, link

PROGRAM = r"""
const volatile int table[25] = {1, 2, 3};
volatile int data[2] = {4, 5};
volatile char zero[10];
static volatile int own = 7;
int first(int x);
int first(int x) { return table[x] + data[0] + own; }
int second(void);
int second(void) { return zero[1]; }
"""


@pytest.fixture(scope="module")
def object_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_text(tmp_path_factory.mktemp("image"), PROGRAM)


@pytest.fixture
def image(tmp_path: Path, object_file: Path) -> Image:
    return link(tmp_path, [object_file], ("first", "second"))


def test_symbols_and_segments(image: Image) -> None:
    first, second = image.symbol("first"), image.symbol("second")
    assert first.address % 2 == second.address % 2 == 0
    assert first.section == ".text"
    assert first.size > 0
    assert image.symbol("table").size == 100
    assert image.symbol("zero").section == ".bss"
    assert image.symbol("lgn_stack_top").address == 0x20020000
    assert not [name for name in image.symbols if name.startswith("$")]
    data = next(segment for segment in image.segments if segment.address == 0x20000000)
    assert data.load_address == image.symbol("lgn_data_load").address
    assert data.data[:8] == bytes([4, 0, 0, 0, 5, 0, 0, 0])
    with pytest.raises(InputError, match=r"program\.elf has no symbol third; link it with that symbol kept"):
        image.symbol("third")


def test_nearest(image: Image) -> None:
    first = image.symbol("first")
    assert image.nearest(first.address) == "first"
    assert image.nearest(first.address + 2) == "first+0x2"
    assert image.nearest(0x70000000) == "no symbol"


def test_memory_use(image: Image, object_file: Path, tmp_path: Path) -> None:
    use, parts = memory_use(image), object_use(object_file)
    assert (use.rodata, use.data, use.bss) == (100, 12, 12)  # zero[10] rounded up to a word
    assert use.flash == use.text + 112
    assert use.ram == 24
    assert (parts.rodata - parts.rodata % 100, parts.data, parts.bss) == (100, 12, 10)
    other = compile_text(tmp_path, "int other(void);\nint other(void) { return 1; }\n", name="a_quite_long_member_name")
    archive([object_file, other], tmp_path / "both.a")
    both, alone = object_use(tmp_path / "both.a"), object_use(other)
    assert both.text == parts.text + alone.text
    assert both.ram == parts.ram
    assert len(both.sections) == len(parts.sections) + len(alone.sections)


def test_refusals(tmp_path: Path, object_file: Path) -> None:
    (tmp_path / "text").write_text("hello")
    (tmp_path / "short").write_bytes(b"\x7fELF\x01\x01\x01")
    (tmp_path / "broken.a").write_bytes(b"!<arch>\nxyz")
    (tmp_path / "a.c").write_text("int f(void);\nint f(void) { return 1; }\n")
    compile_c(tmp_path / "a.c", tmp_path / "wide.o", Machine("aarch64-freestanding"))
    compile_c(tmp_path / "a.c", tmp_path / "riscv.o", Machine("riscv32-freestanding"))
    for name, message in {
        "missing": "cannot read .*missing: no such file or directory; give the name of an ELF file",
        ".": "cannot read .*: is a directory",
        "text": "text is not an ELF file; give linked firmware",
        "short": "short is not an ELF file",
        "wide.o": "is for EM_AARCH64, not for EM_ARM; build it for the right target",
        "riscv.o": "is for EM_RISCV, not for EM_ARM; build it for the right target",
        str(object_file): "is ET_REL, not an executable; link it first",
    }.items():
        with pytest.raises(InputError, match=message):
            read_image(tmp_path / name)
    with pytest.raises(InputError, match=r"broken\.a is a damaged static library"):
        object_use(tmp_path / "broken.a")


def test_damaged_images_are_refused_or_read(tmp_path: Path, object_file: Path) -> None:
    link(tmp_path, [object_file], ("first",))
    whole = (tmp_path / "program.elf").read_bytes()
    damaged = tmp_path / "damaged.elf"
    for size in range(0, len(whole), 97):
        damaged.write_bytes(whole[:size])
        with pytest.raises(InputError):
            read_image(damaged)
    rng = np.random.default_rng(0)
    for _ in range(60):
        spoilt = bytearray(whole)
        for place in rng.integers(0, len(whole), 4):
            spoilt[place] = rng.integers(256)
        damaged.write_bytes(spoilt)
        with contextlib.suppress(InputError):
            read_image(damaged)


def test_availability(monkeypatch: pytest.MonkeyPatch) -> None:
    assert available() is None
    monkeypatch.setattr(availability, "_PACKAGES", {"no_such_module": "no-such-package"})
    assert available() == "not installed: no-such-package; pip install 'lgn-edge[emulate]'"
    with pytest.raises(MissingProgramError, match="no-such-package"):
        availability.require("no_such_module")


def test_asking_for_availability_imports_nothing() -> None:
    code = "import sys, lgn_edge.emulate as e; e.available(); print({'unicorn', 'elftools', 'tvm'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
