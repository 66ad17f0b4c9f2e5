"""The form of small machines that shall stay small: loops over a tape of gates, a byte a bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.forms.form import Memory, Sources, Task, Vectors
from lgn_edge.forms.one_sample.encoder import loading_order, unrolled
from lgn_edge.forms.one_sample.sources import Code, one_sample_sources
from lgn_edge.forms.prediction import Cost
from lgn_edge.forms.table.cost import table_cost
from lgn_edge.forms.table.tape import Tape, make_tape
from lgn_edge.network import Circuit, Network
from lgn_edge.network.layers import Int32Array
from lgn_edge.targets.target import Target

if TYPE_CHECKING:
    from lgn_edge.kernels.tir import Kernel
    from lgn_edge.kernels.tir import Table as Data

TABLE: Final = "table"
_SLOT: Final = "uint8"


@dataclass(frozen=True)
class TablePart:
    """A network as a `Tape`.

    Attributes:
        network: gives the encoder and the head.
        circuit: the gates that run.
        tape: what the loops walk.
        target: the machine.
    """

    network: Network
    circuit: Circuit
    tape: Tape
    target: Target
    form: str = TABLE
    why: str = ""

    @property
    def n_gates(self) -> int:
        """Gates that run."""
        return self.circuit.n_gates

    @property
    def n_slots(self) -> int:
        """Bytes that hold a bit."""
        return self.tape.n_slots

    @property
    def input_bit(self) -> Int32Array:
        """The encoder's bit in each of the first slots."""
        return self.tape.input_bit

    @property
    def complemented(self) -> NDArray[np.bool_]:
        """bool[live inputs], the inputs that are stored as their complements: none."""
        return np.zeros(len(self.input_bit), np.bool_)

    @property
    def memory(self) -> Memory:
        """The slots."""
        return Memory(block=1, bytes=self.n_slots, align=1)

    def cost(self) -> Cost | None:
        """By the rates of the core."""
        return table_cost(self.tape, self.network, self.target)

    def code(self, prefix: str) -> Code:
        """The kernels and the functions around them."""
        from lgn_edge.forms.one_sample.classify import COUNTING
        from lgn_edge.forms.one_sample.encode import load_one, pack_one, sample_type
        from lgn_edge.forms.table.classify import classify_table
        from lgn_edge.forms.table.kernels import run_tape
        from lgn_edge.kernels.encoding import comparisons

        bits, word = comparisons(self.network.encoder, self.input_bit), self.target.shape.word
        return Code(
            kernels=(
                pack_one(bits, self.complemented, _SLOT, self.n_slots, prefix, unrolled(self.input_bit)),
                load_one(self.input_bit, self.complemented, _SLOT, self.n_slots, word, prefix),
                run_tape(self.tape, self.network.head, prefix),
            ),
            before=(COUNTING,),
            behind=(classify_table(prefix, sample_type(bits), word),),
        )

    def sources(self, common: Mapping[str, object], vectors: Vectors) -> Sources:
        """All of it is C."""
        return one_sample_sources(self.code(f"lgn_{common['name']}"), common, vectors)

    def compiled(self, prefix: str, vectors: Vectors) -> tuple[Sequence[Kernel], Sequence[Data]]:
        """Nothing besides."""
        return (), ()


@dataclass(frozen=True)
class Table:
    """Loops over a tape (`forms.form.Form`)."""

    name: str = TABLE
    stages: tuple[str, ...] = ("encode", "gates", "head")
    unpredicted: tuple[str, ...] = ("size", "balanced")

    def serves(self, task: Task) -> bool:
        """Machines without vector units."""
        return task.target.shape.lanes == 1

    def plan(self, task: Task) -> TablePart:
        """The tape of the circuit."""
        tape = make_tape(task.circuit, task.network.head, loading_order(task.network.encoder))
        return TablePart(task.network, task.circuit, tape, task.target)
