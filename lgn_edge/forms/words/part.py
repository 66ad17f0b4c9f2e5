"""A word of samples at a time, while a call has that many left; the rest one by one, in the form that is wrapped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lgn_edge.forms.form import Memory, Sources, Vectors
from lgn_edge.forms.one_sample.sources import Code, one_sample_sources
from lgn_edge.forms.prediction import Cost
from lgn_edge.forms.straight.form import StraightPart
from lgn_edge.forms.table.form import TablePart
from lgn_edge.forms.words.cost import words_cost
from lgn_edge.network.layers import Int32Array
from lgn_edge.templates import render

if TYPE_CHECKING:
    from lgn_edge.kernels.tir import Kernel, Table


@dataclass(frozen=True)
class WordsPart:
    """A part that takes one sample, and beside it kernels that take a word of them.

    Attributes:
        one: what takes one sample; its tape is walked with a word in each slot.
    """

    one: TablePart | StraightPart

    @property
    def form(self) -> str:
        """The form of the part that takes one sample."""
        return self.one.form

    @property
    def why(self) -> str:
        """That of the part that takes one sample."""
        return self.one.why

    @property
    def n_gates(self) -> int:
        """Gates that run."""
        return self.one.n_gates

    @property
    def n_slots(self) -> int:
        """Slots of the part that takes one sample."""
        return self.one.n_slots

    @property
    def input_bit(self) -> Int32Array:
        """The encoder's bit in each of the first slots."""
        return self.one.input_bit

    @property
    def memory(self) -> Memory:
        """A word for each slot of the tape."""
        bits = self.one.target.shape.word_bits
        return Memory(block=bits, bytes=bits // 8 * self.one.tape.n_slots, align=max(1, bits // 8))

    def cost(self) -> Cost | None:
        """What one sample costs, with the code and the memory that words take besides."""
        cost, one = self.one.cost(), self.one
        if cost is None:
            return None
        shares_tables = isinstance(one, TablePart)
        return words_cost(cost, one.tape, one.network, one.complemented, one.target, shares_tables=shares_tables)

    def code(self, prefix: str) -> Code:
        """The kernels of both, and the functions around them."""
        from lgn_edge.forms.one_sample.encode import sample_type
        from lgn_edge.forms.words.classify import classify_words
        from lgn_edge.forms.words.kernels import load_words, pack_words, run_words
        from lgn_edge.kernels.encoding import comparisons

        code, tape, network, shape = self.one.code(prefix), self.one.tape, self.one.network, self.one.target.shape
        bits = comparisons(network.encoder, self.input_bit)
        # packing for straight-line code may give complements, which the tape knows nothing of
        tables = f"{prefix}_plain" if self.one.complemented.any() else prefix
        return replace(
            code,
            kernels=(
                *code.kernels,
                pack_words(bits, tape.n_slots, shape, tables, prefix),
                load_words(self.input_bit, tape.n_slots, shape, tables, prefix),
                run_words(tape, network.head, shape, prefix),
            ),
            behind=(*code.behind, classify_words(prefix, sample_type(bits), shape.word)),
        )

    def sources(self, common: Mapping[str, object], vectors: Vectors) -> Sources:
        """Those of one sample, with a loop over words before the loop over samples."""
        sources = one_sample_sources(self.code(f"lgn_{common['name']}"), common, vectors)
        values = {**common, **sources.values}
        added = {
            "cell": common["word_type"],
            "misaligned": f" ||\n        (uintptr_t)workspace % LGN_{common['NAME']}_WORKSPACE_ALIGN != 0u",
            "words_prototypes": render("device_words.c.in", values),
            "words": render("device_words_predict.c.in", values),
            "packed_words": render("device_words_packed.c.in", values),
        }
        return replace(sources, values={**sources.values, **added})

    def compiled(self, prefix: str, vectors: Vectors) -> tuple[Sequence[Kernel], Sequence[Table]]:
        """Nothing besides."""
        return (), ()
