"""Which two signals each gate reads, drawn once when a layer is made.

Every wiring returns `(a, b)` [gates] and spreads its gates over the inputs as evenly as it can, because a signal that
nobody reads is lost. `Connections` is a wiring as kernels want it, from both ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, TypeVar

import torch
from torch import Tensor

from lgn_edge.errors import InputError
from lgn_edge.nn.chains import Chains, find_chains
from lgn_edge.tables import Table, whole

WIRINGS: Final = ("random", "unique", "aligned")

_TRIES: Final = 100

T = TypeVar("T")


@dataclass(frozen=True)
class Wiring(Table):
    """How a layer is wired, in a recipe; each kind has its own settings."""

    TABLE: ClassVar = "layers.wiring"

    @property
    def word(self) -> int:
        """How many signals are wired together: inputs and gates come in multiples of it."""
        return 1

    def arguments(self) -> dict[str, Any]:
        """What `LogicDense` is made with."""
        return {"wiring": self.KIND}


@dataclass(frozen=True)
class RandomWiring(Wiring):
    """See `random`."""

    KIND: ClassVar = "random"


@dataclass(frozen=True)
class UniqueWiring(Wiring):
    """See `unique`."""

    KIND: ClassVar = "unique"


@dataclass(frozen=True)
class AlignedWiring(Wiring):
    """See `aligned`.

    Attributes:
        lanes: bits of a word.
    """

    KIND: ClassVar = "aligned"

    lanes: int = whole(32, least=1)

    @property
    def word(self) -> int:
        """The bits of a word."""
        return self.lanes

    def arguments(self) -> dict[str, Any]:
        """What `LogicDense` is made with."""
        return super().arguments() | {"lanes": self.lanes}


@dataclass(frozen=True, eq=False)
class Connections:
    """The wires of a layer.

    Attributes:
        n_inputs: signals of the layer before.
        wires: int32 [k, gates], the first inputs of all gates, then the second ones, ...; values 0..n_inputs - 1.
        lasting: whether they serve many batches, so that it pays to find their chains.
        chosen: among which candidates they were chosen, if they were.
    """

    n_inputs: int
    wires: Tensor
    lasting: bool = False
    chosen: Chosen | None = None
    _found: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def a(self) -> Tensor:
        """The first input of each gate, int32 [gates]."""
        return self.wires[0]

    @property
    def b(self) -> Tensor:
        """The second one."""
        return self.wires[1]

    @property
    def entries(self) -> Tensor:
        """The inputs of each gate, int32 [gates, k]; entry k * gate + j of its memory is input j of a gate."""
        return self._once("entries", lambda: self.wires.t().clone(memory_format=torch.contiguous_format))

    @property
    def readers(self) -> tuple[Tensor, Tensor]:
        """Which of `entries` read a signal: starts int32 [n_inputs + 1], and numbers of entries int32 [k * gates].

        Signal s is read by `numbers[starts[s] : starts[s + 1]]`, in ascending order.
        """
        return self._once("readers", self._readers)

    @property
    def chains(self) -> Chains:
        """The gates of two inputs as `Chains`."""
        return self._once("chains", lambda: find_chains(self.n_inputs, self.entries))

    def _readers(self) -> tuple[Tensor, Tensor]:
        signals, entries = self.entries.flatten().sort(stable=True)
        bounds = torch.arange(self.n_inputs + 1, dtype=torch.int32, device=signals.device)
        return torch.searchsorted(signals, bounds, out_int32=True), entries.to(torch.int32)

    def _once(self, name: str, make: Callable[[], T]) -> T:
        """What make returns, made once, and not in inference mode, so that it can have a part in training."""
        if name not in self._found:  # cached_property has a lock, which torch.compile does not take
            with torch.inference_mode(False):
                self._found[name] = make()
        found: T = self._found[name]
        return found

    def require_inputs(self) -> None:
        """Check the wires, as kernels follow them without looking.

        Raises:
            InputError: one leads to no input.
        """
        least, most = (int(end) for end in self.wires.aminmax())
        if not 0 <= least <= most < self.n_inputs:
            raise InputError(
                f"logic layer: wires lead to inputs {least} to {most} of 0 to {self.n_inputs - 1}; load its state again"
            )


@dataclass(frozen=True, eq=False)
class Chosen:
    """How the wires of gates of two inputs were chosen.

    The lists of who may read a signal stay as long as the candidates, so that who does read it is found without
    sorting.

    Attributes:
        candidates: the wires [2, gates * K] of gates that would read all, those of a gate one behind the other.
        which: int64 [2, gates], the candidate that each input reads, 0..K - 1.
    """

    candidates: Connections
    which: Tensor


def wire(
    wiring: str, n_inputs: int, gates: int, *, lanes: int = 32, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Draw the wiring of a layer.

    Args:
        wiring: one of `WIRINGS`.
        n_inputs: signals of the layer before.
        gates: gates of this layer.
        lanes: bits of a word, for aligned wiring only.
        generator: source of randomness.

    Returns:
        a and b: int32 [gates], values 0..n_inputs - 1.

    Raises:
        InputError: unknown wiring, or sizes that it cannot serve.
    """
    if wiring == "random":
        a, b = random(n_inputs, gates, generator)
    elif wiring == "unique":
        a, b = unique(n_inputs, gates, generator)
    elif wiring == "aligned":
        a, b = aligned(n_inputs, gates, lanes, generator)
    else:
        raise InputError(f"logic layer: wiring is {wiring!r}, not one of {', '.join(WIRINGS)}")
    return a.to(torch.int32), b.to(torch.int32)


def random(n_inputs: int, gates: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Any pairs: the use counts of two inputs differ by at most one, and a gate reads two different signals.

    (With a single input, both are that one.)
    """
    rounds = -(-2 * gates // n_inputs)
    slots = torch.cat([torch.randperm(n_inputs, generator=generator) for _ in range(rounds)])
    a, b = slots[:gates], slots[gates : 2 * gates].clone()
    for _ in range(_TRIES if n_inputs > 1 else 0):
        clash = (a == b).nonzero().flatten()
        if not len(clash):
            return a, b
        for gate in clash.tolist():  # exchange b with a gate that clashes with neither
            other = int(torch.randint(gates, (1,), generator=generator))
            if b[other] != a[gate] and b[gate] != a[other]:
                b[gate], b[other] = b[other].clone(), b[gate].clone()
    return a, torch.where(a == b, (a + 1) % n_inputs, b)


def several(n_inputs: int, gates: int, k: int, generator: torch.Generator | None) -> Tensor:
    """Wires int32 [k, gates] of gates that read k different signals each, the inputs used about evenly.

    Raises:
        InputError: there are fewer inputs than a gate reads.
    """
    if n_inputs < k:
        raise InputError(f"logic layer: gates of {k} inputs need at least {k} inputs, and there are {n_inputs}")
    rounds = -(-k * gates // n_inputs)
    slots = torch.cat([torch.randperm(n_inputs, generator=generator) for _ in range(rounds)])
    wires = slots[: k * gates].reshape(k, gates)
    ordered = wires.sort(0).values
    clash = (ordered[1:] == ordered[:-1]).any(0).nonzero().flatten()
    wires[:, clash] = torch.rand(len(clash), n_inputs, generator=generator).topk(k).indices.t()
    return wires.to(torch.int32)


def distinct(rows: int, columns: int, n: int, generator: torch.Generator | None) -> Tensor:
    """Whole numbers below n [rows, columns], different within a row, used as evenly as rows allow."""
    at_once = n // columns
    permutations = [torch.randperm(n, generator=generator) for _ in range(-(-rows // at_once))]
    return torch.cat([p[: at_once * columns] for p in permutations])[: rows * columns].reshape(rows, columns)


def unique(n_inputs: int, gates: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """No pair of signals twice, in either order: the use counts of two inputs differ by at most two.

    The pairs (i, i + d) for a distance d form rings through the (relabelled) inputs; whole distances are taken in
    random order, and of the last one every other pair of its rings first.

    Raises:
        InputError: there are fewer pairs than gates.
    """
    pairs = n_inputs * (n_inputs - 1) // 2
    if gates > pairs:
        raise InputError(
            f"logic layer: {gates} gates cannot read different pairs of {n_inputs} inputs, which have {pairs};"
            f" choose fewer gates, at least {_least_inputs(gates)} inputs, or wiring random"
        )
    distances = 1 + torch.randperm(n_inputs // 2, generator=generator)
    first, second = [], []
    missing = gates
    for start, stop in _rings(n_inputs, distances.tolist()):
        first.append(start[:missing])
        second.append(stop[:missing])
        missing -= len(first[-1])
        if not missing:
            break
    label = torch.randperm(n_inputs, generator=generator)
    a, b = label[torch.cat(first)], label[torch.cat(second)]
    flip = torch.rand(gates, generator=generator) < 0.5
    order = torch.randperm(gates, generator=generator)
    return torch.where(flip, b, a)[order], torch.where(flip, a, b)[order]


def _least_inputs(gates: int) -> int:
    """The least n with n * (n - 1) / 2 pairs for the gates."""
    n = (1 + math.isqrt(8 * gates)) // 2
    return n if n * (n - 1) // 2 >= gates else n + 1


def _rings(n: int, distances: list[int]) -> Iterator[tuple[Tensor, Tensor]]:
    """All pairs of each distance, of each ring the even steps before the odd ones."""
    for distance in distances:
        start = torch.arange(n // 2 if 2 * distance == n else n)
        rings = int(torch.gcd(torch.tensor(n), torch.tensor(distance)))
        step = torch.arange(n // rings)
        walk = (torch.arange(rings)[:, None] + step * distance) % n  # [ring, step]
        walk = torch.cat([walk[:, step % 2 == 0].flatten(), walk[:, step % 2 == 1].flatten()])
        start = walk[walk < len(start)]
        yield start, (start + distance) % n


def aligned(n_inputs: int, gates: int, lanes: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Words of `lanes` signals: gate i of a word reads bit i of one word and bit (i + r) % lanes of another.

    A device then computes a whole word of gates of one sample with two loads and a rotation. The words are used evenly.

    Raises:
        InputError: inputs or gates are not a multiple of the lanes.
    """
    if lanes < 1:
        raise InputError(f"logic layer: {lanes} lanes; a word needs at least one, usually 32")
    for what, count in (("inputs", n_inputs), ("gates", gates)):
        if count % lanes:
            raise InputError(
                f"logic layer: aligned wiring needs {what} in words of {lanes} but has {count};"
                f" choose a multiple such as {-(-count // lanes) * lanes}"
            )
    word_a, word_b = random(n_inputs // lanes, gates // lanes, generator)
    rotation = torch.randint(lanes, (gates // lanes,), generator=generator)
    if lanes > 1:  # where both words are one, a rotation by 0 would read a signal twice
        shifted = torch.randint(1, lanes, (gates // lanes,), generator=generator)
        rotation = torch.where(word_a == word_b, shifted, rotation)
    lane = torch.arange(lanes)
    a = word_a[:, None] * lanes + lane
    b = word_b[:, None] * lanes + (lane + rotation[:, None]) % lanes
    return a.flatten(), b.flatten()
