"""What a form is: how a machine runs a part of a network. The contract that each folder here fills.

A network is a sequence of stages (`stages`). A form takes one stage or several in a row, plans them for a target, and
the plan of an artifact is a sequence of such parts. Whoever builds walks over the parts and asks nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from lgn_edge.forms.prediction import Cost
from lgn_edge.forms.rows.few import Convolutions
from lgn_edge.network import Circuit, Network
from lgn_edge.network.layers import Int32Array
from lgn_edge.targets.target import Target

if TYPE_CHECKING:
    from lgn_edge.kernels.tir import Kernel, Table


def stages(network: Network) -> tuple[str, ...]:
    """What a network consists of, in the order that data passes it: an encoder, logic layers of a kind, a head."""
    return "encode", "gates", "head"


@dataclass(frozen=True)
class Task:
    """What a form is asked to plan.

    Attributes:
        network: whose encoder and head the part has.
        circuit: its logic layers, simplified.
        target: the machine.
        optimize: what the result shall be best at: "speed", "size" or "balanced".
        convolutions: the image layers that stay what they are; `circuit` reads their outputs then (see `rows.split`).
    """

    network: Network
    circuit: Circuit
    target: Target
    optimize: str
    convolutions: Convolutions | None = None


@dataclass(frozen=True)
class Memory:
    """What a part works in.

    Attributes:
        block: samples that are evaluated together.
        bytes: of the workspace.
        align: of the workspace, in bytes.
    """

    block: int
    bytes: int
    align: int


@dataclass(frozen=True)
class Vectors:
    """What an artifact tests itself with.

    Attributes:
        samples: [n, features] of the network's input type.
        scores: int32[n, classes], the reference's.
    """

    samples: NDArray[Any]
    scores: Int32Array


@dataclass(frozen=True)
class Sources:
    """What a part adds to an artifact's sources.

    Attributes:
        files: the text of C files, by their names in src/.
        data: other files, by their paths in the folder.
        templates: of deploy/artifact/, by the paths of what they become; "{name}" in them is the model's identifier.
        values: what templates are filled with, these and all others.
        notes: what the report says of its kernels, by what they are for.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, bytes] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, object] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)


class Part(Protocol):
    """Stages of a network, planned in a form for a target."""

    @property
    def form(self) -> str:
        """The name of the form."""

    @property
    def why(self) -> str:
        """It is as it is, where the form had a choice; empty where it had none."""

    @property
    def n_gates(self) -> int:
        """Gates that run."""

    @property
    def n_slots(self) -> int:
        """Places for values that are alive."""

    @property
    def input_bit(self) -> Int32Array:
        """int32[live inputs], the encoder's bit that each input takes."""

    @property
    def memory(self) -> Memory:
        """What it works in."""

    def cost(self) -> Cost | None:
        """What it will need, before anything is compiled; None where nothing is known about the core."""

    def sources(self, common: Mapping[str, object], vectors: Vectors) -> Sources:
        """Its C sources, given what all templates are filled with; symbols begin with `lgn_NAME_`."""

    def compiled(self, prefix: str, vectors: Vectors) -> tuple[Sequence[Kernel], Sequence[Table]]:
        """The kernels that TVM compiles for the target, and tables that other sources read; symbols begin so."""


class Form(Protocol):
    """One way to run stages."""

    @property
    def name(self) -> str:
        """In reports and messages; the form's folder is called so."""

    @property
    def stages(self) -> tuple[str, ...]:
        """The kinds of stages in a row that it takes together."""

    @property
    def unpredicted(self) -> tuple[str, ...]:
        """The aims ("speed", "size", "balanced") that it is taken for on cores without a prediction."""

    def serves(self, task: Task) -> bool:
        """Whether it is worth planning: for this target, and a network of this size."""

    def plan(self, task: Task) -> Part:
        """The stages in this form."""
