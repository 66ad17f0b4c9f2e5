"""The layers of a discrete network: encoder and logic layers; what follows them is in `heads`.

Each is an immutable record of numpy arrays that checks itself when it is made, so a layer that exists is legal.
`evaluate` is the definition of what the layer computes; every kernel, op and firmware is held against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lgn_edge.checks import MOST, whole_number
from lgn_edge.errors import InputError
from lgn_edge.network.bits import pack
from lgn_edge.network.samples import check_samples
from lgn_edge.network.truth_table import UInt8Array, Words, evaluate_gates

Int32Array = NDArray[np.int32]
Float32Array = NDArray[np.float32]

INPUT_DTYPES: Final = ("float32", "uint8")
MAX_SIGNALS: Final = 2**31 - 1  # wiring is int32
CACHED: Final = 2**15  # words of an operand that are evaluated together: what is computed on the way stays in the cache


class ArrayRecord:
    """Equality by value for frozen dataclasses that hold arrays (made with `eq=False`)."""

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))  # type: ignore[arg-type]

    __hash__ = None  # type: ignore[assignment]


def _same(left: object, right: object) -> bool:
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        return False
    return bool(left == right)


def frozen_array(values: ArrayLike, dtype: type[np.generic], what: str, ndim: int = 1) -> NDArray[Any]:
    """A read-only, contiguous array of exactly `dtype` with `ndim` dimensions.

    Raises:
        InputError: another number of dimensions, or a value does not survive the conversion.
    """
    given = np.asarray(values)
    if given.ndim != ndim:
        dimensions = "one-dimensional" if ndim == 1 else f"of {ndim} dimensions"
        raise InputError(f"{what} must be {dimensions}, found shape {given.shape}")
    if given.size and given.dtype.kind not in "biuf":
        raise InputError(f"{what} must be {np.dtype(dtype).name}, found {given.dtype}")
    with np.errstate(invalid="ignore", over="ignore"):
        array = np.array(given, dtype=dtype, order="C")
    changed = np.zeros(0, np.bool_) if given.dtype == array.dtype else array != given
    if changed.any() and not np.isnan(given[changed]).all():
        at = tuple(np.argwhere(changed)[0].tolist())
        place = ", ".join(map(str, at))
        raise InputError(f"{what}[{place}] is {given[at]}, which is not a value of {np.dtype(dtype).name}")
    array.setflags(write=False)
    return array


def keep_whole_numbers(record: object, what: str, *names: str) -> None:
    """Make plain whole numbers of fields of a record that is made: those of numpy are none to JSON.

    Raises:
        InputError: one is no whole number.
    """
    for name in names:
        number = whole_number(getattr(record, name), f"{what}: {name}", least=-MOST)
        object.__setattr__(record, name, number)


def check_wiring(indices: Int32Array, n_inputs: int, what: str) -> None:
    """Check that each index names one of `n_inputs` signals.

    Raises:
        InputError: names the first index out of range, its position and the legal range.
    """
    bad = (indices < 0) | (indices >= n_inputs)
    if bad.any():
        at = int(np.argmax(bad))
        raise InputError(f"{what}[{at}] is {int(indices[at])}, outside the {n_inputs} inputs 0..{n_inputs - 1}")


def check_tables(table: UInt8Array, what: str) -> None:
    """Check that each table is one of a 2-input gate.

    Raises:
        InputError: names the first that is not.
    """
    if table.size and table.max() > 15:
        at = tuple(np.argwhere(table > 15)[0].tolist())
        raise InputError(f"{what}[{', '.join(map(str, at))}] is {int(table[at])}; a 2-input gate is 0..15")


def signal_index(start: int, count: int) -> Int32Array:
    """`count` signals in a row from `start` on."""
    return np.arange(start, start + count, dtype=np.int32)


@dataclass(frozen=True, eq=False)
class Threshold(ArrayRecord):
    """The encoder: bit i of a sample x is `x[feature[i]] > threshold[i]`, compared in float32; NaN gives 0.

    A thermometer is a Threshold in which several bits watch one feature; inputs that are bits already are features with
    the threshold 0.5 (see `bits`). With `minus`, bit i is `x[feature[i]] - x[minus[i]] > threshold[i]`: an edge of an
    image is a difference of neighbouring pixels.

    Attributes:
        n_features: features of a sample.
        feature: int32[bits], the feature that each bit watches.
        threshold: float32[bits], finite.
        input_dtype: "float32" or "uint8", the type of a feature in the model's interface.
        minus: int32[bits], the feature that is subtracted, -1 where none is; None where no bit has one. For uint8
            features only, whose differences are exact.
    """

    n_features: int
    feature: Int32Array
    threshold: Float32Array
    input_dtype: str = "float32"
    minus: Int32Array | None = None

    def __post_init__(self) -> None:
        keep_whole_numbers(self, "encoder", "n_features")
        object.__setattr__(self, "feature", frozen_array(self.feature, np.int32, "encoder: feature"))
        object.__setattr__(self, "threshold", frozen_array(self.threshold, np.float32, "encoder: threshold"))
        if self.n_features < 1:
            raise InputError(f"encoder: n_features is {self.n_features}; a sample needs at least one feature")
        if len(self.feature) < 1:
            raise InputError("encoder: no bits; give at least one (feature, threshold) pair")
        if len(self.feature) != len(self.threshold):
            raise InputError(f"encoder: {len(self.feature)} features, {len(self.threshold)} thresholds; one each a bit")
        if not np.isfinite(self.threshold).all():
            raise InputError("encoder: a threshold is not finite")
        if self.input_dtype not in INPUT_DTYPES:
            raise InputError(f"encoder: input_dtype is {self.input_dtype!r}, not one of {', '.join(INPUT_DTYPES)}")
        check_wiring(self.feature, self.n_features, "encoder: feature")
        object.__setattr__(self, "minus", self._checked_minus())

    def _checked_minus(self) -> Int32Array | None:
        if self.minus is None:
            return None
        minus = frozen_array(self.minus, np.int32, "encoder: minus")
        if len(minus) != len(self.feature):
            raise InputError(f"encoder: {len(self.feature)} features, {len(minus)} of minus; one each a bit")
        if (minus == -1).all():
            return None
        if self.input_dtype != "uint8":
            raise InputError(
                f"encoder: differences are of uint8 features, which they keep exact, and these are {self.input_dtype};"
                " give the samples as uint8, or leave out minus"
            )
        check_wiring(np.where(minus == -1, 0, minus), self.n_features, "encoder: minus")
        return minus

    @classmethod
    def bits(cls, n: int) -> Threshold:
        """The encoder for n inputs that are bits already (uint8 0 or 1)."""
        return cls(n, np.arange(n, dtype=np.int32), np.full(n, 0.5, np.float32), "uint8")

    @property
    def n_outputs(self) -> int:
        """Bits of an encoded sample."""
        return len(self.feature)

    @property
    def is_edge(self) -> NDArray[np.bool_]:
        """bool[bits], those that compare a difference of two features."""
        return np.zeros(self.n_outputs, np.bool_) if self.minus is None else np.asarray(self.minus >= 0)

    @property
    def scale(self) -> str:
        """The greatest value of a feature, as far as thresholds tell: "1" where features are bits, else ""."""
        bits = self.input_dtype == "uint8" and self.minus is None and bool((self.threshold < 1).all())
        return "1" if bits else ""

    def check(self, samples: ArrayLike) -> NDArray[Any]:
        """`samples` as an array [n, n_features] of the input type.

        Raises:
            InputError: another shape, or a type that does not convert without loss.
        """
        return check_samples(samples, self.n_features, self.input_dtype, "the model", trained=self.scale)

    def evaluate(self, samples: ArrayLike) -> Words:
        """Packed bits uint64[bits, ceil(n / 64)] of samples [n, n_features]."""
        x = self.check(samples).astype(np.float32, copy=False)
        values = x[:, self.feature]
        if self.minus is not None:
            values -= np.pad(x, ((0, 0), (0, 1)))[:, self.minus]  # -1 is the last one, a 0
        return pack(values > self.threshold)


class Layer(Protocol):
    """A logic layer: bits in, bits out (`LogicDense`; `LogicConv2d` and `OrPool2d` are in `convolution`)."""

    @property
    def n_inputs(self) -> int:
        """Signals the layer reads."""

    @property
    def n_outputs(self) -> int:
        """Signals the layer writes."""

    @property
    def n_distinct(self) -> int:
        """Gates that the layer stores: those of a kernel once."""

    @property
    def n_applied(self) -> int:
        """Gates that a sample passes: those of a kernel at every place."""

    def arrays(self) -> Iterator[object]:
        """All that decides what the layer computes: numbers and arrays that differ where two layers differ."""

    def evaluate(self, words: Words) -> Words:
        """Packed outputs [n_outputs, words] of packed inputs [n_inputs, words]."""

    def gates(self) -> tuple[UInt8Array, Int32Array, Int32Array, Int32Array]:
        """The layer as a netlist.

        Returns:
            table uint8[G], a and b int32[G] (signal i < n_inputs is input i, signal n_inputs + g is gate g, gates in
            topological order), outputs int32[n_outputs] (the signal of each output).
        """


@dataclass(frozen=True, eq=False)
class LogicDense(ArrayRecord):
    """A layer of 2-input gates with free wiring: output g is gate `table[g]` of inputs `a[g]` and `b[g]`.

    Attributes:
        n_inputs: signals of the layer before.
        a, b: int32[gates], first and second input of each gate.
        table: uint8[gates], truth table ids 0..15 (see `truth_table`).
    """

    n_inputs: int
    a: Int32Array
    b: Int32Array
    table: UInt8Array

    def __post_init__(self) -> None:
        keep_whole_numbers(self, "logic layer", "n_inputs")
        object.__setattr__(self, "a", frozen_array(self.a, np.int32, "logic layer: a"))
        object.__setattr__(self, "b", frozen_array(self.b, np.int32, "logic layer: b"))
        object.__setattr__(self, "table", frozen_array(self.table, np.uint8, "logic layer: table"))
        if not len(self.a) == len(self.b) == len(self.table):
            raise InputError(
                f"logic layer: {len(self.a)} a, {len(self.b)} b and {len(self.table)} table entries; one each a gate"
            )
        if len(self.table) < 1:
            raise InputError("logic layer: zero gates; a layer needs at least one")
        if self.n_inputs < 1:
            raise InputError(f"logic layer: n_inputs is {self.n_inputs}; a layer needs at least one input")
        check_wiring(self.a, self.n_inputs, "logic layer: a")
        check_wiring(self.b, self.n_inputs, "logic layer: b")
        check_tables(self.table, "logic layer: table")

    @property
    def n_outputs(self) -> int:
        """Gates of the layer."""
        return len(self.table)

    @property
    def n_distinct(self) -> int:
        """Gates of the layer."""
        return len(self.table)

    @property
    def n_applied(self) -> int:
        """Gates of the layer."""
        return len(self.table)

    def arrays(self) -> Iterator[object]:
        """All that decides what the layer computes (see `Layer.arrays`)."""
        yield from (self.n_inputs, *self.gates())

    def evaluate(self, words: Words) -> Words:
        """Packed outputs [gates, words] of packed inputs [n_inputs, words]."""
        result = np.empty((self.n_outputs, words.shape[1]), words.dtype)
        gates = max(1, CACHED // max(1, words.shape[1]))
        for start in range(0, self.n_outputs, gates):
            here = slice(start, start + gates)
            result[here] = evaluate_gates(self.table[here], words[self.a[here]], words[self.b[here]])
        return result

    def gates(self) -> tuple[UInt8Array, Int32Array, Int32Array, Int32Array]:
        """The layer as a netlist (see `Layer.gates`)."""
        return self.table, self.a, self.b, signal_index(self.n_inputs, self.n_outputs)
