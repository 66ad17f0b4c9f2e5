"""What every layer of a logic gate network is: signals in, signals out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeVar

import torch
from torch import Tensor

from lgn_edge import network
from lgn_edge.nn.blocks import Blocks
from lgn_edge.nn.module import MeantModule
from lgn_edge.nn.rows import Rows
from lgn_edge.tables import Table, whole_numbers

Signals = TypeVar("Signals", Tensor, Blocks, Rows)  # as [..., signals], or of a batch in a kernel's layout
# Of the arguments of a layer, what says how it learns, and what its tensors say.
LEARNING: Final = ("estimator", "temperature", "init", "init_shift", "root", "seed")
IN_STATE: Final = ("lanes", "candidates", "channels")
Shape = tuple[int, ...]  # of signals: (signals,), or (channels, height, width) of an image


@dataclass(frozen=True, kw_only=True)
class LayerRecipe(Table, ABC):
    """How a layer is made; each kind of layer has its own.

    Attributes:
        reads: the sources of the layer: 0 is the encoder, i the layer before layer i, layers being counted from 0 and
            each as often as its `repeat` says; empty for the one before. Signals of several are concatenated.
    """

    TABLE: ClassVar = "layers"

    reads: tuple[int, ...] = whole_numbers((), least=0)

    @property
    def word(self) -> int:
        """How many signals are wired together: inputs come in multiples of it."""
        return 1

    @property
    @abstractmethod
    def gates_stored(self) -> int:
        """Gates that the layer stores, those of a kernel once."""

    @abstractmethod
    def make(self, given: Shape, seed: int) -> LogicLayer:
        """The untrained layer for signals of a shape.

        Raises:
            InputError: the layer cannot serve the shape.
        """


class LogicLayer(MeantModule):
    """A layer between the encoder and the head.

    Attributes:
        in_features: signals that it reads.
        out_features: signals that it writes.
    """

    KIND: ClassVar[str]
    CONFIG: ClassVar[tuple[str, ...]]  # arguments that describe every layer of the kind
    in_features: int
    out_features: int

    @property
    def out_shape(self) -> Shape:
        """(signals,), or (channels, height, width) where the signals are an image."""
        return (self.out_features,)

    @property
    @abstractmethod
    def n_applied(self) -> int:
        """Gates that a sample passes: those of a kernel at every place."""

    @property
    @abstractmethod
    def n_distinct(self) -> int:
        """Gates that are stored: those of a kernel once."""

    @abstractmethod
    def has_kernels(self, kernels: str) -> bool:
        """Whether the layer can compute with "compiled" or "triton" kernels in its present mode."""

    @abstractmethod
    def discrete_layers(self) -> tuple[network.Layer, ...]:
        """The layers of two-input gates that compute what this one does in evaluation mode."""

    def index_limits(self) -> dict[str, tuple[int, ...]]:
        """Tensors of the state that hold indices, each with what they stay below: one number, or one a column."""
        return {}

    def config(self) -> dict[str, Any]:
        """The arguments that make a layer of this kind; its state_dict holds the rest."""
        return {name: getattr(self, name) for name in self.CONFIG}

    def meaning(self) -> dict[str, Any]:
        """What its tensors mean: all arguments but those that say how it learns, and those that its tensors say."""
        free = (*LEARNING, *IN_STATE, "wiring")
        return {"kind": self.KIND} | {name: value for name, value in self.config().items() if name not in free}

    def extra_repr(self) -> str:
        """The arguments, for print."""
        return ", ".join(f"{name}={value!r}" for name, value in self.shown().items())

    def shown(self) -> dict[str, Any]:
        """The arguments that say something about this layer."""
        return self.config()


def joined(signals: Sequence[Signals]) -> Signals:
    """The signals of several sources of one batch as one, in their order."""
    first = signals[0]
    if len(signals) == 1:
        return first
    return torch.cat(list(signals), -1) if isinstance(first, Tensor) else type(first).join(signals)


def joined_shape(shapes: Sequence[Shape]) -> Shape:
    """The shape of `joined` signals: an image where all are images of one size."""
    if all(len(shape) == 3 and shape[1:] == shapes[0][1:] for shape in shapes):
        return (sum(shape[0] for shape in shapes), *shapes[0][1:])
    return (sum(torch.Size(shape).numel() for shape in shapes),)
