"""Cycles of Cortex-M cores by the tables of instruction timings that Arm publishes: data, and how they are applied.

The tables are for memory without wait states. What a table gives as a range stays one: from the least to the most
cycles that the executed instructions can take. Arm publishes no table for its later cores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from lgn_edge.emulate.availability import require

Range = tuple[int, int]


@dataclass(frozen=True)
class Cycles:
    """How long something takes.

    Attributes:
        least: clock cycles.
        most: the same number where there is only one answer.
        source: where they are from, as the end of a sentence.
    """

    least: int
    most: int
    source: str


@dataclass(frozen=True)
class Block:
    """Cycles of instructions that are executed one after the other.

    Attributes:
        straight: when what follows the last one is executed next.
        taken: when another address is.
    """

    straight: Range
    taken: Range


@dataclass(frozen=True)
class Timings:
    """A core's table. Instructions that it does not name take one cycle.

    Attributes:
        manual: that has the table.
        refill: cycles after an instruction that changes the program counter, besides its own.
        link: cycles that BL and POP with PC take besides.
        special: cycles of instructions, by their names.
        neighbours: whether single loads and stores overlap with the load before, and results of other instructions
            reach an address a cycle late.
    """

    manual: str
    refill: Range
    link: int
    special: Mapping[str, Range]
    neighbours: bool


_DIVIDE: Final = {"sdiv": (2, 12), "udiv": (2, 12)}
_FOLDED: Final = {"it": (0, 1)}  # onto a 16-bit instruction before it
_ACCUMULATE: Final = {"mla": (2, 2), "mls": (2, 2)}
_LONG_MULTIPLY: Final = {"smull": (3, 5), "umull": (3, 5), "smlal": (4, 7), "umlal": (4, 7)}

TIMINGS: Final = {
    "cortex-m0": Timings(
        "Cortex-M0 Technical Reference Manual, DDI 0432C, table 3-1", (2, 2), 1, {"mul": (1, 32)}, False
    ),
    "cortex-m0plus": Timings(
        "Cortex-M0+ Technical Reference Manual, DDI 0484C, table 3-1", (1, 1), 1, {"mul": (1, 32)}, False
    ),
    "cortex-m3": Timings(
        "Cortex-M3 Technical Reference Manual, 100165_0201_02, 3.3.1 and 3.3.2",
        (1, 3),
        0,
        {**_DIVIDE, **_FOLDED, **_ACCUMULATE, **_LONG_MULTIPLY},
        True,
    ),
    "cortex-m4": Timings(
        "Cortex-M4 Technical Reference Manual, DDI 0439D, 3.3.1 and 3.3.2", (1, 3), 0, {**_DIVIDE, **_FOLDED}, True
    ),
}
_LOADS: Final = frozenset({"ldr", "ldrb", "ldrh", "ldrsb", "ldrsh"})
_STORES: Final = frozenset({"str", "strb", "strh"})
_MULTIPLE: Final = frozenset({"ldm", "ldmdb", "stm", "stmdb", "push", "pop"})
_DOUBLE: Final = frozenset({"ldrd", "strd"})
_CALLS: Final = frozenset({"bl"})
# Barriers, special registers, exclusive accesses, exceptions, coprocessors: none of our code has them.
_SYSTEM: Final = ("dmb", "dsb", "isb", "mrs", "msr", "cps", "svc", "bkpt", "wf", "tb", "ldrex", "strex", "v", "mcr")
_PC: Final = "pc"


def untimed(core: str) -> str | None:
    """Why no table gives the cycles of a core, or None."""
    if core in TIMINGS:
        return None
    if core.startswith("cortex-m"):
        return f"the Technical Reference Manual of {core} has no table of instruction timings"
    return f"{core} names many cores, and each has timings of its own"


@dataclass(frozen=True)
class ThumbTimer:
    """Applies a table to Thumb code.

    Attributes:
        timings: the table.
    """

    timings: Timings

    def block(self, code: bytes) -> Block | None:
        """Cycles of a basic block, or None with an instruction whose timing is not here.

        Args:
            code: its instructions; only the last one branches.

        Raises:
            MissingProgramError: capstone is not installed.
        """
        least = most = 0
        before: Any = None
        for instruction in self._decoder.disasm(code, 0):
            if _name(instruction).startswith(_SYSTEM):
                return None
            low, high = self._cycles(instruction, before)
            least, most, before = least + low, most + high, instruction
        taken = (0, 0)
        if before is not None and _branches(before):
            link = self.timings.link * (_name(before) in _CALLS | {"pop"})
            taken = (self.timings.refill[0] + link, self.timings.refill[1] + link)
        return Block((least, most), (least + taken[0], most + taken[1]))

    @cached_property
    def _decoder(self) -> Any:
        require("capstone")
        import capstone

        decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
        decoder.detail = True
        return decoder

    def _cycles(self, instruction: Any, before: Any) -> Range:
        """Of an instruction that does not branch, after another one of its block."""
        from capstone import arm

        name = _name(instruction)
        if name in _MULTIPLE:
            listed = sum(operand.type == arm.ARM_OP_REG for operand in instruction.operands)
            least = most = 1 + listed - (name not in ("push", "pop"))
        elif name in _DOUBLE:
            least = most = 3
        elif name in _LOADS | _STORES:
            least, most = self._single(instruction, before) if self.timings.neighbours else (2, 2)
        else:
            least, most = self.timings.special.get(name, (1, 1))
        skippable = instruction.cc not in (arm.ARM_CC_AL, arm.ARM_CC_INVALID) and not _branches(instruction)
        return (min(least, 1), most) if skippable else (least, most)

    def _single(self, instruction: Any, before: Any) -> Range:
        """A single load or store of M3 and M4: section 3.3.2 of their manuals."""
        name, address = _name(instruction), _address(instruction)
        if name in _STORES and len(address) == 1:
            least = most = 1
        else:
            least, most = 2, 2 + (_PC in address)  # a literal may wait for the fetch unit
        if before is None:
            return least, most
        written = {before.reg_name(register) for register in before.regs_access()[1]}
        if _name(before) in _LOADS:
            if least == 2 and before.reg_name(before.operands[0].reg) not in address:
                # a 32-bit instruction at an odd halfword may miss it; of an updated base the manuals say nothing
                least, most = 1, most - (instruction.size == 2 and not written & address)
        elif _name(before) not in _STORES | _MULTIPLE | _DOUBLE and written & address:
            least, most = least + 1, most + 1
        return least, most


def _name(instruction: Any) -> str:
    """The instruction without condition and width, such as "ldr" of "ldreq.w"."""
    name: str = instruction.insn_name()
    return name


def _address(instruction: Any) -> set[str]:
    """The registers of a load's or store's address."""
    from capstone import arm

    memory = next(operand.mem for operand in instruction.operands if operand.type == arm.ARM_OP_MEM)
    return {instruction.reg_name(register) for register in (memory.base, memory.index) if register}


def _branches(instruction: Any) -> bool:
    """Whether an instruction may change the program counter."""
    import capstone

    jumps = instruction.group(capstone.CS_GRP_JUMP) or instruction.group(capstone.CS_GRP_CALL)
    return jumps or _PC in {instruction.reg_name(register) for register in instruction.regs_access()[1]}
