"""What kernels know of a machine: how wide its rows are, and its registers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


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


@dataclass(frozen=True)
class Gpu:
    """What kernels may count on of a GPU.

    Attributes:
        kind: TVM's name of what its kernels are written in: "opencl", "webgpu", "cuda", "nvptx".
        options: more of TVM's description of it, such as {"mcpu": "sm_75"}.
        shared_bytes: of shared memory that every block may have.
        words: words of 32 samples that a block takes at most, 1 or 2.
        threads: of a block, a power of two, 64 at least.
        octets: whether it loads single bytes.
        buffer_bytes: of a buffer at most.
        cache_bytes: of the cache in front of its memory; what several launches work in stays below.
        architectures: by their makers' names, of which machine code is made where that can be done here.
    """

    kind: str
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    shared_bytes: int = 32 << 10
    words: int = 1
    threads: int = 256
    octets: bool = True
    buffer_bytes: int = 1 << 30
    cache_bytes: int = 16 << 20
    architectures: tuple[str, ...] = ()
