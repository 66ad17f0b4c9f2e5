"""The examples of firmware from reset to exit: a stream of samples classified, every printed number compared.

Built as their Makefiles say: with the ziglang wheel everywhere, with GNU compilers where there are these. Executed in
unicorn, and as boards in QEMU and simavr where these are installed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lgn_edge import emulate, toolchain
from lgn_edge.artifact import Artifact, build
from lgn_edge.artifact.selftest import selftest_samples
from lgn_edge.errors import InputError
from lgn_edge.targets.registry import find_target
from tests.artifact.test_artifact import OCTET
from tests.outside import needs
from tests.strategies import random_network, random_samples

BOARDS = {
    "microbit": "cortex-m0",
    "mps2-an385": "cortex-m3",
    "mps2-an386": "cortex-m4",
    "mps2-an500": "cortex-m7",
    "mps2-an505": "cortex-m33",
    "mps3-an547": "cortex-m55",
}
GCC = ("LDFLAGS=-lgcc",)


def expected(target: str) -> str:
    """What the example must print."""
    want = OCTET.evaluate(selftest_samples(OCTET, find_target(target).selftest_vectors)[:8])
    lines = [f"class {best}, score {scores[best]}\n" for best, scores in zip(want.classes, want.scores, strict=True)]
    assert len(set(lines)) > 1
    return "".join(["self-test: ok\n", *lines])


def made(artifact: Artifact, *arguments: str) -> Path:
    command = ["make", "-C", str(artifact.folder), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return artifact.folder / "example.elf"


def zig(target: str) -> tuple[str, ...]:
    """The arguments of make for zig as the compiler, as the Makefile's own comment has them.

    Nothing of zig's runtime library is needed, which it would compile first, for each target.
    """
    machine = find_target(target).machine
    compiler = f"CC={sys.executable} -m ziglang cc", f"CPU=-target {machine.triple} -mcpu={machine.cpu}"
    return *compiler, "LDFLAGS=-nostdlib"


def output(*command: object) -> str:
    """What a program prints, colours of the simulator taken out."""
    result = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=60)
    return re.sub(r"\x1b\[[0-9;]*m", "", result.stdout + result.stderr)


def in_qemu(machine: str, image: Path, program: str = "qemu-system-arm") -> str:
    bios = ("-bios", "none") if machine == "virt" else ()
    quiet = ("-nographic", "-monitor", "none", "-serial", "none")
    return output(needs(program), "-M", machine, *bios, "-semihosting", *quiet, "-kernel", image)


@pytest.mark.parametrize("core", [*emulate.CORES, "riscv32"])
def test_boots_in_unicorn(core: str, tmp_path: Path) -> None:
    image = made(build(OCTET, core, tmp_path / "a"), *zig(core))
    booted = emulate.boot(image, core)
    assert booted.output == expected(core)
    assert booted.exit_code == 0


@pytest.mark.parametrize("board", BOARDS)
def test_boots_on_boards_in_qemu(board: str, tmp_path: Path) -> None:
    needs("qemu-system-arm")
    core = BOARDS[board]
    image = made(build(OCTET, core, tmp_path / "a"), *zig(core), f"SCRIPT=board/{board}.ld")
    assert in_qemu(board, image) == expected(core)


@pytest.mark.parametrize("target", ["riscv32", "riscv32-imac-zbb"])
def test_risc_v_boots_on_the_virt_board_in_qemu(target: str, tmp_path: Path) -> None:
    needs("qemu-system-riscv32")
    image = made(build(OCTET, target, tmp_path / "a"), *zig(target))
    assert in_qemu("virt", image, "qemu-system-riscv32") == expected(target)


@pytest.mark.parametrize("board", ["microbit", "mps2-an386", "mps2-an505"])
def test_the_gnu_compiler_builds_it(board: str, tmp_path: Path) -> None:
    needs("arm-none-eabi-gcc")
    core = BOARDS[board]
    image = made(build(OCTET, core, tmp_path / "a"), *GCC, f"SCRIPT=board/{board}.ld")
    ram = {"microbit": (0x20000000, 16 << 10), "mps2-an505": (0x38000000, 2 << 20)}.get(board)
    assert emulate.boot(image, core, ram=ram).output == expected(core)
    assert in_qemu(board, image) == expected(core)


@pytest.mark.parametrize("part", ["atmega328p", "atmega2560"])
def test_avr_prints_to_the_serial_port_in_simavr(part: str, tmp_path: Path) -> None:
    needs("avr-gcc")
    simavr = needs("simavr")
    image = made(build(OCTET, part, tmp_path / "avr"))
    printed = output(simavr, "-m", part, "-f", "16000000", image)
    lines = [line.rstrip(".") for line in printed.splitlines() if re.match(r"self-test|class", line)]
    assert lines == expected(part).splitlines()


@pytest.mark.parametrize("target", ["aarch64", "cortex-a72", "neoverse", "riscv64"])
def test_linux_programs_run_in_qemu(target: str, tmp_path: Path) -> None:
    """A static program around the library, in QEMU's emulation of Linux on the target's processor."""
    processor = "riscv64" if target == "riscv64" else "aarch64"
    qemu = needs(f"qemu-{processor}")
    artifact = build(OCTET, target, tmp_path / "a")
    musl = toolchain.Machine(f"{processor}-linux-musl", flags=("-static",))
    parts = [tmp_path / "main.o", artifact.folder / "lib" / f"liblgn_{artifact.name}.a"]
    toolchain.compile_c(artifact.folder / "examples" / "main.c", parts[0], musl, include=[artifact.folder / "include"])
    toolchain.link_program(parts, tmp_path / "program", musl)
    assert output(qemu, tmp_path / "program") == expected(target)


@pytest.mark.parametrize("target", ["native", "cortex-m4"])
def test_real_samples_are_those_of_the_example(target: str, tmp_path: Path) -> None:
    real = random_samples(OCTET, 20, seed=5)
    artifact = build(OCTET, target, tmp_path / "a", samples=real)
    text = (artifact.folder / "examples" / "main.c").read_text()
    assert "Real samples" in text
    if target == "cortex-m4":
        want = OCTET.evaluate(real[:8])
        pairs = zip(want.classes, want.scores, strict=True)
        lines = [f"class {best}, score {scores[best]}\n" for best, scores in pairs]
        assert emulate.boot(made(artifact, *zig(target)), target).output == "".join(["self-test: ok\n", *lines])
    made_up = build(OCTET, target, tmp_path / "b").folder / "examples" / "main.c"
    assert "Made up" in made_up.read_text()


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((3, 5), np.float32), r"samples have shape \[3, 5\]; the example takes \[n, 4\]"),
        (np.zeros((0, 4), np.float32), "no samples for the example; give at least one"),
        (np.full((1, 4), np.nan, np.float32), "hold NaN or infinity, which C has no constant for"),
        (np.full((1, 4), 0.1), r"samples are float64; the example takes float32: .* so round them"),
    ],
)
def test_samples_that_no_example_can_hold(samples: np.ndarray, message: str, tmp_path: Path) -> None:
    network = random_network(3, features=4, bits=9, widths=(8,), classes=2)
    with pytest.raises(InputError, match=message):
        build(network, "cortex-m0", tmp_path / "a", samples=samples)
    assert not list(tmp_path.iterdir())


def test_boards_come_with_their_cores_only(tmp_path: Path) -> None:
    for core in ("cortex-m0", "cortex-m0plus", "riscv32"):
        artifact = build(OCTET, core, tmp_path / core)
        scripts = {path.stem for path in (artifact.folder / "board").glob("*.ld")}
        assert scripts == {"linker", *(board for board, of in BOARDS.items() if of == core)}
