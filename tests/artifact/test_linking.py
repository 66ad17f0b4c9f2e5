"""An artifact's library in firmware of a user: any way to pass floats, any size of enums, no warning."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lgn_edge import emulate
from lgn_edge.artifact import build
from lgn_edge.network import Network
from tests.artifact.test_artifact import OCTET
from tests.artifact.test_examples import expected
from tests.outside import needs
from tests.strategies import random_network
from tests.thinning import exhaustive

FLOAT = random_network(77, features=5, bits=9, widths=(30, 20), classes=2)
UNITS = {"cortex-m4": "fpv4-sp-d16", "cortex-m7": "fpv5-d16", "cortex-m33": "fpv5-sp-d16", "cortex-m55": "auto"}
ABIS = {
    "soft": "-mfloat-abi=soft",
    "softfp": "-mfloat-abi=softfp -mfpu={unit}",
    "hard": "-mfloat-abi=hard -mfpu={unit}",
    "hard, other enums": "-mfloat-abi=hard -mfpu={unit} -fno-short-enums -fshort-wchar",
}
# a program that passes floats by value, uses the C library, and has enums and wide characters of its own
USER = """
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "lgn_user.h"

enum small { LOW, HIGH };
volatile enum small level = HIGH;
volatile float given = 2.0f;

static __attribute__((noinline)) float scaled(float x, float y) { return sqrtf(x) * y; }

int main(void) {
    lgn_user_input *samples = calloc(LGN_USER_FEATURES, sizeof(lgn_user_input));
    int32_t scores[LGN_USER_CLASSES];
    uint16_t best;

    samples[0] = (lgn_user_input)scaled(given, (float)level);
    return lgn_user_selftest() + lgn_user_predict(samples, 1u, scores, &best);
}
"""


def gcc() -> str:
    return needs("arm-none-eabi-gcc")


def ran(*command: object) -> None:
    result = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module", params=UNITS)
def firmware(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    core = str(request.param)
    return core, build(OCTET, core, tmp_path_factory.mktemp("linking") / core, name="octet").folder


@pytest.mark.parametrize("library", ["lib/liblgn_octet.a", "src/*.c"])
@pytest.mark.parametrize("abi", ABIS)
def test_the_example_links_and_runs_however_floats_are_passed(
    abi: str, library: str, firmware: tuple[str, Path], tmp_path: Path
) -> None:
    compiler, (core, built) = gcc(), firmware
    folder = shutil.copytree(built, tmp_path / core)
    cpu = f"CPU=-mcpu={core} -mthumb {ABIS[abi].format(unit=UNITS[core])}"
    ran("make", "-C", folder, f"CC={compiler}", cpu, f"LIBRARY={library}", "LDFLAGS=-lgcc -Wl,--fatal-warnings")
    if core in emulate.CORES:
        assert emulate.boot(folder / "example.elf", core).output == expected(core)


@pytest.mark.parametrize("abi", ["soft", "hard"])
@pytest.mark.parametrize("network", [OCTET, FLOAT], ids=["uint8", "float32"])
def test_a_program_with_a_c_library_links(network: Network, abi: str, tmp_path: Path) -> None:
    compiler = gcc()
    folder = build(network, "cortex-m4", tmp_path / "a", name="user").folder
    source = tmp_path / "user.c"
    source.write_text(USER)
    cpu = ["-mcpu=cortex-m4", "-mthumb", f"-mfloat-abi={abi}", *(["-mfpu=fpv4-sp-d16"] if abi == "hard" else [])]
    ran(compiler, *cpu, "-O2", f"-I{folder / 'include'}", source, f"-L{folder / 'lib'}", "-llgn_user",
        "--specs=rdimon.specs", "-lm", "-Wl,--gc-sections,--fatal-warnings,--no-warn-rwx-segments",
        "-o", tmp_path / "user.elf")  # fmt: skip


@pytest.mark.parametrize("source", ["OFF", "ON"])
def test_cmake_links_into_a_hard_float_project(source: str, firmware: tuple[str, Path], tmp_path: Path) -> None:
    compiler, (core, folder) = gcc(), firmware
    cmake = needs("cmake")
    user = tmp_path / "user"
    user.mkdir()
    (user / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(user C)\n"
        f"add_subdirectory({folder} lgn)\nset(ARTIFACT {folder})\n"
        "add_executable(user ${ARTIFACT}/examples/main.c ${ARTIFACT}/board/startup.c"
        " ${ARTIFACT}/board/semihosting.c ${ARTIFACT}/board/string.c)\n"
        "target_include_directories(user PRIVATE ${ARTIFACT}/board)\n"
        "target_link_libraries(user PRIVATE lgn::octet -nostartfiles"
        " -Wl,--gc-sections,--entry=Reset_Handler,--fatal-warnings -T ${ARTIFACT}/board/linker.ld)\n"
    )
    flags = f"-mcpu={core} -mthumb -mfloat-abi=hard -mfpu={UNITS[core]} -O2 -ffreestanding"
    ran(cmake, "-S", user, "-B", tmp_path / "out", "-DCMAKE_SYSTEM_NAME=Generic", f"-DCMAKE_C_COMPILER={compiler}",
        f"-DCMAKE_C_FLAGS={flags}", "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY",
        f"-DLGN_OCTET_FROM_SOURCE={source}")  # fmt: skip
    ran(cmake, "--build", tmp_path / "out")
    if core in emulate.CORES:
        assert emulate.boot(tmp_path / "out" / "user", core).output == expected(core)


@exhaustive
def test_risc_v_sources_link_where_floats_are_passed_in_registers(tmp_path: Path) -> None:
    """An object there is for one way to pass floats, so CMake compiles the sources."""
    folder = build(OCTET, "riscv32", tmp_path / "a", name="octet").folder
    assert 'lib/liblgn_octet.a" ON)' in (folder / "CMakeLists.txt").read_text()
    cpu = "CPU=-target riscv32-freestanding-none -mcpu=generic_rv32+m+c+f -mabi=ilp32f"
    ran("make", "-C", folder, f"CC={sys.executable} -m ziglang cc", cpu, "LIBRARY=src/*.c")
    assert emulate.boot(folder / "example.elf", "riscv32").output == expected("riscv32")
