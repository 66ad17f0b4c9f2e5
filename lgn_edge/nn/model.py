"""A trainable logic gate network: encoder, logic layers and group sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lgn_edge.checks import any_text, of_kind
from lgn_edge.errors import InputError
from lgn_edge.network.labels import as_names
from lgn_edge.network.network import checked_reads
from lgn_edge.network.samples import SCALE
from lgn_edge.nn.blocks import Blocks
from lgn_edge.nn.convolution import LogicConv2d, OrPool2d
from lgn_edge.nn.encoder import Threshold
from lgn_edge.nn.gate_layer import GateLayer, made_at_once
from lgn_edge.nn.kernels import cpu, gpu
from lgn_edge.nn.layers import GroupSum
from lgn_edge.nn.logic_layer import LogicLayer, Signals, joined
from lgn_edge.nn.module import MeantModule
from lgn_edge.nn.rows import Rows
from lgn_edge.nn.signals import real, require_bits, require_samples, require_signals, rows, with_axes_of
from lgn_edge.nn.tracing import computed, recorded


class LogicGateNetwork(MeantModule):
    """Encoder, logic layers and group sum; in evaluation mode exactly what `lgn_edge.nn.discretise` makes of it.

    Args:
        encoder: features to bits.
        layers: at least one.
        head: sums the last layer's signals a class.
        name: a word for people and files.
        class_names: one a class, or empty.
        provenance: free text by key (data set, recipe, accuracy); goes with the discrete network.
        reads: what each layer reads, as in `network.Network`: 0 is the encoder, i the layer before layer i, and signals
            of several are concatenated in that order. Empty where each layer reads the one before.

    Attributes:
        precision: torch.float32, or torch.bfloat16 to keep real-valued signals and all gradients of signals in 16 bits
            while training; what is computed and summed stays float32. It has no part in evaluation.

    Raises:
        InputError: the parts do not fit each other.
    """

    def __init__(
        self,
        encoder: Threshold,
        layers: Sequence[LogicLayer],
        head: GroupSum,
        *,
        name: str = "network",
        class_names: Sequence[str] = (),
        provenance: Mapping[str, str] | None = None,
        reads: Sequence[Sequence[int]] = (),
    ) -> None:
        super().__init__()
        of_kind(encoder, Threshold, "network: encoder", "a Threshold, such as Threshold.bits(16)")
        of_kind(layers, Iterable, "network: layers", "a list of layers")
        layers = tuple(layers)
        if not layers:
            raise InputError("network: no logic layer; it needs at least one")
        for i, layer in enumerate(layers):
            of_kind(layer, LogicLayer, f"network: layer {i}", "a layer of lgn_edge.nn, such as a LogicDense")
        of_kind(head, GroupSum, "network: head", "a GroupSum")
        of_kind(provenance, Mapping | None, "network: provenance", "texts by name")
        self.sources = checked_reads(reads, len(layers))
        widths = [encoder.out_features, *(layer.out_features for layer in layers)]
        for i, (layer, sources) in enumerate(zip(layers, self.sources, strict=True)):
            width = sum(widths[source] for source in sources)
            if layer.in_features != width:
                raise InputError(f"network: layer {i} reads {layer.in_features} signals but gets {width}")
        if head.in_features != widths[-1]:
            raise InputError(f"network: the group sum reads {head.in_features} signals but gets {widths[-1]}")
        none = isinstance(class_names, list | tuple) and not class_names
        names = () if none else as_names(class_names, "network:")
        if names and len(names) != head.classes:
            raise InputError(f"network: {len(names)} class names for {head.classes} classes")
        self.encoder = encoder
        self.layers = nn.ModuleList(layers)
        self.head = head
        self.name = any_text(name, "network: name")
        self.class_names = names
        self.provenance = {
            any_text(key, "network: a key of provenance"): any_text(value, f"network: provenance {key!r}")
            for key, value in (provenance or {}).items()
        }
        self.precision = torch.float32
        self._checked = (0, 0)

    @property
    def logic(self) -> tuple[LogicLayer, ...]:
        """The layers between encoder and head."""
        return tuple(layer for layer in self.layers if isinstance(layer, LogicLayer))

    @property
    def gate_layers(self) -> tuple[GateLayer, ...]:
        """Those of them that have gates to learn."""
        return tuple(layer for layer in self.layers if isinstance(layer, GateLayer))

    @property
    def n_gates(self) -> int:
        """Gates that a sample passes: those of a kernel at every place."""
        return sum(layer.n_applied for layer in self.logic)

    @property
    def n_distinct(self) -> int:
        """Gates that the layers store: those of a kernel once."""
        return sum(layer.n_distinct for layer in self.logic)

    def meaning(self) -> dict[str, Any]:
        """What each layer reads."""
        return {"reads": self.sources}

    def forward(self, x: Tensor) -> Tensor:
        """Logits float32 [..., classes] of samples [..., features] of the encoder's input type."""
        self._require_samples(x)
        return self.logits(self.encoder.encode(x) if self.encoder.offset is None else self.encoder(x))

    def logits(self, bits: Tensor) -> Tensor:
        """Logits of samples that are encoded already, bits [..., bits] as bool, whole or real numbers.

        Raises:
            InputError: they have another shape, or, in evaluation mode, are no bits.
        """
        logits: Tensor = self.head(self._last_signals(bits))
        return with_axes_of(logits, bits)

    def scores(self, x: Tensor) -> Tensor:
        """Sums a class of samples [..., features]; see `bit_scores`."""
        self._require_samples(x)
        return self.bit_scores(self.encoder.encode(x))

    @torch.no_grad()
    def bit_scores(self, bits: Tensor) -> Tensor:
        """Sums a class [..., classes] of encoded samples [..., bits].

        int32 ones counted in evaluation mode; float32 in training mode and under `soft_evaluation`.
        """
        scores = with_axes_of(self.head.scores(self._last_signals(bits)), bits)
        return scores if self.training or any(layer.soft for layer in self.gate_layers) else scores.to(torch.int32)

    def predict(self, x: Tensor) -> Tensor:
        """Classes int64 [...] of samples [..., features]: the first maximum of `scores`.

        Raises:
            InputError: the head has one class, so it gives a score and decides nothing.
        """
        if self.head.classes == 1:
            raise InputError("the network gives one score and has no classes; read `scores`, or `model(x)` for logits")
        return self.scores(x).argmax(-1)

    def kernels(self, device_type: str) -> str:
        """What computes the layers on a device in their present mode: "compiled" (C), "triton" or "torch"."""
        if recorded():
            return "torch"
        usable = {
            "triton": gpu.usable(device_type),
            "compiled": cpu.usable(device_type) and self._dtype == torch.float32,
        }
        able = (name for name, here in usable.items() if here and all(layer.has_kernels(name) for layer in self.logic))
        return next(able, "torch")

    @property
    def _dtype(self) -> torch.dtype:
        return self.precision if self.training else torch.float32

    def _require_samples(self, x: Tensor) -> None:
        encoder = self.encoder
        require_samples(
            x, encoder.n_features, encoder.input_dtype, lambda: self.provenance.get(SCALE, encoder.greatest())
        )
        self._require_features(encoder.feature)

    def _require_features(self, feature: Tensor) -> None:
        """Check the features that the encoder watches, once for each state: after `to_empty` they are anything."""
        if not computed() or feature.is_meta or feature.is_inference():
            return
        state = id(feature), feature._version
        if state != self._checked:
            if not bool(((feature >= 0) & (feature < self.encoder.n_features)).all()):
                raise InputError(
                    f"encoder: it watches features beyond its {self.encoder.n_features}; load its state again"
                )
            self._checked = state

    def _last_signals(self, bits: Tensor) -> Any:
        for _, signals in self.walk(self._first_signals(bits)):
            last = signals
        return last

    def _first_signals(self, bits: Tensor) -> Any:
        """Bits [..., bits] in the layout of the kernels that compute the layers now."""
        require_signals(bits, self.encoder.out_features)
        if not (self.training or any(layer.soft for layer in self.gate_layers)):
            require_bits(bits)
        kernels, bits = self.kernels(bits.device.type), rows(bits)
        if kernels == "torch":
            return real(bits, self._dtype).to(self._dtype)
        if kernels == "compiled":
            return Blocks.pack(bits)
        made = {} if torch.compiler.is_compiling() else made_at_once(self.gate_layers)
        return Rows.pack(bits, self._dtype, made)

    @torch.no_grad()
    def activations(self, bits: Tensor) -> Iterator[tuple[int, Tensor]]:
        """What layers write for encoded samples [batch, bits]: the number of a layer, and its signals [batch, signals].

        A convolution whose only reader is a pool is left out where kernels compute the two together.
        """
        for i, signals in self.walk(self._first_signals(bits)):
            yield i, signals if isinstance(signals, Tensor) else signals.tensor()

    def walk(self, first: Signals) -> Iterator[tuple[int, Signals]]:
        """The signals of each layer; each is kept until its last reader has it."""
        last_read = {source: i for i, sources in enumerate(self.sources) for source in sources}
        pools: Mapping[int, int] = {} if isinstance(first, Tensor) else self.pools
        kept = {0: first}
        for i, (layer, sources) in enumerate(zip(self.logic, self.sources, strict=True)):
            if i in pools.values():
                continue
            signals, at = joined([kept[source] for source in sources]), pools.get(i, i)
            signals = layer(signals) if at == i else layer(signals, self.layers[at])
            kept = {source: old for source, old in kept.items() if last_read.get(source, 0) > at}
            kept[at + 1] = signals
            yield at, signals

    @property
    def pools(self) -> dict[int, int]:
        """Convolutions that one pool reads and nobody else, each with this pool, which directly follows it."""
        readers = Counter(source for sources in self.sources for source in sources)
        kinds = tuple(map(type, self.layers))
        return {
            i: i + 1
            for i in range(len(kinds) - 1)
            if kinds[i : i + 2] == (LogicConv2d, OrPool2d) and self.sources[i + 1] == (i + 1,) and readers[i + 1] == 1
        }


@contextmanager
def soft_evaluation(model: nn.Module) -> Iterator[None]:
    """Within the block, evaluation mode computes the soft (real-valued) gates of all logic layers, without noise.

    The difference between the accuracy here and the ordinary one is the discretisation gap.
    """
    of_kind(model, nn.Module, "model", "a module")
    layers = [module for module in model.modules() if isinstance(module, GateLayer)]
    before = [layer.soft for layer in layers]
    try:
        for layer in layers:
            layer.soft = True
        yield
    finally:
        for layer, soft in zip(layers, before, strict=True):
            layer.soft = soft
