"""Calling functions: arguments, results, exact instruction counts, stack, and every fault as a sentence."""

from __future__ import annotations

import re

import pytest
from unicorn import UC_HOOK_CODE

from lgn_edge.emulate import CORES, CortexM, EmulationError, Image
from lgn_edge.emulate.cpu import Cpu
from lgn_edge.errors import InputError, UnsupportedError
from tests.emulate.firmware import compile_text, link

PROGRAM = r"""
#include <stdint.h>
#define FOUR(x) x x x x
#define MANY(x) FOUR(FOUR(FOUR(FOUR(FOUR(x)))))

const uint32_t constant[2] = {1u, 2u};
uint32_t variable = 5u;
uint32_t zero[3];

uint32_t six(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f);
uint32_t six(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f) {
    return a + 2u * b + 3u * c + 4u * d + 5u * e + 6u * f;
}
uint32_t negative(int32_t a);
uint32_t negative(int32_t a) { return (uint32_t)(a - 1); }
uint32_t state(void);
uint32_t state(void) { zero[1] += 1u; return variable++ + zero[0] + 100u * zero[1]; }

/* Branches, IT blocks, 16- and 32-bit instructions, calls. */
__attribute__((noinline)) uint32_t step(uint32_t a, uint32_t i);
__attribute__((noinline)) uint32_t step(uint32_t a, uint32_t i) { return (a ^ i) > 77u ? a + 0x12345u : a * 7u; }
uint32_t loop(uint32_t n);
uint32_t loop(uint32_t n) {
    uint32_t a = 1u;
    for (uint32_t i = 0u; i < n; ++i) {
        if ((a & 1u) != 0u) { a = a * 3u + i; } else { a >>= 1; }
        if ((a ^ i) > 77u) { a += 5u; } else { a -= 3u; }
        a = step(a, i);
    }
    return a;
}
uint32_t straight(uint32_t n);
uint32_t straight(uint32_t n) { MANY(__asm__ volatile("adds %0, %0, #1" : "+l"(n));) return n; }

uint32_t frame(uint32_t n);
uint32_t frame(uint32_t n) {
    volatile uint32_t words[100];
    for (uint32_t i = 0u; i < 100u; ++i) { words[i] = n; }
    return words[n];
}
uint32_t leaf(void);
uint32_t leaf(void) { return 7u; }
uint32_t deep(uint32_t n);
uint32_t deep(uint32_t n) { volatile uint32_t here = n; return n == 0u ? here : deep(n - 1u) + here; }

void write_flash(void);
void write_flash(void) { *(volatile uint32_t *)(uintptr_t)&constant[1] = 3u; }
uint32_t read_nothing(void);
uint32_t read_nothing(void) { return *(volatile uint32_t *)0x40020000u; }
void run_data(void);
void run_data(void) { ((void (*)(void))((uintptr_t)&zero[0] | 1u))(); }
void run_nothing(void);
void run_nothing(void) { ((void (*)(void))0x60000001u)(); }
void forever(void);
void forever(void) { for (;;) { __asm__ volatile(""); } }
void breakpoint(void);
void breakpoint(void) { __asm__ volatile("bkpt 1"); }
void undefined(void);
void undefined(void) { __asm__ volatile("udf 1"); }
"""
NAMES = tuple(re.findall(r"\b(\w+)\([^)]*\);$", PROGRAM, re.MULTILINE))
KEEP = (*NAMES, "constant", "variable", "zero")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Image]:
    folder = tmp_path_factory.mktemp("program")
    return {core: link(folder, [compile_text(folder, PROGRAM, core)], KEEP) for core in CORES}


@pytest.fixture(params=CORES)
def machine(request: pytest.FixtureRequest, images: dict[str, Image]) -> CortexM:
    return CortexM(images[request.param], request.param)


def test_arguments_and_result(machine: CortexM) -> None:
    assert machine.call("six", 1, 2, 3, 4, 5, 6).result == 1 + 4 + 9 + 16 + 25 + 36
    assert machine.call("negative", -1).signed == -2
    assert machine.call("negative", 0xFFFFFFFF).result == 0xFFFFFFFE


def test_variables_start_as_after_a_reset_and_keep_their_state(machine: CortexM) -> None:
    assert [machine.call("state").result for _ in range(3)] == [105, 206, 307]
    assert machine.read(machine.symbol("variable"), 4) == (8).to_bytes(4, "little")


def hooked(machine: CortexM, symbol: str, argument: int) -> int:
    """The instructions by a hook for each one; an IT instruction stands for all of its block.

    Unicorn calls the hook for an instruction in an IT block only when its condition holds.
    """
    cpu: Cpu = machine._cpu
    count, skip = 0, range(0)

    def one(uc: object, address: int, size: int, _data: object) -> None:
        nonlocal count, skip
        if address == 0x90000000 or address in skip:
            return
        code = int.from_bytes(cpu.uc.mem_read(address, 2), "little")
        count += 1
        if code >> 8 == 0xBF and code & 15:
            members = 4 - (((code & 15) & -(code & 15)).bit_length() - 1)
            end = address + 2
            for _ in range(members):
                end += cpu.model.length(bytes(cpu.uc.mem_read(end, 2)), 0)
            count += members
            skip = range(address + 2, end)

    handle = cpu.uc.hook_add(UC_HOOK_CODE, one)
    cpu.uc.ctl_flush_tb()
    machine.call(symbol, argument)
    cpu.uc.hook_del(handle)
    cpu.uc.ctl_flush_tb()
    return count


@pytest.mark.parametrize(
    ("symbol", "argument"), [("loop", 300), ("straight", 5), ("frame", 3), ("deep", 40), ("leaf", 0)]
)
def test_the_count_is_that_of_a_hook_for_every_instruction(machine: CortexM, symbol: str, argument: int) -> None:
    counted = machine.call(symbol, argument, count=True)
    assert counted.instructions == hooked(machine, symbol, argument)
    plain = machine.call(symbol, argument)
    assert plain.instructions is None
    assert plain.result == counted.result
    assert plain.stack_bytes == counted.stack_bytes
    assert machine.call(symbol, argument, count=True) == counted


def test_known_counts(images: dict[str, Image]) -> None:
    machine = CortexM(images["cortex-m0"], "cortex-m0")
    shorter, longer = (machine.call("loop", n, count=True).instructions for n in (0, 1))
    assert shorter is not None
    assert longer is not None
    assert shorter < longer
    assert (machine.call("straight", 0, count=True).instructions or 0) - 1024 in range(1, 10)


def test_it_blocks_are_there_to_be_counted(images: dict[str, Image]) -> None:
    text = next(segment for segment in images["cortex-m4"].segments if len(segment.data) > 1000)
    halfwords = [text.data[i : i + 2] for i in range(0, len(text.data), 2)]
    assert any(half[1] == 0xBF and half[0] & 15 for half in halfwords)


def test_stack(machine: CortexM) -> None:
    leaf, frame = machine.call("leaf"), machine.call("frame", 3)
    assert leaf.stack_bytes <= 8
    assert 400 <= frame.stack_bytes <= 432
    assert machine.call("leaf") == leaf
    ten, twenty = (machine.call("deep", n).stack_bytes for n in (10, 20))
    assert twenty - ten == machine.call("deep", 30).stack_bytes - twenty > 0


@pytest.mark.parametrize(
    ("symbol", "message"),
    [
        ("write_flash", r"program\.elf: write_flash\S* \(pc 0x0800\w+\) writes 4 bytes at 0x0800\w+, in flash"),
        ("read_nothing", r"read_nothing\S* \(pc 0x0800\w+\) reads 4 bytes at 0x40020000, where no memory is"),
        ("run_data", r"runs code at 0x2000\w+, in ram, which does not allow that"),
        ("run_nothing", r"runs code at 0x60000000, where no memory is"),
        ("breakpoint", r"breakpoint\S* \(pc 0x0800\w+\) stops the processor: .*exception"),
        ("undefined", r"undefined\S* \(pc 0x0800\w+\) stops the processor: .*[Ii]nvalid instruction"),
    ],
)
def test_faults(machine: CortexM, symbol: str, message: str) -> None:
    for count in (False, True):
        with pytest.raises(EmulationError, match=message):
            machine.call(symbol, count=count)
    assert machine.call("leaf").result == 7


def test_stack_overflow_and_limit(images: dict[str, Image]) -> None:
    machine = CortexM(images["cortex-m4"], stack=4096)
    with pytest.raises(EmulationError, match=r"deep\S* \(pc .* below the stack: its 4096 bytes were not enough"):
        machine.call("deep", 100_000)
    with pytest.raises(EmulationError, match=r"forever\S* \(pc .* is still inside forever after 1000 instructions"):
        machine.call("forever", limit=1000)
    with pytest.raises(EmulationError, match="is still inside forever after 1000 instructions"):
        machine.call("forever", limit=1000, count=True)
    exact = machine.call("straight", 0, count=True).instructions
    assert exact is not None
    machine.call("straight", 0, limit=exact)
    with pytest.raises(EmulationError, match="raise the limit"):
        machine.call("straight", 0, limit=exact - 1)
    assert machine.call("leaf").stack_bytes == machine.call("leaf").stack_bytes <= 8


def test_memory_for_arguments(images: dict[str, Image]) -> None:
    machine = CortexM(images["cortex-m4"], ram=(0x20000000, 4096))
    free = machine.free
    first, mark = machine.allocate(3), machine.mark()
    second = machine.allocate(64, 32)
    assert first > machine.symbol("zero")
    assert second % 32 == 0
    assert second >= first + 3
    machine.write(second, b"abc")
    assert machine.read(second, 4)[:3] == b"abc"
    machine.release(mark)
    assert machine.allocate(64, 32) == second
    machine.release()
    assert machine.free == free
    with pytest.raises(InputError, match="5000 bytes do not fit into"):
        machine.allocate(5000)
    with pytest.raises(InputError, match="not a power of two"):
        machine.allocate(5, 3)
    with pytest.raises(InputError, match="not memory of this machine"):
        machine.write(0x20000FFF, b"ab")


def test_impossible_requests(images: dict[str, Image]) -> None:
    image = images["cortex-m4"]
    with pytest.raises(UnsupportedError, match=r"cortex-m55 cannot be executed here.*QEMU"):
        CortexM(image, "cortex-m55")
    with pytest.raises(InputError, match="no core is called cortex-a53; choose one of cortex-m0, "):
        CortexM(image, "cortex-a53")
    with pytest.raises(InputError, match="outside of the memory"):
        CortexM(image, flash=(0x08000000, 64))
    with pytest.raises(InputError, match="cannot put ram"):
        CortexM(image, ram=(0x08000000, 4096))
    machine = CortexM(image)
    with pytest.raises(InputError, match="has no symbol nothing"):
        machine.call("nothing")
    with pytest.raises(InputError, match="more than 32 bits"):
        machine.call("leaf", 1 << 32)
