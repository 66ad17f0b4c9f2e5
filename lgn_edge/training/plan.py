"""What a recipe will take, before anything runs: gates, parameters and memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import torch

from lgn_edge.errors import InputError
from lgn_edge.nn import LogicConv2d, LogicGateNetwork, LookupDense
from lgn_edge.nn.gate_layer import GateLayer
from lgn_edge.training.recipe import Recipe

_FLOAT = 4
_CORNERS = 4  # numbers that a gate has at least
_ADAM = 4  # numbers that a parameter takes: itself, its gradient and two moments
_CHOICE = 3  # numbers that a choice's logit takes besides: its share of the softmax, and two gradients
_TREE = 8  # numbers that torch keeps of a gate at one place of a convolution: inputs, what it computes, gradients
_REAL = 3  # real-valued rows of a signal that are alive at once: its values, its gradient and a temporary


@dataclass(frozen=True)
class Layer:
    """One layer of a plan.

    Attributes:
        kind: of the layer, as in a recipe.
        inputs: signals that it reads.
        gates: gates that a sample passes, those of a kernel at every place.
        gates_stored: gates that it stores, those of a kernel once.
        outputs: signals that it writes.
        wiring: its name; none of a pool.
        parameters: learnable numbers of gates and choices.
    """

    kind: str
    inputs: int
    gates: int
    gates_stored: int
    outputs: int
    wiring: str
    parameters: int


@dataclass(frozen=True)
class Plan:
    """What training takes.

    Attributes:
        layers: one entry a layer.
        kernels: what computes the layers: "compiled" (C), "triton" or "torch".
        steps: training steps in all.
        parameter_bytes: parameters, the optimiser's moments, and what a step computes of them.
        sample_bytes: signals and gradients of one sample of a batch.
        data_bytes: the data set, encoded or raw.
        batch: samples of a step.
        varying: shares of channels that vary before training, by layer (see `evaluation.varying`); empty if not
            measured.
    """

    layers: tuple[Layer, ...]
    kernels: str
    steps: int
    parameter_bytes: int
    sample_bytes: int
    data_bytes: int
    batch: int
    varying: Mapping[int, float] = field(default_factory=dict)

    @property
    def gates(self) -> int:
        """Gates that a sample passes."""
        return sum(layer.gates for layer in self.layers)

    @property
    def gates_stored(self) -> int:
        """Gates that all layers store."""
        return sum(layer.gates_stored for layer in self.layers)

    @property
    def parameters(self) -> int:
        """Learnable numbers of all layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def memory_bytes(self) -> int:
        """About what the process will hold at most, beside torch itself."""
        return self.parameter_bytes + self.batch * self.sample_bytes + self.data_bytes

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        names = ("gates", "gates_stored", "parameters", "kernels", "steps", "batch", "memory_bytes")
        layers = [vars(layer) for layer in self.layers]
        varying = {str(i): share for i, share in self.varying.items()}
        return {"layers": layers, "varying": varying, **{name: getattr(self, name) for name in names}}


@dataclass(frozen=True)
class OutlinedLayer:
    """What a recipe says of a layer without its data (see `Layer`)."""

    kind: str
    gates_stored: int
    wiring: str


@dataclass(frozen=True)
class Outline:
    """What a recipe says of a plan without its data; the rest follows from the features and the number of samples.

    Attributes:
        layers: one entry a layer.
        epochs: of the training.
        batch: samples of a step.
    """

    layers: tuple[OutlinedLayer, ...]
    epochs: int
    batch: int

    @classmethod
    def of(cls, recipe: Recipe) -> Outline:
        """That of a recipe."""
        layers = tuple(
            OutlinedLayer(
                layer.KIND, layer.gates_stored, wiring.KIND if (wiring := getattr(layer, "wiring", None)) else ""
            )
            for layer in recipe.layers
        )
        return cls(layers, recipe.training.epochs, recipe.training.batch)

    @property
    def gates_stored(self) -> int:
        """Gates that all layers store."""
        return sum(layer.gates_stored for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        """Plain values, by the names that those of a plan have."""
        names = ("gates_stored", "epochs", "batch")
        return {"layers": [vars(layer) for layer in self.layers], **{name: getattr(self, name) for name in names}}


def make_plan(recipe: Recipe, model: LogicGateNetwork, samples: int, features: int) -> Plan:
    """The plan of a recipe.

    Args:
        recipe: how it is trained.
        model: its untrained network.
        samples: that it is trained on.
        features: bytes of a sample as it is kept.
    """
    layers = tuple(
        Layer(
            layer.KIND,
            layer.in_features,
            layer.n_applied,
            layer.n_distinct,
            layer.out_features,
            layer.wiring if isinstance(layer, GateLayer) else "",
            sum(p.numel() for p in layer.parameters()),
        )
        for layer in model.logic
    )
    discrete = all(layer.discrete and not isinstance(layer, LookupDense) for layer in model.train().gate_layers)
    kernels, number = model.kernels(recipe.training.device), model.precision.itemsize
    choices = sum(layer.choice.logits.numel() for layer in model.gate_layers if layer.choice)
    written = [layer.outputs for i, layer in enumerate(layers) if kernels == "torch" or i not in model.pools]
    signals = model.encoder.out_features + sum(written)
    widest = max(*written, *(layer.inputs for layer in layers[1:]), 0)
    # With packed bits only the gradients of two neighbouring layers are real numbers.
    packed = discrete and kernels != "torch"
    sample = signals // 8 + 2 * widest * number if packed else _REAL * signals * number
    if kernels == "torch":
        sample += sum(_TREE * layer.gates for layer in layers if layer.kind == LogicConv2d.KIND) * _FLOAT
        sample += sum(_of_candidates(model)) * _FLOAT
    if kernels == "triton":
        sample += max(_of_leaves(model), default=0) * _FLOAT
    return Plan(
        layers,
        kernels,
        recipe.training.epochs * -(-samples // recipe.training.batch),
        (_ADAM * sum(layer.parameters for layer in layers) + _CHOICE * choices) * _FLOAT,
        sample,
        samples * features,
        recipe.training.batch,
    )


def _of_leaves(model: LogicGateNetwork) -> Iterator[int]:
    """How many gradients of leaves a sample has in each convolution; those of one are there at a time."""
    for i, layer in enumerate(model.logic):
        if isinstance(layer, LogicConv2d):
            yield 2**layer.depth * model.logic[model.pools.get(i, i)].out_features


def require_memory(plan: Plan, available: int | None) -> None:
    """Refuse a plan that does not fit.

    Raises:
        InputError: it needs more than is available; the message says the batch that would fit.
    """
    if available is None or plan.memory_bytes <= available:
        return
    rest = available - plan.parameter_bytes - plan.data_bytes
    batch = rest // plan.sample_bytes
    mend = f"choose batch {batch} or fewer" if batch >= 1 else "no batch fits: choose a smaller network"
    raise InputError(f"training needs about {_gib(plan.memory_bytes)} of memory and {_gib(available)} are free; {mend}")


def require_memory_for_weights(recipe: Recipe, available: int | None) -> None:
    """Refuse a recipe whose network cannot even be made.

    Raises:
        InputError: its gates alone take more memory than is available.
    """
    gates = sum(layer.gates_stored for layer in recipe.layers)
    least = gates * _CORNERS * _FLOAT
    if available is not None and least > available:
        raise InputError(
            f"the recipe's {gates:,} gates take {_gib(least)} of memory at least, and {_gib(available)} are free;"
            " choose a smaller network"
        )


@contextmanager
def memory_suffices(device: str, batch: int) -> Iterator[None]:
    """Say what to do where a step takes more memory than was planned, or than others leave.

    Raises:
        InputError: within the block, torch was refused memory.
    """
    try:
        yield
    except RuntimeError as error:
        refused = isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
        if not refused:
            raise
        mend = f"choose batch {batch // 2} or fewer" if batch > 1 else "choose a smaller network"
        raise InputError(f"training: out of memory on {device} in a step of batch {batch}; {mend}") from error


def require_device(device: str) -> None:
    """Refuse a device that is not here.

    Raises:
        InputError: a GPU was asked for and torch finds none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device is cuda, but torch finds no GPU that it can use; set device to cpu")


def free_memory(device: str) -> int | None:
    """Bytes of a device that a process can still get, or None where the system does not say (no Linux)."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")), None)


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"


def _of_candidates(model: LogicGateNetwork) -> Iterator[int]:
    """How many signals a sample's candidates are, in each layer of learned wiring; those of a kernel at every place."""
    for layer in model.gate_layers:
        if layer.choice:
            yield layer.choice.candidates.numel() * prod(layer.out_shape[1:])
