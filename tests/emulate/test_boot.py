"""A program from its reset vector to its exit, on every core: start-up code, linker script, semihosting, string.c."""

from __future__ import annotations

from pathlib import Path

import pytest

from lgn_edge.deploy_files import deploy_folder
from lgn_edge.emulate import CORES, EmulationError, Image, boot, memory_use
from lgn_edge.errors import InputError, InvariantError
from lgn_edge.targets.registry import find_target
from lgn_edge.toolchain import compile_c, link_firmware
from tests.emulate.firmware import BARE, DEVICE, board_objects, compile_text, link, machine

PROGRAM = r"""
#include <stddef.h>
#include <stdint.h>
#include "semihosting.h"

void *memcpy(void *restrict target, const void *restrict source, size_t n);
void *memmove(void *target, const void *source, size_t n);
void *memset(void *target, int value, size_t n);
int memcmp(const void *left, const void *right, size_t n);

volatile int32_t initialised[3] = {11, -22, 33};
volatile uint8_t odd[5] = {1u, 2u, 3u, 4u, 5u};
volatile int32_t zero[100];
unsigned char text[8];

int main(void) {
    int32_t sum = 0;
    for (unsigned i = 0u; i < 100u; ++i) { sum |= zero[i]; }
    lgn_print("zero ");
    lgn_print_number(sum);
    lgn_print(" data ");
    for (unsigned i = 0u; i < 3u; ++i) { lgn_print_number(initialised[i]); lgn_print_character(','); }
    lgn_print_number(odd[4]);
    lgn_print(" numbers ");
    lgn_print_number(INT32_MIN);
    lgn_print_character(' ');
    lgn_print_number(0);
    lgn_print_character(' ');
    lgn_print_number(INT32_MAX);
    lgn_print_character(' ');
    lgn_print_number(-1005);
    lgn_print_character('\n');

    (void)memcpy(text, "abcdef", 7u);
    (void)memmove(text + 1, text, 6u);
    lgn_print((const char *)text);
    (void)memmove(text, text + 2, 5u);
    lgn_print((const char *)text);
    (void)memset(text, 'x', 3u);
    lgn_print((const char *)text);
    lgn_print_number(memcmp("ab", "ac", 2u));
    lgn_print_number(memcmp("ab", "ab", 2u));
    lgn_print_number(memcmp("b", "a", 1u));
    initialised[0] += 1;
    return initialised[0] == 12 ? 7 : 8;
}
"""
OUTPUT = "zero 0 data 11,-22,33,5 numbers -2147483648 0 2147483647 -1005\naabcdefbcdefefxxxefef-101"
QEMU_BOARD = "LGN_FLASH_ORIGIN = 0x0;\nLGN_FLASH_LENGTH = 0x400000;\n"


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    folder = tmp_path_factory.mktemp("board")
    return {core: [*board_objects(folder, core), compile_text(folder, PROGRAM, core)] for core in CORES}


@pytest.mark.parametrize(("settings", "origin"), [("", 0x08000000), (QEMU_BOARD, 0)])
@pytest.mark.parametrize("core", CORES)
def test_boots(objects: dict[str, list[Path]], tmp_path: Path, core: str, settings: str, origin: int) -> None:
    image = link(tmp_path, objects[core], settings=settings)
    assert image.symbol("lgn_vector_table").address == origin
    booted = boot(image, core)
    assert booted.output == OUTPUT
    assert booted.exit_code == 7
    assert booted == boot(image, core)
    assert 1000 < booted.instructions < 20_000


def test_boots_on_riscv(tmp_path: Path) -> None:
    riscv = find_target("riscv32").machine
    folder = deploy_folder() / "riscv32"
    (tmp_path / "program.c").write_text(PROGRAM)
    sources = [folder / "startup.c", BARE / "semihosting.c", BARE / "string.c", tmp_path / "program.c"]
    outputs = [tmp_path / f"{source.stem}.o" for source in sources]
    for source, output in zip(sources, outputs, strict=True):
        compile_c(source, output, riscv, include=[BARE])
    link_firmware(outputs, tmp_path / "program.elf", folder / "linker.ld")
    booted = boot(tmp_path / "program.elf", "riscv32")
    assert booted.output == OUTPUT
    assert booted.exit_code == 7
    with pytest.raises(EmulationError, match="has not exited after 100 instructions"):
        boot(tmp_path / "program.elf", "riscv32", limit=100)
    with pytest.raises(InputError, match="is for EM_RISCV, not for EM_ARM"):
        boot(tmp_path / "program.elf", "cortex-m4")


def test_the_hard_float_unit_is_switched_on(tmp_path: Path) -> None:
    text = r"""
    #include "semihosting.h"
    volatile float half = 0.5f;
    int main(void) { return (int)(half * 14.0f); }
    """
    core = machine("cortex-m4")
    hard = type(core)("thumb-freestanding-eabihf", "cortex_m4+vfp4d16sp", core.flags)
    (tmp_path / "program.c").write_text(text)
    sources = [DEVICE / "startup.c", BARE / "semihosting.c", tmp_path / "program.c"]
    outputs = [tmp_path / f"{source.stem}.o" for source in sources]
    for source, output in zip(sources, outputs, strict=True):
        compile_c(source, output, hard, include=[BARE])
    assert boot(link(tmp_path, outputs)).exit_code == 7


def program(folder: Path, body: str, globals_: str = "") -> Image:
    text = f'#include "semihosting.h"\n{globals_}\nint main(void) {{ {body} }}\n'
    return link(folder, [*board_objects(folder, "cortex-m4"), compile_text(folder, text)])


def test_failures_name_the_place(tmp_path: Path) -> None:
    with pytest.raises(EmulationError, match=r"main\S* \(pc .* has not exited after 5000 instructions"):
        boot(program(tmp_path, 'for (;;) { __asm__ volatile(""); }'), limit=5000)
    with pytest.raises(EmulationError, match=r"main\S* \(pc .* raises exception 7, which nothing handles"):
        boot(program(tmp_path, '__asm__ volatile("bkpt 1"); return 0;'))
    with pytest.raises(EmulationError, match=r"asks for semihosting operation 0x01, which"):
        boot(program(tmp_path, '__asm__ volatile("movs r0, #1\\n bkpt 0xAB" ::: "r0"); return 0;'))
    with pytest.raises(EmulationError, match=r"reads 4 bytes at 0x40000000, where no memory is"):
        boot(program(tmp_path, "return *(volatile int *)0x40000000u;"))
    with pytest.raises(EmulationError, match="asks for semihosting with 0x00000010, where no memory is"):
        boot(program(tmp_path, "lgn_print((const char *)0x10u); return 0;"))


def test_exit_without_a_code(tmp_path: Path) -> None:
    stop = r"""__asm__ volatile("movs r0, #0x18\n mov r1, %0\n bkpt 0xAB" :: "r"(REASON) : "r0", "r1"); return 3;"""
    assert boot(program(tmp_path, stop, "#define REASON 0x20026")).exit_code == 0
    assert boot(program(tmp_path, stop, "#define REASON 0x20023")).exit_code == 1


def test_the_linker_refuses_what_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("volatile int many[1000];\nint main(void);\nint main(void) { return many[5]; }\n")
    compile_c(tmp_path / "a.c", tmp_path / "a.o", machine("cortex-m4"))
    objects = [*board_objects(tmp_path, "cortex-m4"), tmp_path / "a.o"]
    link(tmp_path, objects, settings="LGN_RAM_LENGTH = 8192;\n")
    with pytest.raises(InvariantError, match="RAM is full"):
        link(tmp_path, objects, settings="LGN_RAM_LENGTH = 8000;\n")
    with pytest.raises(InvariantError, match="FLASH"):
        link(tmp_path, objects, settings="LGN_FLASH_LENGTH = 100;\n")


def test_flash_and_ram(tmp_path: Path) -> None:
    use = memory_use(program(tmp_path, "return value + nothing[3];", "volatile int value = 4, nothing[10];"))
    assert (use.data, use.bss, use.ram) == (4, 40, 44)
    assert use.flash == use.text + use.rodata + 4
    assert use.rodata >= 64


def test_an_image_without_vectors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no vector table"):
        boot(link(tmp_path, [compile_text(tmp_path, "int f(void);\nint f(void) { return 1; }\n")], ("f",)))
