"""Learned wiring: each gate input chooses among K candidate signals (arXiv 2511.12340).

Forward every input reads the candidate with the largest logit, so the network that is trained has the wiring that is
exported. Backward the choice has the gradient of the softmax over its logits (straight-through).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from lgn_edge.errors import InputError
from lgn_edge.nn import blocks
from lgn_edge.nn.estimator import straight_through
from lgn_edge.nn.module import Module
from lgn_edge.nn.wiring import Wiring, distinct
from lgn_edge.tables import positive, share, whole

_NOISE = 0.1  # of the first logits: which candidate comes first is random, and no choice is made yet


@dataclass(frozen=True)
class LearnedWiring(Wiring):
    """How a layer's wiring is learned.

    Attributes:
        candidates: that each gate input chooses from; more than there are means all.
        rate: learning rate of the choices in the first step.
        temperature: of the choices in the first step.
        temperature_end: in the last one; in between it changes by the same factor each step.
        redraw: share of an input's candidates, the least likely ones, that new ones replace after an epoch.
        redraw_until: share of the epochs after which candidates stay.
    """

    KIND: ClassVar = "learned"

    candidates: int = whole(32, least=2)
    rate: float = positive(0.05)
    temperature: float = positive(1.0)
    temperature_end: float = positive(1.0)
    redraw: float = share(0.0)
    redraw_until: float = share(0.5)

    def arguments(self) -> dict[str, Any]:
        """What `LogicDense` is made with."""
        return super().arguments() | {"candidates": self.candidates}

    def temperature_at(self, progress: float) -> float:
        """The temperature after a share of the training, 0 to 1, by geometric interpolation."""
        return self.temperature * math.exp(progress * math.log(self.temperature_end / self.temperature))


@dataclass(frozen=True)
class LearnedAlignedWiring(LearnedWiring):
    """The same for words of gates, which choose together.

    Attributes:
        lanes: bits of a word.
    """

    KIND: ClassVar = "learned-aligned"

    lanes: int = whole(32, least=1)

    @property
    def word(self) -> int:
        """The bits of a word."""
        return self.lanes

    def arguments(self) -> dict[str, Any]:
        """What `LogicDense` is made with."""
        return super().arguments() | {"lanes": self.lanes}


class Choice(Module):
    """The choices of a layer's gate inputs.

    Args:
        n_inputs: signals of the layer before.
        gates: gates of the layer.
        candidates: K, for each gate input; at most `n_inputs`.
        lanes: gates that choose together; with more than one the wiring stays aligned (see `wiring.aligned`), and an
            input chooses a word (and a rotation, for the second input).
        generator: source of randomness.

    Attributes:
        logits: float32 [2, gates / lanes, K]; those of first inputs, then those of second ones.
        candidates: int32 [2, gates, K], values 0..n_inputs - 1, different in each row.
        temperature: divides the logits in the softmax, a smaller one decides earlier; a number, or a tensor of one.

    Raises:
        InputError: more candidates than there are, or sizes that are no multiples of the lanes.
    """

    candidates: Tensor

    @torch.inference_mode(False)
    def __init__(
        self, n_inputs: int, gates: int, candidates: int, *, lanes: int = 1, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.n_inputs, self.lanes = n_inputs, lanes
        self.temperature: float | Tensor = 1.0
        for what, count in (("inputs", n_inputs), ("gates", gates)):
            if count % lanes:
                raise InputError(
                    f"logic layer: aligned wiring needs {what} in words of {lanes} but has {count};"
                    f" choose a multiple such as {-(-count // lanes) * lanes}"
                )
        most = n_inputs // lanes
        if not 2 <= candidates <= most:
            raise InputError(
                f"logic layer: {candidates} candidates for an input; learned wiring needs 2 to {most} of {n_inputs}"
                f" inputs, and at least {2 * lanes} inputs"
            )
        drawn, logits = self._first(gates // lanes, candidates, generator)
        self.register_buffer("candidates", drawn)
        self.logits = nn.Parameter(logits)

    def _first(self, words: int, k: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """First candidates and logits."""
        drawn = distinct(2 * words, k, self.n_inputs // self.lanes, generator).reshape(2, words, k)
        return self._signals(drawn, generator), _NOISE * torch.randn(2, words, k, generator=generator)

    def _signals(self, words: Tensor, generator: torch.Generator | None) -> Tensor:
        """Candidates of the gates [2, gates, K] from words [2, gates / lanes, K]; second inputs are rotated."""
        lane = torch.arange(self.lanes)[:, None]
        rotation = torch.randint(self.lanes, words[1:].shape, generator=generator)
        rotation = torch.cat([torch.zeros_like(rotation), rotation]).unsqueeze(2)
        signals = words.unsqueeze(2) * self.lanes + (lane + rotation) % self.lanes  # [2, words, lanes, K]
        return signals.flatten(1, 2).to(torch.int32)

    def wires(self) -> tuple[Tensor, Tensor]:
        """The chosen inputs a and b, int32 [gates], and no gradient; the first of equal logits."""
        a, b = self.signals(self.chosen()).unbind(0)
        return a.contiguous(), b.contiguous()

    def chosen(self) -> Tensor:
        """The candidate that each input reads, int64 [2, gates]; the first of equal logits."""
        return self._gates(blocks.argmax(self.logits.detach()).unsqueeze(2)).squeeze(2)

    def signals(self, which: Tensor) -> Tensor:
        """The signals that candidates [2, gates] are, int32 [2, gates]."""
        return self.candidates.gather(2, which.unsqueeze(2)).squeeze(2)

    def share(self) -> Tensor:
        """Weights [2, gates, K] of candidates: 1 for the chosen, 0 for others, with the gradient of `soft`."""
        chosen = self._gates(one_hot(blocks.argmax(self.logits.detach()), self.logits.shape[2]))
        soft = self.soft()
        return straight_through(chosen.to(soft.dtype), soft)

    def soft(self) -> Tensor:
        """Softmax [2, gates, K] of the logits divided by the temperature."""
        plain = not isinstance(self.temperature, Tensor) and self.temperature == 1
        logits = self.logits if plain else self.logits / self.temperature
        return self._gates(logits.softmax(2))

    def _gates(self, rows: Tensor) -> Tensor:
        return rows if self.lanes == 1 else rows.repeat_interleave(self.lanes, 1)

    @torch.no_grad()
    def redraw(self, share: float, generator: torch.Generator | None = None) -> None:
        """Replace the least likely candidates of each input by new ones, at its mean logit.

        Args:
            share: of the candidates that are replaced, rounded down.
            generator: source of randomness.
        """
        k = self.logits.shape[2]
        count = int(share * k)
        if not count:
            return
        worst = self.logits.topk(count, dim=2, largest=False).indices
        words = torch.randint(self.n_inputs // self.lanes, worst.shape, generator=generator)
        self.logits.scatter_(2, worst, self.logits.mean(2, keepdim=True).expand_as(worst).contiguous())
        self.candidates.scatter_(2, self._gates(worst), self._signals(words, generator).to(worst.device))

    @torch.no_grad()
    def renew(self, words: Tensor, generator: torch.Generator | None = None) -> None:
        """Draw candidates and logits of some words of gates anew, bool [gates / lanes]."""
        _, count, k = self.logits.shape
        candidates, logits = self._first(count, k, generator)
        self.logits[:, words] = logits.to(self.logits)[:, words]
        gates = words.repeat_interleave(self.lanes)
        self.candidates[:, gates] = candidates.to(self.candidates)[:, gates]


def mixture(x: Tensor, candidates: Tensor, share: Tensor) -> Tensor:
    """The definition of a learned gate input: the weighted sum of its candidates.

    Args:
        x: signals [signals, batch].
        candidates: int [gates, K].
        share: weights [gates, K].

    Returns:
        inputs [gates, batch]. It takes gates x K x batch numbers of memory.
    """
    return torch.einsum("gk,gkb->gb", share, x[candidates.long()].to(share.dtype))
