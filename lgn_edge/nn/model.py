"""A trainable logic gate network: encoder, logic layers and group sum."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from lgn_edge.checks import any_text, of_kind
from lgn_edge.errors import InputError
from lgn_edge.network.labels import as_names
from lgn_edge.network.samples import SCALE
from lgn_edge.nn.blocks import Blocks
from lgn_edge.nn.encoder import Threshold
from lgn_edge.nn.gate_layer import GateLayer
from lgn_edge.nn.kernels import cpu, gpu
from lgn_edge.nn.layers import GroupSum
from lgn_edge.nn.module import Module
from lgn_edge.nn.rows import Rows
from lgn_edge.nn.signals import real, require_bits, require_samples, require_signals, rows, with_axes_of
from lgn_edge.nn.tracing import recorded


class LogicGateNetwork(Module):
    """Encoder, logic layers and group sum; in evaluation mode exactly `discretise(self)`.

    Args:
        encoder: features to bits.
        layers: at least one; each reads what the one before writes.
        head: sums the last layer's signals a class.
        name: a word for people and files.
        class_names: one a class, or empty.
        provenance: free text by key (data set, recipe, accuracy); goes with the discrete network.

    Attributes:
        precision: torch.float32, or torch.bfloat16 to keep real-valued signals and all gradients of signals in 16 bits
            while training; what is computed and summed stays float32. It has no part in evaluation.

    Raises:
        InputError: the parts do not fit each other.
    """

    def __init__(
        self,
        encoder: Threshold,
        layers: Sequence[GateLayer],
        head: GroupSum,
        *,
        name: str = "network",
        class_names: Sequence[str] = (),
        provenance: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        of_kind(encoder, Threshold, "network: encoder", "a Threshold, such as Threshold.bits(16)")
        of_kind(layers, Iterable, "network: layers", "a list of layers")
        layers = tuple(layers)
        if not layers:
            raise InputError("network: no logic layer; it needs at least one")
        for i, layer in enumerate(layers):
            of_kind(layer, GateLayer, f"network: layer {i}", "a LogicDense or LookupDense")
        of_kind(head, GroupSum, "network: head", "a GroupSum")
        of_kind(provenance, Mapping | None, "network: provenance", "texts by name")
        width = encoder.out_features
        for i, layer in enumerate(layers):
            if layer.in_features != width:
                raise InputError(f"network: layer {i} reads {layer.in_features} signals but gets {width}")
            width = layer.out_features
        if head.in_features != width:
            raise InputError(f"network: the group sum reads {head.in_features} signals but gets {width}")
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

    @property
    def logic(self) -> tuple[GateLayer, ...]:
        """The logic layers."""
        return tuple(layer for layer in self.layers if isinstance(layer, GateLayer))

    @property
    def n_gates(self) -> int:
        """Gates of all layers."""
        return sum(layer.out_features for layer in self.logic)

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
        return scores if self.training or any(layer.soft for layer in self.logic) else scores.to(torch.int32)

    def predict(self, x: Tensor) -> Tensor:
        """Classes int64 [...] of samples [..., features]: the first maximum of `scores`."""
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
        require_samples(x, encoder.n_features, encoder.input_dtype, self.provenance.get(SCALE, ""))

    def _last_signals(self, bits: Tensor) -> Tensor | Blocks | Rows:
        require_signals(bits, self.encoder.out_features)
        if not (self.training or any(layer.soft for layer in self.logic)):
            require_bits(bits)
        kernels, bits = self.kernels(bits.device.type), rows(bits)
        signals: Tensor | Blocks | Rows
        if kernels == "torch":
            signals = real(bits, self._dtype).to(self._dtype)
        else:
            signals = Blocks.pack(bits) if kernels == "compiled" else Rows.pack(bits, self._dtype)
        for layer in self.layers:
            signals = layer(signals)
        return signals


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
