"""The steps of an epoch: one by one, or on a GPU as replays of one recorded step.

Both draw the same random numbers, and on a CPU they come to the same bits.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from lgn_edge.errors import InputError
from lgn_edge.nn import LogicGateNetwork
from lgn_edge.training.build import choices
from lgn_edge.training.evaluation import where_not_finite
from lgn_edge.training.plan import memory_suffices
from lgn_edge.training.processes import Processes
from lgn_edge.training.recipe import Recipe
from lgn_edge.training.replay import Replayed
from lgn_edge.training.samples import Samples, augmented

_NO_LABEL: Final = -100  # which cross-entropy leaves out
_WHOLE: Final = 16  # samples: rows of a multiple of it are read 16 bytes at once


@dataclass(frozen=True)
class Subject:
    """What the steps train, and on what.

    Attributes:
        recipe: how.
        model: in training mode, on the recipe's device.
        optimizer: of its parameters, see `make_optimizer`.
        samples: that it is trained on.
        targets: what it is to say of each, int64 classes [n] or float32 shares [n, classes].
        image: rows and columns of the samples, where they are images.
        processes: those that share every batch.
    """

    recipe: Recipe
    model: LogicGateNetwork
    optimizer: torch.optim.Optimizer
    samples: Samples
    targets: Tensor
    image: tuple[int, int] | None
    processes: Processes

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return -(-len(self.samples) // self.recipe.training.batch)

    def rates(self, progress: float) -> list[float]:
        """The learning rates of the optimiser's groups after a share of the training; 0 of what has learned."""
        schedule = self.recipe.training.schedule
        return [
            group["first_rate"] * rate(schedule, progress / group["until"]) if progress < group["until"] else 0.0
            for group in self.optimizer.param_groups
        ]

    def learn(self, progress: float) -> None:
        """Let those parameters take gradients that learn after a share of the training."""
        for group in self.optimizer.param_groups:
            for parameter in group["params"]:
                parameter.requires_grad_(progress < group["until"])

    def augmented(self, chosen: Tensor) -> Tensor:
        """Samples [chosen, features] changed at random."""
        data = self.recipe.data
        assert self.image
        return augmented(self.samples.raw(chosen), self.image, data.shift, data.flip)

    def refuse(self, epoch: int, step: int) -> InputError:
        """What to say about a loss that is not finite."""
        return InputError(
            f"training: the loss is not finite in epoch {epoch}, step {step + 1}{where_not_finite(self.model)};"
            " choose a smaller learning_rate or a larger tau"
        )


class Steps(ABC):
    """A way to go through the batches of an epoch."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.choices = choices(subject.recipe, subject.model)

    @abstractmethod
    def epoch(self, number: int) -> float:
        """Train on all samples in random order, in epoch 1, 2, ...; returns the sum of their losses.

        Raises:
            InputError: the loss of a step is not finite; the message says which, and where in the network. Or the
                memory does not suffice.
        """

    def progress(self, number: int) -> list[float]:
        """The share of the training before each step of an epoch."""
        steps = self.subject.steps
        return [((number - 1) * steps + step) / (self.subject.recipe.training.epochs * steps) for step in range(steps)]


class OneByOne(Steps):
    """Each step as Python calls it; its batch may be shared by several processes."""

    def epoch(self, number: int) -> float:
        """See `Steps`."""
        subject, training = self.subject, self.subject.recipe.training
        order, total = torch.randperm(len(subject.samples)), 0.0
        for step, progress in enumerate(self.progress(number)):
            subject.learn(progress)
            for group, rate in zip(subject.optimizer.param_groups, subject.rates(progress), strict=True):
                group["lr"] = rate
            for choice, wiring in self.choices:
                choice.temperature = wiring.temperature_at(progress)
            chosen = order[step * training.batch : (step + 1) * training.batch].to(training.device)
            with memory_suffices(training.device, training.batch):
                value = self._step(chosen)
            if value is None:
                raise subject.refuse(number, step)
            total += value * len(chosen)
        return total

    def _step(self, chosen: Tensor) -> float | None:
        """One step on a batch; returns its mean loss, or None where that is not finite."""
        subject, processes = self.subject, self.subject.processes
        logits = subject.model.logits(self._bits(chosen))
        targets = subject.targets[processes.part(chosen)]
        loss = cross_entropy(logits, targets, reduction="sum") / len(chosen)
        subject.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        value = loss.detach()
        processes.add([*(p.grad for p in subject.model.parameters() if p.grad is not None), value])
        if not math.isfinite(value):
            return None
        subject.optimizer.step()
        return float(value)

    def _bits(self, chosen: Tensor) -> Tensor:
        """The bits of this process's part of a batch; where samples are augmented, anew at each call."""
        subject, processes = self.subject, self.subject.processes
        if not subject.recipe.data.augments:
            return subject.samples.bits(processes.part(chosen))
        bits: Tensor = subject.model.encoder(processes.part(subject.augmented(chosen)))
        return bits


class Recorded(Steps):
    """One recorded step that reads all that changes from tensors, so that a GPU goes through an epoch without Python.

    Batches are filled up with samples that have no label, which changes neither sums nor gradients: the last one of an
    epoch, so that all are of one size, and each to a multiple of 16, so that a GPU reads rows of any batch widely.
    Whether losses are finite is looked at after the epoch; from the first one on that is not, the model stays as it
    was.
    """

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        training = subject.recipe.training
        assert subject.processes.count == 1
        device, groups = training.device, len(subject.optimizer.param_groups)
        # A CPU's optimiser computes with rates in float64, a GPU's reads them in float32.
        self._numbers = torch.float32 if device == "cuda" else torch.float64
        steps, width = subject.steps, -(-training.batch // _WHOLE) * _WHOLE
        self._at = torch.zeros(1, dtype=torch.int64, device=device)  # the step
        self._order = torch.zeros(steps, 2, width, dtype=torch.int64, device=device)  # samples, and their targets
        self._table = torch.zeros(steps, groups + len(self.choices) + 1, dtype=self._numbers, device=device)
        self._now = torch.zeros_like(self._table[:1])  # its row: rates, temperatures, 1 / samples of the batch
        self._losses = torch.zeros(steps, dtype=torch.float32, device=device)
        self._finite = torch.zeros((), dtype=torch.float32, device=device)  # 0, or not a number
        self._broken = torch.zeros((), dtype=torch.float32, device=device)  # 1 from the first broken loss on
        targets = subject.targets
        none = targets.new_full((1,), _NO_LABEL) if targets.ndim == 1 else torch.zeros_like(targets[:1])
        self._targets = torch.cat([targets, none])
        self._raw = subject.samples.raw(slice(0, 1)).repeat(width, 1) if subject.recipe.data.augments else None
        self._replayed: tuple[Any, Replayed] | None = None
        setattr(subject.optimizer, "found_inf", self._broken)  # noqa: B010  as torch's gradient scaler tells it

    def epoch(self, number: int) -> float:
        """See `Steps`."""
        subject, training = self.subject, self.subject.recipe.training
        order = torch.randperm(len(subject.samples))
        progress = self.progress(number)
        self._begin(order, progress)
        for step, share in enumerate(progress):
            if self._raw is not None:
                chosen = self._order[step, 0, : self._length(step)]
                self._raw[: len(chosen)] = subject.augmented(chosen)
            with memory_suffices(training.device, training.batch):
                self._recorded(share)()
        losses = self._losses.cpu().numpy()
        broken = np.flatnonzero(~np.isfinite(losses))
        if len(broken):
            raise subject.refuse(number, int(broken[0]))
        lengths = np.array([self._length(step) for step in range(subject.steps)])
        return sum(map(float, losses / lengths.astype(np.float32) * lengths.astype(np.float64)), 0.0)

    def _length(self, step: int) -> int:
        """Samples of a batch."""
        batch = self.subject.recipe.training.batch
        return min(batch, len(self.subject.samples) - step * batch)

    def _begin(self, order: Tensor, progress: list[float]) -> None:
        """Set the tensors to an epoch's first step."""
        subject, samples = self.subject, len(self.subject.samples)
        steps, _, width = self._order.shape
        batch = subject.recipe.training.batch
        planes = [  # filled up with any sample, and with no label
            pad(
                pad(order, (0, steps * batch - samples), value=none).reshape(steps, batch),
                (0, width - batch),
                value=none,
            )
            for none in (0, samples)
        ]
        self._order.copy_(torch.stack(planes, 1))
        rows = [
            [*subject.rates(share), *(wiring.temperature_at(share) for _, wiring in self.choices), 1 / self._length(i)]
            for i, share in enumerate(progress)
        ]
        self._table.copy_(torch.tensor(rows, dtype=torch.float64))
        for tensor in (self._at, self._finite, self._broken):
            tensor.zero_()

    def _recorded(self, progress: float) -> Replayed:
        """The step after a share of the training, recorded anew when others learn, or when something was drawn anew."""
        subject = self.subject
        learning = tuple(progress < group["until"] for group in subject.optimizer.param_groups)
        state = learning, tuple(buffer._version for buffer in subject.model.buffers())
        if self._replayed is None or self._replayed[0] != state:
            subject.learn(progress)
            self._replayed = None  # its memory is free now
            self._replayed = state, Replayed(self._step, subject.recipe.training.device)
        return self._replayed[1]

    def _step(self) -> None:
        """The step at `_at`."""
        subject = self.subject
        torch.index_select(self._table, 0, self._at, out=self._now)
        for group, rate in zip(subject.optimizer.param_groups, self._now[0], strict=False):
            group["lr"] = rate
        for i, (choice, wiring) in enumerate(self.choices, len(subject.optimizer.param_groups)):
            constant = wiring.temperature == wiring.temperature_end
            choice.temperature = wiring.temperature if constant else self._now[0, i]
        chosen, aims = self._order.index_select(0, self._at)[0]
        bits = subject.samples.bits(chosen) if self._raw is None else subject.model.encoder(self._raw)
        logits = subject.model.logits(bits)
        loss = cross_entropy(logits, self._targets[aims], reduction="sum")
        subject.optimizer.zero_grad()
        loss.backward(self._now[0, -1].to(loss.dtype))  # type: ignore[no-untyped-call]
        value = loss.detach()
        self._losses.index_copy_(0, self._at, value.unsqueeze(0))
        self._finite.add_(value, alpha=0)
        torch.ne(self._finite, self._finite, out=self._broken)
        subject.optimizer.step()
        self._at.add_(1)


def steps_of(subject: Subject) -> Steps:
    """How a subject is trained: on a GPU by a recorded step, where one process trains alone."""
    alone = subject.processes.count == 1
    return Recorded(subject) if subject.recipe.training.device == "cuda" and alone else OneByOne(subject)


def rate(schedule: str, progress: float) -> float:
    """The learning rate after a share of the training, in first rates."""
    return 0.5 + 0.5 * math.cos(math.pi * progress) if schedule == "cosine" else 1.0
