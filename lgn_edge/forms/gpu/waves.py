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
_REST: Final = 4  # words that are left over from full trees and wait for others

Index = NDArray[np.int64]


def wave_program(circuit: Circuit, classes: int, most: int) -> WaveProgram:
    """Sort the gates of a circuit into waves, and give every value a slot for as long as it is read.

    A gate is in a wave of its level. What is read for the last time in a wave frees its slot for the next one.
    Complements are pushed and dead gates removed first where that has not been done.

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
    number = np.zeros(circuit.n_signals, np.int64)
    number[input_bit] = np.arange(len(input_bit))
    number[circuit.n_inputs + order] = len(input_bit) + np.arange(len(order))

    a, b = number[circuit.a[order]], number[circuit.b[order]]
    _, ka, kb, kab = algebraic_normal_form(circuit.table[order])
    counting = _count(number[circuit.outputs], circuit.inverted, classes, len(input_bit) + len(order))
    kind = (ka | kb << 1 | kab << 2).astype(np.uint8)
    if counting.padded:  # the gate that gives zeros, of a signal that the last wave reads anyway
        same, xor = (a[-1:] if len(a) else np.zeros(1, np.int64)), np.array([0b011], np.uint8)
        a, b, kind = np.append(a, same), np.append(b, same), np.append(kind, xor)
        wave_stop = np.append(wave_stop[:-1], len(a)) if len(wave_stop) else np.array([1])
    made = len(input_bit) + np.arange(len(a))

    waves = _step_of(wave_stop)
    rounds = len(wave_stop) + _step_of(counting.round_stop)
    n_signals = len(input_bit) + len(a) + len(counting.source) // TREE * PLANES
    slots, n_slots = _slots(
        n_signals,
        first=len(input_bit),
        steps=len(wave_stop) + len(counting.round_stop),
        read=(
            np.concatenate([waves, waves, np.repeat(rounds, TREE)]),
            np.concatenate([a, b, counting.source]),
        ),
        kept=counting.term_signal,
        written=np.concatenate([waves, np.repeat(rounds, PLANES)]),
    )
    return WaveProgram(
        n_inputs=circuit.n_inputs,
        input_bit=input_bit,
        n_slots=n_slots,
        kind=kind,
        a=slots[a],
        b=slots[b],
        dst=slots[made],
        wave_stop=wave_stop.astype(np.int32),
        tree_source=slots[counting.source],
        tree_plane=slots[len(input_bit) + len(a) :],
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


@dataclass
class _Trees:
    """Trees while rounds are made."""

    source: list[Index] = field(default_factory=list)
    stop: list[int] = field(default_factory=list)


def _count(signal: Index, inverted: NDArray[np.bool_], classes: int, zero: int) -> _Counting:
    """How scores come of outputs: a complemented one is a one less its signal."""
    group = len(signal) // classes
    base = inverted.reshape(classes, group).sum(1).astype(np.int32)
    key = (np.repeat(np.arange(classes), group) * 2 + inverted) * 32  # class, sign, and the bit of the weight: 0
    trees = _Trees()
    planes = zero + 1  # the first signal of the next tree, where trees are padded with zeros
    while True:
        order = stable_order(key)
        key, signal = key[order], signal[order]
        size = np.bincount(key)
        at = np.arange(len(key)) - (np.cumsum(size) - size)[key]
        rest = size % TREE
        counted = size - np.where(rest <= _REST, rest, 0)
        chosen = (size[key] > _TERMS) & (at < counted[key])
        if not chosen.any():
            break
        its, where = key[chosen], at[chosen]
        opens = where % TREE == 0
        tree, keys = np.cumsum(opens) - 1, its[opens]
        source = np.full((len(keys), TREE), zero, np.int64)
        source[tree, where % TREE] = signal[chosen]
        bits = np.array([int(n).bit_length() for n in range(TREE + 1)])[np.bincount(tree)]
        written = np.arange(PLANES) < bits[:, None]
        made = planes + np.arange(len(keys) * PLANES).reshape(-1, PLANES)
        planes += made.size
        key = np.concatenate([key[~chosen], (keys[:, None] + np.arange(PLANES))[written]])
        signal = np.concatenate([signal[~chosen], made[written]])
        trees.source.append(source.ravel())
        trees.stop.append((trees.stop or [0])[-1] + len(keys))
    source = np.concatenate([np.zeros(0, np.int64), *trees.source])
    padded = bool((source == zero).any())
    if not padded:  # there is no zero, and what is behind it moves up
        source[source > zero] -= 1
        signal = np.where(signal > zero, signal - 1, signal)
    weight = np.where(key >> 5 & 1, -1, 1) << (key & 31)
    stop = np.cumsum(np.bincount(key >> 6, minlength=classes))
    return _Counting(
        base, source, np.array(trees.stop, np.int64), signal, weight.astype(np.int32), stop.astype(np.int32), padded
    )


def _slots(
    n_signals: int, first: int, steps: int, read: tuple[Index, Index], kept: Index, written: Index
) -> tuple[Int32Array, int]:
    """The slot of each signal, and how many slots there are.

    Args:
        n_signals: the inputs, then what is written, step by step.
        first: inputs.
        steps: waves and rounds.
        read: the step of each reading, and the signal that is read.
        kept: signals that are read at the end.
        written: the step in which each signal behind the inputs is written.
    """
    last = np.zeros(n_signals, np.int64)
    last[first:] = written
    np.maximum.at(last, read[1], read[0])
    last[kept] = steps
    dying = stable_order(last)
    dying_stop = np.searchsorted(last[dying], np.arange(steps), side="right")
    written_stop = first + np.searchsorted(written, np.arange(steps), side="right")
    slot = np.zeros(n_signals, np.int32)
    slot[:first] = np.arange(first)
    free, n_free, n_slots, dead, done = np.zeros(n_signals, np.int32), 0, first, 0, first
    for step in range(steps):
        need = int(written_stop[step]) - done
        reused = min(need, n_free)
        taken = np.concatenate([free[n_free - reused : n_free], np.arange(n_slots, n_slots + need - reused)])
        slot[done : done + need] = taken
        n_free, n_slots, done = n_free - reused, n_slots + need - reused, done + need
        freed = slot[dying[dead : dying_stop[step]]]
        free[n_free : n_free + len(freed)] = freed
        n_free, dead = n_free + len(freed), int(dying_stop[step])
    return slot, n_slots
