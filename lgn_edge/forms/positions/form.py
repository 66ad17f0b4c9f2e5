"""The form of small machines for image layers: positions are bits of words; the gates behind are a tape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from lgn_edge.forms.form import Memory, Sources, Task, Vectors
from lgn_edge.forms.images.jobs import image_layers, jobs_of
from lgn_edge.forms.one_sample.sources import Code, one_sample_sources
from lgn_edge.forms.positions.cost import positions_cost
from lgn_edge.forms.positions.layout import lay_out
from lgn_edge.forms.positions.program import Positions
from lgn_edge.forms.positions.slots import Slots, slots_of
from lgn_edge.forms.prediction import Cost
from lgn_edge.forms.table.tape import Tape, make_tape
from lgn_edge.network import Network, flatten
from lgn_edge.network.layers import Int32Array
from lgn_edge.passes import simplify
from lgn_edge.passes.kernel_tables import BoolArray
from lgn_edge.passes.simplify_images import simplify_images
from lgn_edge.targets.target import Target

if TYPE_CHECKING:
    from lgn_edge.kernels.tir import Kernel
    from lgn_edge.kernels.tir import Table as Data

POSITIONS: Final = "positions"
_WORD_BITS: Final = 32


@dataclass(frozen=True)
class PositionsPart:
    """A network as `Positions`, and a `Tape` of the gates behind them.

    Attributes:
        network: gives the encoder and the head.
        positions: its image layers.
        slots: what the tape reads of them.
        tape: the other layers.
        target: the machine.
    """

    network: Network
    positions: Positions
    slots: Slots
    tape: Tape
    target: Target
    form: str = POSITIONS
    why: str = ""

    @property
    def n_gates(self) -> int:
        """Gates of the tape, and operations of words."""
        return self.tape.n_gates + self.positions.n_gates

    @property
    def n_slots(self) -> int:
        """Words of positions, and bytes that hold a bit."""
        return self.positions.n_words + self.tape.n_slots

    @property
    def input_bit(self) -> Int32Array:
        """The encoder's bits that are in words, plane by plane."""
        return self.positions.input_bit

    @property
    def memory(self) -> Memory:
        """Words, and behind them first what image layers keep there, then the slots."""
        behind = max(4 * self.n_values, self.tape.n_slots)
        return Memory(block=1, bytes=4 * (self.positions.n_words + -(-behind // 4)), align=4)

    def cost(self) -> Cost | None:
        """By the rates of the core."""
        return positions_cost(
            self.positions, self.slots, self.tape, self.network, self.input_bit, self.target, self.memory.bytes
        )

    @property
    def n_values(self) -> int:
        """Words besides that image layers work in: what halves leave for roots."""
        return self.positions.n_values

    def image_code(self, prefix: str) -> Code:
        """The kernels of the image layers, and C before them."""
        from lgn_edge.forms.positions.convolve import convolve

        return Code((convolve(self.positions, prefix),), (), ())

    def code(self, prefix: str) -> Code:
        """The kernels and the functions around them."""
        from lgn_edge.forms.one_sample.classify import COUNTING
        from lgn_edge.forms.one_sample.encode import sample_parameter, sample_type
        from lgn_edge.forms.positions.classify import classify_positions
        from lgn_edge.forms.positions.expand import expand
        from lgn_edge.forms.positions.pack import load, pack
        from lgn_edge.forms.table.kernels import run_tape
        from lgn_edge.kernels.encoding import comparisons

        bits, word = comparisons(self.network.encoder, self.input_bit), self.target.shape.word
        of_images = self.image_code(prefix)
        return Code(
            kernels=(
                pack(self.positions, bits, sample_parameter(bits), prefix),
                load(self.positions, word, prefix),
                *of_images.kernels,
                expand(self.positions, self.slots, self.tape.n_slots, prefix),
                run_tape(self.tape, self.network.head, prefix),
            ),
            before=(COUNTING, *of_images.before),
            behind=(classify_positions(prefix, sample_type(bits), word, self.positions.n_words),),
        )

    def sources(self, common: Mapping[str, object], vectors: Vectors) -> Sources:
        """All of it is C."""
        sources = one_sample_sources(self.code(f"lgn_{common['name']}"), common, vectors)
        aligned = f" ||\n        (uintptr_t)workspace % LGN_{common['NAME']}_WORKSPACE_ALIGN != 0u"
        return replace(sources, values={**sources.values, "cell": "uint32_t", "misaligned": aligned})

    def compiled(self, prefix: str, vectors: Vectors) -> tuple[Sequence[Kernel], Sequence[Data]]:
        """Nothing besides."""
        return (), ()


AnyPart = TypeVar("AnyPart", bound=PositionsPart)


@dataclass(frozen=True)
class PositionsForm:
    """Words of positions (`forms.form.Form`)."""

    name: str = POSITIONS
    stages: tuple[str, ...] = ("encode", "gates", "head")
    unpredicted: tuple[str, ...] = ("speed", "size", "balanced")

    def serves(self, task: Task) -> bool:
        """Networks with image layers whose positions lie in words, on machines without vector units.

        Where costs are not predicted, words must have less to do than there are gates at all places.
        """
        part = planned(PositionsPart, task)
        return part is not None and (part.cost() is not None or part.n_gates < task.circuit.n_gates)

    def plan(self, task: Task) -> PositionsPart:
        """The stages of the image layers, and the tape of the others."""
        part = planned(PositionsPart, task)
        assert part is not None, "serves() has looked"
        return part


def planned(kind: type[AnyPart], task: Task) -> AnyPart | None:
    """The network as a part of a kind.

    None on machines with vector units, and where no image layer stays or their positions do not lie in words.
    """
    if task.target.shape.lanes > 1:
        return None
    network = simplify_images(task.network)
    layers = image_layers(network)
    if not layers:
        return None
    circuit, _ = simplify(flatten(network, layers))
    live = _read(circuit.n_inputs, circuit.a, circuit.b, circuit.outputs)
    positions = lay_out(jobs_of(network, layers, live), layers, _WORD_BITS)
    if positions is None or not positions.stages:
        return None
    slots = slots_of(positions, live, _widths(network, layers))
    tape = make_tape(slots.read_by(circuit), network.head, loaded=np.arange(slots.size))
    return kind(task.network, positions, slots, tape, task.target)


def _widths(network: Network, layers: Sequence[int]) -> dict[int, int]:
    """Signals of the encoder and of the image layers, by source."""
    return {source: network.widths[source] for source in (0, *(i + 1 for i in layers))}


def _read(n_inputs: int, *readers: Int32Array) -> BoolArray:
    """Which inputs are read."""
    live = np.zeros(n_inputs, np.bool_)
    for signals in readers:
        live[signals[signals < n_inputs]] = True
    return live
