"""Small firmware for the tests: C text in, linked image out."""

from __future__ import annotations

from pathlib import Path

from lgn_edge.deploy_files import deploy_folder
from lgn_edge.emulate import Image, read_image
from lgn_edge.toolchain import Machine, compile_c, link_firmware

DEVICE = deploy_folder() / "cortex-m"
BARE = deploy_folder() / "bare"
BOARD = (DEVICE / "startup.c", BARE / "semihosting.c", BARE / "string.c")


def machine(core: str) -> Machine:
    return Machine("thumb-freestanding-eabi", core.replace("-", "_"), ("-ffreestanding",))


def compile_text(folder: Path, text: str, core: str = "cortex-m4", name: str = "program") -> Path:
    source, output = folder / f"{name}.c", folder / f"{name}-{core}.o"
    source.write_text(text)
    compile_c(source, output, machine(core), include=[BARE])
    return output


def board_objects(folder: Path, core: str) -> list[Path]:
    objects = [folder / f"{source.stem}-{core}.o" for source in BOARD]
    for source, output in zip(BOARD, objects, strict=True):
        compile_c(source, output, machine(core))
    return objects


def link(folder: Path, objects: list[Path], keep: tuple[str, ...] = (), settings: str = "") -> Image:
    """Link with the script of deploy/, after lines such as "LGN_FLASH_ORIGIN = 0;"."""
    script, output = folder / "program.ld", folder / "program.elf"
    script.write_text(settings + (DEVICE / "linker.ld").read_text())
    link_firmware(objects, output, script, keep)
    return read_image(output)
