"""The gates of a layer as chains, in which each gate reads a signal that the gate before it read, too.

Signals are the vertices of a graph, and gates its edges. A chain is a trail through it: whoever walks along has the
signal at each vertex in hand for the gate behind it and for the gate in front of it. Where every signal is read twice,
as by `wiring.random` with as many gates as inputs, chains are a few cycles; each signal is read once, and its gradient
is complete at once.

A chain comes to a signal for every two gate inputs that read it; each time is a visit. Chains are an order of work
alone: gates, signals and parameters stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad


@dataclass(frozen=True, eq=False)
class Chains:
    """The chains of a layer, slot by slot, one chain after the other.

    Entry 2 * gate + i is input i of a gate, as in `wiring.Connections.entries`. A slot is a visit, and its gate joins
    it to the slot before. A cycle has a ghost at either end: its last visit is repeated before its first one, and its
    first one behind its last one, so that whoever walks along the slots never has to jump.

    Attributes:
        signals: int32 [slots], the signal that a slot reads.
        entries: int32 [slots], the entry by which its gate reads it; the slot before is read by `entry ^ 1`. -1 where
            no gate joins it to the slot before, as a chain begins.
        visits: int32 [slots], each of 0..visits - 1 once; -1 for a ghost.
        starts: int32 [signals + 1]; signal s has the visits `starts[s] : starts[s + 1]`, at least one. None where each
            signal has one, which then has the signal's number.
    """

    signals: Tensor
    entries: Tensor
    visits: Tensor
    starts: Tensor | None

    @property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """The attributes, as operators take them."""
        return self.signals, self.entries, self.visits, self.starts


def find_chains(n_inputs: int, wires: Tensor) -> Chains:
    """The chains of wires int [gates, 2], on their device; there are no more visits than there must be.

    Inputs that read a signal are paired, in order. What is left of an odd number is an end of a chain.
    """
    reads = wires.flatten().long()
    readers = torch.bincount(reads, minlength=n_inputs)
    starts = pad(((readers + 1) // 2).clamp(min=1).cumsum(0), (1, 0))  # of what nobody reads a visit has the gradient
    order = reads.argsort(stable=True)  # entries by signal
    place = torch.empty_like(order)  # of an entry among those of its signal
    place[order] = torch.arange(len(order), device=order.device) - (readers.cumsum(0) - readers)[reads[order]]
    visit = starts[reads] + place // 2
    end = (place % 2 == 0) & (place == readers[reads] - 1)
    mate = torch.empty_like(order)  # the other entry of a visit; ends have mates, too, so that all is cycles
    pairs = torch.cat([order[~end[order]], order[end[order]]]).reshape(-1, 2)
    mate[pairs] = pairs.flip(1)

    near, first = _walk(mate, end)
    begins = end[near] | first
    last = first.roll(-1)
    ghosts = ~end[near[first]][first.cumsum(0) - 1]  # of a cycle without an end
    closes = last & ghosts

    slot = (1 + begins.long() + closes.long()).cumsum(0) - closes.long() - 1
    before, behind = slot[begins] - 1, slot[closes] + 1
    path = near.new_empty(len(near) + len(before) + len(behind))
    path[slot], path[before], path[behind] = near ^ 1, near[begins], near[first & ghosts] ^ 1
    entries, visits = path.clone(), visit[path]
    entries[before] = -1
    visits[before[ghosts[begins]]] = -1
    visits[behind] = -1

    unread = (readers == 0).nonzero().flatten()
    several = None if int(starts[-1]) == n_inputs else starts.to(torch.int32)
    return Chains(
        torch.cat([reads[path], unread]).to(torch.int32),
        pad(entries, (0, len(unread)), value=-1).to(torch.int32),
        torch.cat([visits, starts[unread]]).to(torch.int32),
        several,
    )


def _walk(mate: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """The entries at which gates are entered, along the cycles, and which of them are the first of a cycle.

    A gate that is entered at one entry is left at the other, and the mate of that comes next. Every cycle is there
    twice, once for each direction, and walked in one. It begins at an end where it has one.

    What lies along a cycle is found by doubling the distance that each entry looks ahead.
    """
    entry = torch.arange(len(mate), device=mate.device)
    rank = torch.where(end, entry, entry + len(mate))
    ahead = mate[entry ^ 1]
    least = rank
    steps = range(len(mate).bit_length())
    jump = ahead
    for _ in steps:
        least = torch.minimum(least, least[jump])
        jump = jump[jump]
    first = least == rank
    jump = torch.where(first, entry, ahead)
    left = (~first).long()  # steps to the first one
    for _ in steps:
        left = left + left[jump]
        jump = jump[jump]
    one_way = (least < least[entry ^ 1]).nonzero().flatten()
    place = -left % len(mate)  # 0 for the first one; the others by how far it is to come there again
    near = one_way[(least * len(mate) + place)[one_way].argsort()]
    return near, first[near]
