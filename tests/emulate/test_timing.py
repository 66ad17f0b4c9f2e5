"""Cycles: the tables against sequences computed by hand from the manuals, and simavr's count against AVR's."""

from __future__ import annotations

from pathlib import Path

import pytest

from lgn_edge.deploy_files import deploy_folder
from lgn_edge.emulate import DEBUGGED, CortexM, GdbMachine, Image, read_image, untimed
from lgn_edge.emulate.timing import TIMINGS, ThumbTimer
from lgn_edge.targets.avr import AVR
from lgn_edge.toolchain import compile_c, link_firmware
from tests.emulate.firmware import compile_text, link
from tests.outside import needs_emulator

FUNCTION = "void {name}(void);\n__attribute__((naked)) void {name}(void) {{ __asm__ volatile({text}); }}\n"


def function(name: str, *lines: str) -> str:
    text = "\n".join(f'"{line}\\n"' for line in lines)
    return FUNCTION.format(name=name, text=text)


LEAF = function("leaf", "bx lr")
# pushes two registers, goes three times round, loads, stores, multiplies, calls, returns
WALK = function(
    "walk",
    "push {r4, lr}",
    "movs r4, #3",
    "0: subs r4, #1",
    "bne 0b",
    "ldr r0, [sp]",
    "str r0, [sp]",
    "muls r0, r0",
    "bl leaf",
    "pop {r4, pc}",
)
# table 3-1 of each manual, in the order of the instructions; bne is taken twice, and the last number is leaf's bx
WALKED = {
    "cortex-m0": {3 + 1 + 3 + (3 + 3 + 1) + 2 + 2 + multiply + 4 + 6 + 3 for multiply in (1, 32)},
    "cortex-m0plus": {3 + 1 + 3 + (2 + 2 + 1) + 2 + 2 + multiply + 3 + 5 + 2 for multiply in (1, 32)},
    # a refill of the pipeline takes 1 to 3, here five times
    "cortex-m3": {3 + 1 + 3 + 3 + 2 + 1 + 1 + 1 + 3 + 1 + 5 * refill for refill in (1, 3)},
    "cortex-m4": {3 + 1 + 3 + 3 + 2 + 1 + 1 + 1 + 3 + 1 + 5 * refill for refill in (1, 3)},
}


def image(folder: Path, text: str, core: str, *keep: str) -> Image:
    return link(folder, [compile_text(folder, text, core)], keep)


@pytest.mark.parametrize("core", TIMINGS)
def test_a_function_computed_by_hand(core: str, tmp_path: Path) -> None:
    call = CortexM(image(tmp_path, LEAF + WALK, core, "walk"), core).call("walk", count=True)
    assert call.cycles is not None
    assert {call.cycles.least, call.cycles.most} == WALKED[core]
    assert call.instructions == 1 + 1 + 2 * 3 + 5 + 1
    assert "without wait states" in call.cycles.source


@pytest.mark.parametrize(
    ("lines", "least", "most"),
    [
        # the examples of section 3.3.2 of the manuals of M3 and M4
        (["ldr r0, [r1]", "ldr r1, [r2]"], 3, 3),
        (["ldr r0, [r1, r2]", "str r0, [r3, #20]"], 3, 3),
        (["ldr r0, [r1, r2]", "str r1, [r3, r2]"], 3, 3),
        (["ldr r0, [r1, r5]", "ldr r1, [r2]", "ldr r2, [r3, #4]"], 4, 4),
        # and its other rules
        (["str r0, [r1, #4]"], 1, 1),
        (["str r0, [r1, r2]", "ldr r3, [r4]"], 4, 4),
        (["ldr r0, [r1]", "ldr r2, [r0]"], 4, 4),
        (["adds r1, #4", "ldr r0, [r1]"], 4, 4),
        (["adds r3, #4", "ldr r0, [r1]"], 3, 3),
        (["ldr r0, [r1]", "ldr.w r8, [r2]"], 3, 4),
        (["ldrb r0, [r1], #1", "ldrb r2, [r1]"], 3, 4),
        (["ldr r0, [pc, #0]"], 2, 3),
        (["ldrd r0, r1, [r2]", "ldr r3, [r4]"], 5, 5),
        (["ldm r0!, {r1, r2, r3}"], 4, 4),
        (["itt eq", "ldreq r0, [r1]", "moveq r2, r3"], 2, 4),
        (["udiv r0, r1, r2"], 2, 12),
        (["eor.w r0, r1, r2, lsl #3"], 1, 1),
    ],
)
def test_loads_and_stores_of_m4(lines: list[str], least: int, most: int, tmp_path: Path) -> None:
    found = image(tmp_path, function("f", *lines, "bx lr"), "cortex-m4", "f")
    symbol, segment = found.symbol("f"), found.segments[0]
    start = symbol.address - segment.address
    block = ThumbTimer(TIMINGS["cortex-m4"]).block(segment.data[start : start + symbol.size])
    assert block is not None
    assert block.straight == (least + 1, most + 1)
    assert block.taken == (least + 2, most + 4)


def test_multiplications_of_m3(tmp_path: Path) -> None:
    text = function("f", "umull r0, r1, r2, r3", "mla r0, r1, r2, r3", "bx lr")
    call = CortexM(image(tmp_path, text, "cortex-m3", "f"), "cortex-m3").call("f", count=True)
    assert call.cycles is not None
    assert (call.cycles.least, call.cycles.most) == (3 + 2 + 2, 5 + 2 + 4)


def test_what_no_table_has(tmp_path: Path) -> None:
    text = LEAF + function("f", "dmb", "bx lr")
    machine = CortexM(image(tmp_path, text, "cortex-m4", "f", "leaf"), "cortex-m4")
    assert machine.call("f", count=True).cycles is None
    assert machine.call("leaf", count=True).cycles is not None
    assert machine.call("leaf").cycles is None
    for core in ("cortex-m7", "cortex-m33"):
        assert CortexM(image(tmp_path, text, core, "leaf"), core).call("leaf", count=True).cycles is None
        assert untimed(core) == f"the Technical Reference Manual of {core} has no table of instruction timings"
    assert untimed("cortex-m0") is None
    assert untimed("riscv32") == "riscv32 names many cores, and each has timings of its own"


# 1 + outer * (1 + inner * (1 + 2) - 1 + 1 + 2) - 1 and the return: ldi 1, dec 1, brne 2 or 1, ret 4 or 5
LOOPS = function("loops", "ldi r24, 200", "0: ldi r25, 250", "1: dec r25", "brne 1b", "dec r24", "brne 0b", "ret")


@pytest.mark.parametrize(("part", "returns"), [(AVR[0], 4), (AVR[1], 5)], ids=lambda value: getattr(value, "name", ""))
def test_simavr_counts_what_the_instruction_set_manual_says(part: object, returns: int, tmp_path: Path) -> None:
    assert part in AVR
    target = next(target for target in AVR if target == part)
    needs_emulator(target.name)
    debugged = DEBUGGED[target.execution]
    (tmp_path / "program.c").write_text(LOOPS + function("once", "nop", "ret"))
    (tmp_path / "linker.ld").write_text(debugged.linking + (deploy_folder() / "avr" / "linker.ld").read_text())
    objects = [tmp_path / "program.o", tmp_path / "emulator.o"]
    for source, output in zip((tmp_path / "program.c", deploy_folder() / "bare" / "emulator.c"), objects, strict=True):
        compile_c(source, output, target.machine, optimize="-Os")
    keep = ("loops", "once", *debugged.symbols)
    link_firmware(objects, tmp_path / "program.elf", tmp_path / "linker.ld", keep)
    machine = GdbMachine(read_image(tmp_path / "program.elf", "EM_AVR"), target.execution)
    cycles = [machine.call(name, count=True).cycles for name in ("once", "loops", "once")]
    machine.close()
    assert [found and found.least for found in cycles] == [
        1 + returns,
        1 + 200 * (1 + 250 * 3 - 1 + 1 + 2) - 1 + returns,
        1 + returns,
    ]
