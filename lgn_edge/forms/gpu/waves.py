"""From a circuit to waves: which gates run at once, and the slot of every value."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.forms.gpu.program import WaveProgram
from lgn_edge.forms.gpu.sizes import PLANES, TREE
from lgn_edge.network import Circuit
from lgn_edge.network.layers import Int32Array
from lgn_edge.network.truth_table import algebraic_normal_form
from lgn_edge.passes.prune import prune
from lgn_edge.passes.push_complements import push_complements
from lgn_edge.passes.rewrite import stable_order

_TERMS: Final = 8  # words of a weight that a score adds bit by bit; more are counted by trees first
_BITS: Final = np.array([n.bit_length() for n in range(TREE + 1)])  # of a number of words
_REST: Final = 4  # words that are left over from full trees and wait for others

Index = NDArray[np.int64]


def wave_program(circuit: Circuit, classes: int, most: int) -> WaveProgram:
    """Sort the gates of a circuit into waves, and give every value a slot for as long as it is read.

    A gate is in a wave of its level. Outputs are counted as soon as there are enough of them. What is read for the last
    time frees its slot. Complements are pushed and dead gates removed first where that has not been done.

    Args:
        circuit: its outputs are the classes' blocks, one behind the other.
        classes: how many; divides the outputs.
        most: gates of a wave. More make fewer barriers; fewer make slots free sooner.
    """
    circuit = prune(push_complements(circuit))
    read = np.zeros(circuit.n_signals, np.bool_)
    for signals in (circuit.a, circuit.b, circuit.outputs):
        read[signals] = True
    read[0] |= not read[: circuit.n_inputs].any()
    input_bit = np.flatnonzero(read[: circuit.n_inputs]).astype(np.int32)
    order, wave_stop = _waves(circuit, most)
    n_inputs = len(input_bit)
    zero = n_inputs + len(order)  # the signal behind the last gate, where one is needed that is always 0
    number = np.zeros(circuit.n_signals, np.int64)
    number[input_bit] = np.arange(n_inputs)
    number[circuit.n_inputs + order] = n_inputs + np.arange(len(order))

    a, b = number[circuit.a[order]], number[circuit.b[order]]
    _, ka, kb, kab = algebraic_normal_form(circuit.table[order])
    kind = (ka | kb << 1 | kab << 2).astype(np.uint8)
    outputs = number[circuit.outputs]
    made_in = np.concatenate([np.zeros(n_inputs, np.int64), _step_of(wave_stop)])[outputs]
    counting = _count(outputs, circuit.inverted, classes, made_in, len(wave_stop), zero)
    if counting.padded:  # the gate that gives zeros, of a signal that the last wave reads anyway
        same, xor = (a[-1:] if len(a) else np.zeros(1, np.int64)), np.array([0b011], np.uint8)
        a, b, kind = np.append(a, same), np.append(b, same), np.append(kind, xor)
        wave_stop = np.append(wave_stop[:-1], len(a)) if len(wave_stop) else np.array([len(a)])

    steps = len(counting.round_stop)  # a wave and a round each; the last ones have no wave
    wave_stop = np.append(wave_stop, np.full(steps - len(wave_stop), len(a)))
    waves, rounds = 2 * _step_of(wave_stop), 2 * _step_of(counting.round_stop) + 1
    written = np.concatenate([waves, np.repeat(rounds, PLANES)])
    slots, n_slots = _slots(
        n_inputs,
        written,
        read=(
            np.concatenate([waves, waves, np.repeat(rounds, TREE)]),
            np.concatenate([a, b, counting.source]),
        ),
        kept=counting.term_signal,
    )
    planes = n_inputs + len(a)
    return WaveProgram(
        n_inputs=circuit.n_inputs,
        input_bit=input_bit,
        n_slots=n_slots,
        kind=kind,
        a=slots[a],
        b=slots[b],
        dst=slots[n_inputs:planes],
        wave_stop=wave_stop.astype(np.int32),
        tree_source=slots[counting.source],
        tree_plane=slots[planes:],
        round_stop=counting.round_stop.astype(np.int32),
        term_slot=slots[counting.term_signal],
        term_weight=counting.term_weight,
        term_stop=counting.term_stop,
        base=counting.base,
    )


def _waves(circuit: Circuit, most: int) -> tuple[Index, Index]:
    """The order of gates, and where each wave stops."""
    level = circuit.levels()[circuit.n_inputs :]
    order = stable_order(level)
    per_level = np.bincount(level, minlength=1)[1:]
    stops = np.concatenate([[0], np.cumsum(per_level)])
    ends = [np.append(np.arange(start + most, stop, most), stop) for start, stop in pairwise(stops)]
    return order, np.concatenate(ends) if ends else np.zeros(0, np.int64)


def _step_of(stop: Index) -> Index:
    return np.repeat(np.arange(len(stop)), np.diff(stop, prepend=0))


@dataclass(frozen=True)
class _Counting:
    """Trees and terms over signals: those of the circuit, a zero if `padded`, then five for each tree."""

    base: Int32Array
    source: Index
    round_stop: Index
    term_signal: Index
    term_weight: Int32Array
    term_stop: Int32Array
    padded: bool


def _count(
    signal: Index, inverted: NDArray[np.bool_], classes: int, made_in: Index, waves: int, zero: int
) -> _Counting:
    """How scores come of outputs: a complemented one is a one less its signal.

    Args:
        signal: of each output.
        inverted: bool, whether the output is its complement.
        classes: blocks of outputs.
        made_in: the wave behind which each output is there.
        waves: how many there are; each has a round behind it, and more rounds follow.
        zero: the signal that trees are padded with; the next ones are those of trees.
    """
    group = len(signal) // classes
    base = inverted.reshape(classes, group).sum(1).astype(np.int32)
    key = (np.repeat(np.arange(classes), group) * 2 + inverted) * 32  # class, sign, and the bit of the weight: 0
    order = stable_order(made_in)
    stops = np.searchsorted(made_in[order], np.arange(waves), side="right")
    trees = _Trees(zero)
    start = 0
    for stop in stops.tolist():
        new = order[start:stop]
        trees.add(key[new], signal[new])
        trees.count(final=False)
        start = stop
    trees.add(key[order[start:]], signal[order[start:]])
    while trees.count(final=True):
        pass
    while len(trees.stop) > waves and trees.stop[-2:-1] == trees.stop[-1:]:
        trees.stop.pop()
    source = np.concatenate([np.zeros(0, np.int64), *trees.source])
    key, left = trees.key, trees.signal
    padded = bool((source == zero).any())
    if not padded:  # there is no zero, and what is behind it moves up
        source[source > zero] -= 1
        left = np.where(left > zero, left - 1, left)
    by_class = stable_order(key)
    key, left = key[by_class], left[by_class]
    weight = np.where(key >> 5 & 1, -1, 1) << (key & 31)
    stop = np.cumsum(np.bincount(key >> 6, minlength=classes))
    return _Counting(
        base, source, np.array(trees.stop, np.int64), left, weight.astype(np.int32), stop.astype(np.int32), padded
    )


@dataclass
class _Trees:
    """Words that wait to be counted, and the trees so far."""

    zero: int
    key: Index = field(default_factory=lambda: np.zeros(0, np.int64))
    signal: Index = field(default_factory=lambda: np.zeros(0, np.int64))
    source: list[Index] = field(default_factory=list)
    stop: list[int] = field(default_factory=list)  # of each round

    def add(self, key: Index, signal: Index) -> None:
        """Let words wait."""
        self.key, self.signal = np.concatenate([self.key, key]), np.concatenate([self.signal, signal])

    def count(self, *, final: bool) -> bool:
        """Make a round of full trees; in the end also of the others, where many words of a weight are left.

        Returns:
            whether it has any.
        """
        n_trees = self.stop[-1] if self.stop else 0
        self.stop.append(n_trees)
        if len(self.key) < (_TERMS if final else TREE):
            return False
        order = stable_order(self.key)
        key, signal = self.key[order], self.signal[order]
        opens = np.flatnonzero(np.diff(key, prepend=-1))
        size = np.diff(opens, append=len(key))
        rest = size % TREE
        counted = size - np.where(rest <= _REST, rest, 0) if final else size - rest
        counted[size <= _TERMS] = 0
        at = np.arange(len(key)) - np.repeat(opens, size)
        chosen = at < np.repeat(counted, size)
        if not chosen.any():
            return False
        its, where = key[chosen], at[chosen]
        first = where % TREE == 0
        tree, keys = np.cumsum(first) - 1, its[first]
        source = np.full((len(keys), TREE), self.zero, np.int64)
        source[tree, where % TREE] = signal[chosen]
        written = np.arange(PLANES) < _BITS[np.bincount(tree)][:, None]
        made = self.zero + 1 + (n_trees + np.arange(len(keys)))[:, None] * PLANES + np.arange(PLANES)
        self.key = np.concatenate([key[~chosen], (keys[:, None] + np.arange(PLANES))[written]])
        self.signal = np.concatenate([signal[~chosen], made[written]])
        self.source.append(source.ravel())
        self.stop[-1] += len(keys)
        return True


def _slots(n_inputs: int, written: Index, read: tuple[Index, Index], kept: Index) -> tuple[Int32Array, int]:
    """The slot of each signal, and how many slots there are.

    Args:
        n_inputs: the first signals.
        written: the step in which each of the others is written.
        read: the step of each reading, and the signal that is read.
        kept: signals that are read at the end.
    """
    steps = int(written.max(initial=-1)) + 1
    last = np.concatenate([np.zeros(n_inputs, np.int64), written])
    np.maximum.at(last, read[1], read[0])
    last[kept] = steps
    dying, made = stable_order(last), stable_order(written)
    dying_stop = np.searchsorted(last[dying], np.arange(steps), side="right").tolist()
    made_stop = np.searchsorted(written[made], np.arange(steps), side="right").tolist()
    slot = np.zeros(len(last), np.int32)
    slot[:n_inputs] = np.arange(n_inputs)
    free, n_free, n_slots, dead, done = np.zeros(len(last), np.int32), 0, n_inputs, 0, 0
    for dying_to, made_to in zip(dying_stop, made_stop, strict=True):
        need = made_to - done
        reused = min(need, n_free)
        n_free -= reused
        new = np.arange(n_slots, n_slots + need - reused)
        slot[n_inputs + made[done:made_to]] = np.concatenate([free[n_free : n_free + reused], new])
        n_slots, done = n_slots + len(new), made_to
        freed = slot[dying[dead:dying_to]]
        free[n_free : n_free + len(freed)] = freed
        n_free, dead = n_free + len(freed), dying_to
    return slot, n_slots
