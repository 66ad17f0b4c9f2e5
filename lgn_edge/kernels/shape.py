"""What kernels know of a machine: how wide its rows are, and its registers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """The row of a machine: the samples that one instruction of the interpreter works on.

    Attributes:
        word_bits: bits of a word, 32 or 64; one sample a bit.
        lanes: words of a row. 1 on a microcontroller; with more, packing and summing use vector code.
    """

    word_bits: int
    lanes: int

    @property
    def word(self) -> str:
        """The word's type as TIR spells it."""
        return f"uint{self.word_bits}"

    @property
    def samples(self) -> int:
        """Samples of a block: bits of a row."""
        return self.word_bits * self.lanes

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return self.samples // 8


@dataclass(frozen=True)
class Core:
    """What straight-line code may count on.

    Attributes:
        values: bits that are kept in registers; 0 leaves that to the compiler.
        totals: words of scores that are kept in registers besides.
        fused: one instruction counts a gate that only one output reads, where it is an AND, or an XOR that is added.
        register_bits: of a register; with 8, a bit is an octet, and a score no wider than it must be.
    """

    values: int = 0
    totals: int = 1
    fused: bool = False
    register_bits: int = 32
