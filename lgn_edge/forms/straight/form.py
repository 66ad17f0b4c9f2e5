"""The form of small machines that shall be fast: straight-line code, an expression a gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.forms.form import Memory, Sources, Task, Vectors
from lgn_edge.forms.one_sample.encoder import loading_order
from lgn_edge.forms.one_sample.sources import Code, one_sample_sources
from lgn_edge.forms.prediction import Cost
from lgn_edge.forms.straight.cost import UNROLL, straight_cost
from lgn_edge.forms.straight.register_program import RegisterProgram, register_program
from lgn_edge.forms.table.tape import Tape, make_tape
from lgn_edge.network import Circuit, Network
from lgn_edge.network.layers import Int32Array
from lgn_edge.passes.polarity import input_polarity
from lgn_edge.passes.push_complements import push_complements
from lgn_edge.targets.target import Target

if TYPE_CHECKING:
    from lgn_edge.kernels.tir import Kernel, Table

STRAIGHT: Final = "straight"
_LARGEST: Final = {"speed": 10_000, "balanced": 4_000, "size": 1_000}  # gates, and outputs; beyond, it is not looked at


@dataclass(frozen=True)
class StraightPart:
    """A network as a `RegisterProgram`.

    Attributes:
        network: gives the encoder and the head.
        circuit: the gates that run, for inputs of which some are complemented.
        tape: gives the order in which inputs are loaded; a word of samples walks it.
        complemented: bool[live inputs], in that order, the inputs that are stored as their complements.
        steps: the code, step by step.
        target: the machine.
    """

    network: Network
    circuit: Circuit
    tape: Tape
    complemented: NDArray[np.bool_]
    steps: RegisterProgram
    target: Target
    form: str = STRAIGHT
    why: str = ""

    @property
    def slot(self) -> str:
        """The type of a slot: a byte, or a word where values are written and read again, as the stack has words."""
        core = self.target.core
        return f"uint{core.register_bits}" if core.values else "uint8"

    @property
    def n_gates(self) -> int:
        """Gates that run."""
        return self.circuit.n_gates

    @property
    def n_slots(self) -> int:
        """Places on the stack that hold a bit."""
        return self.steps.n_slots

    @property
    def input_bit(self) -> Int32Array:
        """The encoder's bit in each of the first slots."""
        return self.tape.input_bit

    @property
    def memory(self) -> Memory:
        """The slots are on the stack, so it needs none, and C at least one."""
        return Memory(block=1, bytes=1, align=1)

    def cost(self) -> Cost | None:
        """By the rates of the core."""
        slots_bytes = np.dtype(self.slot).itemsize * self.n_slots
        return straight_cost(self.steps, slots_bytes, self.network, self.input_bit, self.complemented, self.target)

    def code(self, prefix: str) -> Code:
        """The kernels and the functions around them."""
        from lgn_edge.forms.one_sample.classify import COUNTING, KEEP
        from lgn_edge.forms.one_sample.encode import load_one, pack_one, sample_type
        from lgn_edge.forms.straight.classify import classify_straight, gates_are_inlined
        from lgn_edge.forms.straight.kernels import MACROS, straight
        from lgn_edge.kernels.encoding import comparisons

        bits, word = comparisons(self.network.encoder, self.input_bit), self.target.shape.word
        head, core, slot, n_slots = self.network.head, self.target.core, self.slot, self.n_slots
        return Code(
            kernels=(
                pack_one(bits, self.complemented, slot, n_slots, prefix, UNROLL),
                load_one(self.input_bit, self.complemented, slot, n_slots, word, prefix),
                straight(self.circuit, head, self.steps, slot, core, prefix),
            ),
            before=(COUNTING, KEEP, MACROS, *([gates_are_inlined(prefix, slot)] if core.values else [])),
            behind=(classify_straight(prefix, sample_type(bits), word, slot, n_slots, head.n_outputs),),
        )

    def sources(self, common: Mapping[str, object], vectors: Vectors) -> Sources:
        """All of it is C."""
        return one_sample_sources(self.code(f"lgn_{common['name']}"), common, vectors)

    def compiled(self, prefix: str, vectors: Vectors) -> tuple[Sequence[Kernel], Sequence[Table]]:
        """Nothing besides."""
        return (), ()


@dataclass(frozen=True)
class Straight:
    """Straight-line code (`forms.form.Form`)."""

    name: str = STRAIGHT
    stages: tuple[str, ...] = ("encode", "gates", "head")
    unpredicted: tuple[str, ...] = ("speed",)

    def serves(self, task: Task) -> bool:
        """Machines without vector units, while the code stays small enough for its aim."""
        largest = max(task.circuit.n_gates, len(task.circuit.outputs))
        return task.target.shape.lanes == 1 and largest <= _LARGEST[task.optimize]

    def plan(self, task: Task) -> StraightPart:
        """The code, its registers allocated for the core."""
        network, circuit, core = task.network, task.circuit, task.target.core
        tape = make_tape(circuit, network.head, loading_order(network.encoder))
        polarity = input_polarity(circuit) if core.fused else np.zeros(circuit.n_inputs, np.bool_)
        pushed = push_complements(circuit, polarity)
        steps = register_program(
            pushed, network.head, tape.input_bit, values=core.values, totals=core.totals, fused=core.fused
        )
        return StraightPart(network, pushed, tape, polarity[tape.input_bit], steps, task.target)
