"""64-bit Arm functions: arguments in registers and on the stack, vectors, counts, and faults as sentences."""

from __future__ import annotations

import pytest

from lgn_edge.deploy_files import deploy_folder
from lgn_edge.emulate import AArch64, EmulationError, Image, read_image
from lgn_edge.errors import InputError
from lgn_edge.toolchain import Machine, compile_c, link_firmware

PROGRAM = r"""
#include <stdint.h>

uint32_t variable = 5u;
uint32_t zero[3];

uint32_t ten(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h,
             uint64_t i, uint64_t j);
uint32_t ten(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h,
             uint64_t i, uint64_t j) {
    return (uint32_t)(a + 2u * b + 3u * c + 4u * d + 5u * e + 6u * f + 7u * g + 8u * h + 9u * i + (j >> 32));
}
int32_t negative(int64_t a);
int32_t negative(int64_t a) { return (int32_t)(a - 1); }
uint32_t state(void);
uint32_t state(void) { zero[1] += 1u; return variable++ + zero[0] + 100u * zero[1]; }
void vector(uint64_t *x);
void vector(uint64_t *x) {
    __asm__ volatile("ld1 {v0.2d}, [%0]\n add v0.2d, v0.2d, v0.2d\n st1 {v0.2d}, [%0]" : : "r"(x) : "v0", "memory");
}
uint32_t straight(uint32_t n);
uint32_t straight(uint32_t n) { __asm__ volatile("add %w0, %w0, #1\n add %w0, %w0, #2" : "+r"(n)); return n; }
uint32_t deep(uint32_t n);
uint32_t deep(uint32_t n) { volatile uint32_t here = n; return n == 0u ? here : deep(n - 1u) + here; }
void write_code(void);
void write_code(void) { *(volatile uint32_t *)0x400000 = 1u; }
void write_nothing(void);
void write_nothing(void) { *(volatile uint32_t *)0x70000000 = 1u; }
"""
FUNCTIONS = ("ten", "negative", "state", "vector", "straight", "deep", "write_code", "write_nothing")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    folder = tmp_path_factory.mktemp("aarch64")
    (folder / "program.c").write_text(PROGRAM)
    compile_c(folder / "program.c", folder / "program.o", Machine("aarch64-freestanding", "", ("-ffreestanding",)))
    script = deploy_folder() / "aarch64" / "linker.ld"
    link_firmware([folder / "program.o"], folder / "program.elf", script, FUNCTIONS)
    return read_image(folder / "program.elf", "EM_AARCH64")


@pytest.fixture
def machine(image: Image) -> AArch64:
    return AArch64(image)


def test_arguments_and_results(machine: AArch64) -> None:
    assert machine.call("ten", *range(1, 10), 7 << 32).result == sum(i * i for i in range(1, 10)) + 7
    assert machine.call("negative", -3).signed == -4
    assert [machine.call("state").result for _ in range(3)] == [105, 206, 307]


def test_vector_instructions_run(machine: AArch64) -> None:
    place = machine.allocate(16, 16)
    machine.write(place, (3).to_bytes(8, "little") + (1 << 40).to_bytes(8, "little"))
    machine.call("vector", place)
    assert machine.read(place, 16) == (6).to_bytes(8, "little") + (1 << 41).to_bytes(8, "little")


@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a57", "cortex-a72"])
def test_every_core_counts_instructions(image: Image, core: str) -> None:
    call = AArch64(image, core).call("straight", 1, count=True)
    assert (call.result, call.instructions, call.stack_bytes) == (4, 3, 0)


def test_faults(machine: AArch64, image: Image) -> None:
    with pytest.raises(EmulationError, match=r"write_code\S* \(pc 0x004\w+\) writes 4 bytes at 0x00400000, in code"):
        machine.call("write_code")
    with pytest.raises(EmulationError, match=r"write_nothing\S* .* writes 4 bytes at 0x70000000, where no memory is"):
        machine.call("write_nothing")
    with pytest.raises(EmulationError, match=r"deep\S* \(pc .* below the stack: its 4096 bytes were not enough"):
        AArch64(image, stack=4096).call("deep", 100_000)
    with pytest.raises(EmulationError, match="is still inside deep after 1000 instructions"):
        machine.call("deep", 1000, limit=1000)
    with pytest.raises(InputError, match="more than 64 bits"):
        machine.call("straight", 1 << 64)
    with pytest.raises(InputError, match="no core is called cortex-m4; choose one of cortex-a53, "):
        AArch64(image, "cortex-m4")
