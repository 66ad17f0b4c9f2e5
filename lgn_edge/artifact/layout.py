"""Which files an artifact consists of besides its library: templates of deploy/artifact/, and start-up files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from lgn_edge.deploy_files import deploy_folder
from lgn_edge.targets.target import Target

_CMAKE: Final = ("CMakeLists.txt.in", "CMakeLists.txt")
_HOSTED: Final = (("main.c.in", "examples/main.c"), ("Makefile.in", "Makefile"), _CMAKE)
_GPU: Final = (
    ("model_gpu.h.in", "include/lgn_{name}.h"),
    ("main_gpu.c.in", "examples/main.c"),
    ("Makefile_gpu.in", "Makefile"),
    ("CMakeLists_gpu.txt.in", "CMakeLists.txt"),
)
_CMAKE_BARE: Final = ("CMakeLists_bare.txt.in", "CMakeLists.txt")
_BARE: Final = (("main_bare.c.in", "examples/main.c"), ("Makefile_bare.in", "Makefile"), _CMAKE_BARE)
_FAMILIES: Final = {
    "avr": (("main_avr.c.in", "examples/main.c"), ("Makefile_avr.in", "Makefile"), _CMAKE_BARE),
    "c": (
        ("main.c.in", "examples/main.c"),
        ("Makefile_source.in", "Makefile"),
        ("CMakeLists_source.txt.in", "CMakeLists.txt"),
    ),
    "cuda": _GPU,
    "opencl": _GPU,
    "webgpu": (),
    "wasm": (
        ("loader.mjs.in", "lgn_{name}.mjs"),
        ("loader.d.mts.in", "lgn_{name}.d.mts"),
        ("package.json.in", "package.json"),
        ("main.mjs.in", "examples/main.mjs"),
    ),
}
# What an artifact for one target has besides, or in the place of its family's.
_TARGETS: Final = {
    "web": (
        ("web.mjs.in", "lgn_{name}_web.mjs"),
        ("web.d.mts.in", "lgn_{name}_web.d.mts"),
        ("webgpu.mjs.in", "lgn_webgpu.mjs"),
        ("package_web.json.in", "package.json"),
        ("main_web.mjs.in", "examples/main.mjs"),
    )
}
# What the Makefile of a family makes, where it is more than the example.
_MADE: Final = {
    "avr": ("example.elf", "example.hex"),
    "c": (
        "example",
        "liblgn_{name}.a",
        "src/lgn_{name}.o",
        "src/lgn_{name}_kernels.o",
        "src/lgn_{name}_selftest.o",
    ),
    "wasm": (),
    "webgpu": (),
}
_WITH_BOARD: Final = ("cortex-m", "riscv32")


def templates(target: Target) -> dict[str, str]:
    """The templates of deploy/artifact/ that every form needs, by the paths of what they become.

    "{name}" in a path is the model's identifier.
    """
    levels = {"src/lgn_{name}_levels.c": f"levels_{target.family}.c.in"} if len(target.levels) > 1 else {}
    files = (
        *_FAMILIES.get(target.family, _HOSTED if target.hosted else _BARE),
        *_TARGETS.get(target.name, ()),
    )
    header = {} if target.gpu else {"include/lgn_{name}.h": "model.h.in"}
    return {**header, **levels, **{path: template for template, path in files}}


def made(target: Target, name: str) -> list[str]:
    """The paths of what the artifact's own Makefile makes, and removes by `make clean`."""
    paths = _MADE.get(target.family, ("example",) if target.hosted else ("example.elf",))
    return [path.format(name=name) for path in paths]


def copy_license(folder: Path) -> None:
    """Copy the licence under which all that a build writes stands."""
    shutil.copy(deploy_folder() / "LICENSE.txt", folder / "LICENSE.txt")


def copy_board(folder: Path, target: Target) -> None:
    """Copy what a program on the bare machine needs to folder/board."""
    if target.family in _WITH_BOARD:
        for part in ("bare", target.family):
            shutil.copytree(
                deploy_folder() / part, folder / "board", dirs_exist_ok=True, ignore=lambda *_: ("boards", "emulator.c")
            )
        for script in (deploy_folder() / target.family / "boards" / target.name).glob("*.ld"):
            shutil.copy(script, folder / "board")
