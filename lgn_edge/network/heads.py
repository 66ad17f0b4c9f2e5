"""The heads of a discrete network: what becomes of the bits of the last logic layer.

Every head gives int32 numbers for each sample, the scores, each the number of ones in a block of its inputs. Heads
differ in what the scores mean: counts of classes, one number, or bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from lgn_edge.errors import InputError
from lgn_edge.network.bits import unpack
from lgn_edge.network.layers import MAX_SIGNALS, ArrayRecord, Float32Array, Int32Array, keep_whole_numbers
from lgn_edge.network.truth_table import Words

MAX_CLASSES: Final = 65535  # a class fits uint16 in the artifact's interface


class Head(Protocol):
    """What turns the bits of the last layer into scores: output o counts the ones of its contiguous block of inputs."""

    __dataclass_fields__: ClassVar[dict[str, Any]]  # a record: `replace` gives it another `n_inputs`

    @property
    def n_inputs(self) -> int:
        """Signals of the last logic layer."""

    @property
    def n_outputs(self) -> int:
        """Scores of a sample; divides n_inputs."""

    @property
    def group(self) -> int:
        """Inputs of a score."""

    @property
    def decides(self) -> bool:
        """Whether the first maximum of the scores is the class of a sample."""

    @property
    def scale(self) -> tuple[float, float] | None:
        """Tau and beta of `logits = (score + beta) / tau`, float32 values; None where scores have no logits."""

    def evaluate(self, words: Words, samples: int) -> Int32Array:
        """Scores int32[samples, n_outputs] of packed bits [n_inputs, words]."""


@dataclass(frozen=True, eq=False)
class GroupSum(ArrayRecord):
    """Class c counts the ones of its contiguous block of inputs (Petersen et al. 2022, section 3.2).

    With one class it gives a score, a number of each sample (regression, anomaly detection), and decides nothing.

    Attributes:
        n_inputs: signals of the last logic layer.
        classes: blocks; divides n_inputs.
        tau, beta: float32 values of `logits = (score + beta) / tau`; they never change the class.
    """

    n_inputs: int
    classes: int
    tau: float = 1.0
    beta: float = 0.0

    def __post_init__(self) -> None:
        keep_whole_numbers(self, "group sum", "n_inputs", "classes")
        if not 1 <= self.classes <= MAX_CLASSES:
            raise InputError(f"group sum: {self.classes} classes; legal are 1..{MAX_CLASSES}")
        if self.n_inputs < 1 or self.n_inputs % self.classes:
            raise InputError(
                f"group sum: {self.classes} classes do not divide the {self.n_inputs} outputs of the last layer;"
                " choose a width that is a multiple of the classes"
            )
        tau, beta = float(np.float32(self.tau)), float(np.float32(self.beta))
        if not (np.isfinite(tau) and tau > 0 and np.isfinite(beta)):
            raise InputError(f"group sum: tau is {self.tau} and beta {self.beta}; tau must be positive, both finite")
        object.__setattr__(self, "tau", tau)
        object.__setattr__(self, "beta", beta)

    @property
    def n_outputs(self) -> int:
        """The classes."""
        return self.classes

    @property
    def group(self) -> int:
        """Inputs of a class."""
        return self.n_inputs // self.classes

    @property
    def decides(self) -> bool:
        """Whether there is more than one class."""
        return self.classes > 1

    @property
    def scale(self) -> tuple[float, float]:
        """Tau and beta."""
        return self.tau, self.beta

    def evaluate(self, words: Words, samples: int) -> Int32Array:
        """Scores int32[samples, classes] of packed bits [n_inputs, words]."""
        bits = unpack(words, samples).reshape(samples, self.classes, self.group)
        scores: Int32Array = bits.sum(axis=2, dtype=np.int32)
        return scores

    def logits(self, scores: Int32Array) -> Float32Array:
        """`(score + beta) / tau` in float32, shape of `scores`."""
        return (scores.astype(np.float32) + np.float32(self.beta)) / np.float32(self.tau)


@dataclass(frozen=True, eq=False)
class Bits(ArrayRecord):
    """The bits of the last layer as they are: the head of a circuit. A score is a bit, 0 or 1.

    Attributes:
        n_inputs: signals of the last logic layer.
    """

    n_inputs: int

    def __post_init__(self) -> None:
        keep_whole_numbers(self, "bits", "n_inputs")
        if not 1 <= self.n_inputs <= MAX_SIGNALS:
            raise InputError(f"bits: {self.n_inputs} outputs; legal are 1..{MAX_SIGNALS}")

    @property
    def n_outputs(self) -> int:
        """As many as inputs."""
        return self.n_inputs

    @property
    def group(self) -> int:
        """One input a score."""
        return 1

    @property
    def decides(self) -> bool:
        """Never: bits are no classes."""
        return False

    @property
    def scale(self) -> None:
        """None: bits have no logits."""
        return None

    def evaluate(self, words: Words, samples: int) -> Int32Array:
        """Bits int32[samples, n_inputs], 0 or 1, of packed bits [n_inputs, words]."""
        return unpack(words, samples).astype(np.int32)


def first_maximum(scores: Int32Array) -> NDArray[np.uint16]:
    """Class uint16[n] of scores int32[n, classes]: the first maximum."""
    classes: NDArray[np.uint16] = scores.argmax(axis=1).astype(np.uint16)
    return classes
