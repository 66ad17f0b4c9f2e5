"""The torch module in eval mode: the network as it was trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lgn_edge.errors import UnsupportedError
from lgn_edge.network import LogicDense, Network, Prediction
from lgn_edge.network.heads import MAX_CLASSES
from lgn_edge.verification.subject import Runner, Samples, Subject

if TYPE_CHECKING:
    from lgn_edge.nn import LogicGateNetwork


@dataclass(frozen=True)
class TorchBackend:
    """The module of a checkpoint (see `Backend`)."""

    name: str = "torch"
    max_samples: int | None = None
    probe_classes: int = MAX_CLASSES

    def version(self) -> str:
        """The torch package."""
        try:
            return f"torch {version('torch')}"
        except PackageNotFoundError:
            return "torch"

    def available(self, subject: Subject) -> str | None:
        """Needs torch and a checkpoint."""
        if find_spec("torch") is None:
            return "torch is not installed: pip install 'lgn-edge[train]'"
        return None if subject.checkpoint else "no checkpoint is given: --checkpoint DIR"

    def given(self, subject: Subject) -> Path | None:
        """The checkpoint's folder."""
        return subject.checkpoint

    @contextmanager
    def prepare(self, subject: Subject) -> Iterator[Runner]:
        """The checkpoint's module, or one rebuilt from the network (a probe has no checkpoint)."""
        import torch

        if subject.checkpoint is None:
            model = rebuild(subject.network)
        else:
            from lgn_edge.training import load_checkpoint

            model = load_checkpoint(subject.checkpoint)
        model.eval()
        encoder = subject.network.encoder

        def run(samples: Samples) -> Prediction:
            x = torch.from_numpy(np.array(encoder.check(samples)))
            scores = model.scores(x)
            decision = scores.argmax(1).numpy().astype(np.uint16) if subject.network.head.decides else None
            return Prediction(scores.numpy(), decision)

        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # the batches are small
        try:
            yield run
        finally:
            torch.set_num_threads(threads)


def rebuild(network: Network) -> LogicGateNetwork:
    """A module whose discrete form is `network`."""
    import torch

    from lgn_edge import nn

    layers = []
    for i, layer in enumerate(network.layers):
        if not isinstance(layer, LogicDense):
            raise UnsupportedError(f"layer {i} is a {type(layer).__name__}; a torch module is made of LogicDense only")
        module = nn.LogicDense(layer.n_inputs, layer.n_outputs, parametrization="light", seed=0)
        corners = layer.table[:, None] >> np.array([3, 2, 1, 0], np.uint8) & 1
        with torch.no_grad():
            module.a.copy_(torch.tensor(layer.a))
            module.b.copy_(torch.tensor(layer.b))
            module.weight.copy_(torch.tensor(corners, dtype=torch.float32) - 0.5)
        layers.append(module)
    encoder, head = network.encoder, network.head
    return nn.LogicGateNetwork(
        nn.Threshold(encoder.n_features, encoder.feature, encoder.threshold, encoder.input_dtype, encoder.minus),
        layers,
        nn.GroupSum(head.n_inputs, head.n_outputs, *(head.scale or ())),
        name=network.name,
    )
