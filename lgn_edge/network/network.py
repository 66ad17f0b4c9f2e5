"""A discrete logic gate network as layers. Its `evaluate` is the definition of correct."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Integral
from textwrap import shorten
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lgn_edge.errors import InputError
from lgn_edge.network.heads import Head, first_maximum
from lgn_edge.network.layers import ArrayRecord, Int32Array, Layer, Threshold
from lgn_edge.network.samples import SCALE, check_samples
from lgn_edge.network.truth_table import Words
from lgn_edge.words import listed, printable

_LAYERS_SHOWN, _WIDTH = 5, 80  # of a network that is printed
_CHUNK = 4096  # samples evaluated at a time; bounds the memory of the reference


@dataclass(frozen=True, eq=False)
class Prediction(ArrayRecord):
    """What every form of a network returns for n samples.

    Attributes:
        scores: int32[n, outputs of the head]: ones counted a class; one number; or bits.
        decision: uint16[n], the class of each sample, the first maximum of its scores; None where the head decides
            nothing.
    """

    scores: Int32Array
    decision: NDArray[np.uint16] | None

    @classmethod
    def of(cls, scores: Int32Array, *, decides: bool) -> Prediction:
        """The prediction that follows from the scores of a head that decides or does not."""
        return cls(scores, first_maximum(scores) if decides else None)

    @property
    def classes(self) -> NDArray[np.uint16]:
        """The decision of a network that has classes.

        Raises:
            InputError: the network gives a score or bits.
        """
        if self.decision is None:
            raise InputError("the network gives a score or bits and has no classes; read `scores`")
        return self.decision


@dataclass(frozen=True, eq=False)
class Network(ArrayRecord):
    """Encoder, logic layers and head, with what a user needs to know about them.

    Attributes:
        encoder: features to bits.
        layers: at least one logic layer.
        head: what the last layer's bits mean: classes, a score, or bits.
        name: a word for people and files.
        class_names: one an output of the head, a class, a score or a bit; or empty.
        provenance: free text by key (dataset, recipe, accuracy, version); not part of what the network computes.
        reads: what each layer reads: 0 is the encoder, i the layer before layer i; signals of several are
            concatenated in that order. Empty where each layer reads the one before (see `sources`).
        feature_names: one a feature, or empty.
    """

    encoder: Threshold
    layers: tuple[Layer, ...]
    head: Head
    name: str = "network"
    class_names: tuple[str, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    reads: tuple[tuple[int, ...], ...] = ()
    feature_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        object.__setattr__(self, "class_names", tuple(self.class_names))
        object.__setattr__(self, "feature_names", tuple(self.feature_names))
        object.__setattr__(self, "provenance", MappingProxyType(dict(self.provenance)))
        if not self.layers:
            raise InputError("network: no logic layer; it needs at least one")
        reads = checked_reads(self.reads, len(self.layers))
        object.__setattr__(self, "reads", () if reads == _chain(len(self.layers)) else reads)
        for i, (layer, sources) in enumerate(zip(self.layers, self.sources, strict=True)):
            given = sum(self.widths[source] for source in sources)
            if layer.n_inputs != given:
                raise InputError(f"network: layer {i} reads {layer.n_inputs} signals but gets {given}")
        if self.head.n_inputs != self.widths[-1]:
            raise InputError(f"network: the head reads {self.head.n_inputs} signals but gets {self.widths[-1]}")
        if self.class_names and len(self.class_names) != self.head.n_outputs:
            raise InputError(f"network: {len(self.class_names)} class names for {self.head.n_outputs} outputs")
        if self.feature_names and len(self.feature_names) != self.encoder.n_features:
            raise InputError(f"network: {len(self.feature_names)} names of {self.encoder.n_features} features")

    def __repr__(self) -> str:
        """What it is in about ten lines: sizes, not values."""
        layers = [
            f"layer {i:<3} {type(layer).__name__}, {layer.n_inputs:,} -> {layer.n_outputs:,}"
            + ("" if reads == (i,) else f", reads {' '.join(map(str, reads))}")
            for i, (layer, reads) in enumerate(zip(self.layers, self.sources, strict=True))
        ]
        if len(layers) > _LAYERS_SHOWN + 1:
            layers[_LAYERS_SHOWN - 1 : -1] = [f"... {len(layers) - _LAYERS_SHOWN:,} more layers"]
        encoder, head = self.encoder, self.head
        noun = "classes" if head.decides else "outputs"
        lines = [
            f"Network {printable(self.name)}, {self.gates_text}",
            f"encoder   {encoder.n_features:,} features {encoder.input_dtype} -> {encoder.n_outputs:,} bits",
            *layers,
            f"head      {type(head).__name__}, {head.n_inputs:,} -> {head.n_outputs:,}",
            *([f"{noun}   {shorten(listed(self.class_names), _WIDTH)}"] if self.class_names else []),
        ]
        return "\n  ".join(lines)

    def _repr_html_(self) -> str:
        """The same in a notebook."""
        return f"<pre>{html.escape(repr(self))}</pre>"

    @property
    def n_gates(self) -> int:
        """Gates that a sample passes, before any simplification: those of a kernel at every place."""
        return sum(layer.n_applied for layer in self.layers)

    @property
    def n_distinct(self) -> int:
        """Gates that the network stores, before any simplification: those of a kernel once."""
        return sum(layer.n_distinct for layer in self.layers)

    @property
    def gates_text(self) -> str:
        """How many gates there are, in words: those that a sample passes, and those stored where they are fewer."""
        stored = f" at all places, {self.n_distinct:,} stored" if self.n_distinct != self.n_gates else ""
        return f"{self.n_gates:,} gates{stored}"

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Signals of the encoder, then of each layer."""
        return (self.encoder.n_outputs, *(layer.n_outputs for layer in self.layers))

    @cached_property
    def sources(self) -> tuple[tuple[int, ...], ...]:
        """What each layer reads, as `reads`, chains included."""
        return self.reads or _chain(len(self.layers))

    @property
    def scale(self) -> str:
        """The greatest value of a feature in training, where it is known, else ""."""
        return self.provenance.get(SCALE, self.encoder.scale)

    def fingerprint(self) -> str:
        """sha256, hexadecimal, of all that decides a prediction: encoder, wiring, tables, head; not the names."""
        digest = hashlib.sha256(b"lgn-edge network 1")

        def add(*values: object) -> None:
            for value in values:
                data = value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
                digest.update(len(data).to_bytes(8, "little") + data)

        add(self.encoder.n_features, self.encoder.input_dtype, self.encoder.feature, self.encoder.threshold)
        if self.encoder.minus is not None:
            add("minus", self.encoder.minus)
        for layer in self.layers:
            add(*layer.arrays())
        if self.reads:
            add(self.reads)
        add(self.head.n_outputs, *(self.head.scale or ()))
        return digest.hexdigest()

    def activations(self, samples: ArrayLike) -> Iterator[Words]:
        """Packed bits after the encoder, then after each layer: uint64[signals, ceil(n / 64)]."""
        last_read = {source: i for i, reads in enumerate(self.sources) for source in reads}
        kept = {0: self.encoder.evaluate(samples)}
        yield kept[0]
        for i, (layer, reads) in enumerate(zip(self.layers, self.sources, strict=True)):
            sources = [kept[source] for source in reads]
            words = layer.evaluate(sources[0] if len(sources) == 1 else np.concatenate(sources))
            kept = {source: old for source, old in kept.items() if last_read.get(source, 0) > i}
            kept[i + 1] = words
            yield words

    def check(self, samples: ArrayLike, *, scale: float | None = None) -> NDArray[Any]:
        """`samples` as an array [n, features] of the encoder's input type.

        Args:
            samples: of that type, or one that converts to it without loss.
            scale: multiply them by this first, and round them for uint8: features of 0..1 to those of training.

        Raises:
            InputError: another shape or type; the message says the scale that training used, where it is known.
        """
        features, dtype = self.encoder.n_features, self.encoder.input_dtype
        return check_samples(samples, features, dtype, "the model", trained=self.scale, scale=scale)

    def evaluate(self, samples: ArrayLike, *, scale: float | None = None) -> Prediction:
        """Scores and classes of samples [n, features], any n, 0 included; see `check`.

        Raises:
            InputError: the samples have another shape or type than the encoder's.
        """
        x = self.check(samples, scale=scale)
        scores = np.empty((len(x), self.head.n_outputs), np.int32)
        for start in range(0, len(x), _CHUNK):
            chunk = x[start : start + _CHUNK]
            for words in self.activations(chunk):
                last = words
            scores[start : start + _CHUNK] = self.head.evaluate(last, len(chunk))
        return Prediction.of(scores, decides=self.head.decides)


def _chain(layers: int) -> tuple[tuple[int, ...], ...]:
    return tuple((i,) for i in range(layers))


def checked_reads(reads: Sequence[Sequence[Any]], layers: int) -> tuple[tuple[int, ...], ...]:
    """What each of so many layers reads, each the one before where nothing is given.

    Raises:
        InputError: not one entry a layer, an entry that is empty or names something twice, or a layer that would read
            itself or a later one.
    """
    if not reads:
        return _chain(layers)
    if len(reads) != layers:
        raise InputError(f"network: reads has {len(reads)} entries for {layers} layers; give one each, or none at all")
    for i, sources in enumerate(reads):
        if not sources or len(set(sources)) != len(sources):
            raise InputError(f"network: layer {i} reads {list(sources)}; name at least one source, and none twice")
        for source in sources:
            if isinstance(source, bool) or not isinstance(source, Integral) or not 0 <= int(source) <= i:
                may = f"0..{i}, where 0 is the encoder and {i} what is before it" if i else "0 only, the encoder"
                raise InputError(f"network: layer {i} reads {source!r}; it may read {may}")
    return tuple(tuple(map(int, sources)) for sources in reads)
