"""Examples of artifacts, built by their Makefiles with GNU compilers, in QEMU and simavr, where there are these."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lgn_edge import emulate
from lgn_edge.artifact import Artifact, build
from tests.artifact.test_artifact import OCTET

ANSWER = r"self-test: ok\.?\s+class \d+, score \d+"


def made(artifact: Artifact, *programs: str, arguments: tuple[str, ...] = ()) -> Path:
    for program in ("make", *programs):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    subprocess.run(["make", "-C", artifact.folder, *arguments], check=True, capture_output=True)
    return artifact.folder / "example.elf"


def output(*command: object) -> str:
    """What a program prints, colours of the simulator taken out."""
    result = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=60)
    return re.sub(r"\x1b\[[0-9;]*m", "", result.stdout + result.stderr)


def test_cortex_m4_with_gcc_boots_in_unicorn_and_in_qemu(tmp_path: Path) -> None:
    artifact = build(OCTET, "cortex-m4", tmp_path / "arm")
    image = made(artifact, "arm-none-eabi-gcc", arguments=("LDFLAGS=-lgcc -Wl,--defsym=LGN_FLASH_ORIGIN=0",))
    assert re.match(ANSWER, emulate.boot(image, "cortex-m4").output)
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not installed")
    command = ("qemu-system-arm", "-M", "mps2-an386", "-semihosting", "-nographic", "-monitor", "none", "-kernel")
    assert re.search(ANSWER, output(*command, image))


def test_atmega_with_gcc_prints_in_simavr(tmp_path: Path) -> None:
    image = made(build(OCTET, "atmega2560", tmp_path / "avr"), "avr-gcc", "simavr")
    assert re.search(ANSWER, output("simavr", "-m", "atmega2560", "-f", "16000000", image))
