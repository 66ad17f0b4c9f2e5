"""How wide a machine's rows are."""

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
