"""Gates of k inputs as two-input gates, exactly.

A function is taken apart until two inputs are left, by the first of these that applies:

- two of its inputs matter only through one function of both: that is a gate, and takes their place;
- where an input x has one value, the function is constant, or the complement of what it is for the other value: a gate
  of x and the function of the rest;
- by the cheapest of x ? f1 : f0 (three gates), f0 ^ x (f0 ^ f1) and f1 ^ ~x (f0 ^ f1) (two, Davio), over all inputs x.

Complements cost nothing, as the gate that reads one takes it into its table, and equal gates of a layer are made once.
The number of gates is small, not least.

A table here is a whole number: bit i is the value where the inputs, the first one most significant, are the number i.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lgn_edge import network

MAX_INPUTS: Final = 6
_PASS, _INVERT, _AND, _AND_NOT, _XOR, _OR = 3, 12, 1, 4, 6, 7  # ids of gates of (a, b); AND_NOT is ~a & b
_SEARCHED: Final = 4  # functions of more inputs are split at the input that leaves least, without a search


def decompose(n_inputs: int, wires: NDArray[np.int32], tables: NDArray[np.bool_]) -> tuple[network.LogicDense, ...]:
    """Layers of two-input gates that compute a layer of k-input gates.

    Args:
        n_inputs: signals of the layer before.
        wires: int32 [k, gates], values 0..n_inputs - 1.
        tables: bool [gates, 2**k], the values of a gate in the order of the numbers that its inputs are.

    Returns:
        at least one layer; the last one has the given gates in their order. What only later layers read is passed on by
        gates, which simplification removes.
    """
    netlist = _Netlist(n_inputs)
    roots = [
        netlist.root(sum(1 << i for i in np.nonzero(table)[0].tolist()), tuple(wires[:, gate].tolist()))
        for gate, table in enumerate(tables)
    ]
    return netlist.layers(roots)


class _Gate(NamedTuple):
    table: int
    a: int
    b: int


class _Literal(NamedTuple):
    """A node, or its complement."""

    node: int
    inverted: bool


class _Netlist:
    """Gates, each made once. Nodes are numbered: inputs first, then gates."""

    def __init__(self, n_inputs: int) -> None:
        self._n_inputs = n_inputs
        self._gates: list[_Gate] = []
        self._nodes: dict[_Gate, int] = {}
        self._built: dict[tuple[int, tuple[int, ...]], _Literal] = {}

    def root(self, table: int, nodes: tuple[int, ...]) -> _Gate:
        """The gate whose output is a table over nodes."""
        table, nodes = _essential(table, nodes)
        if not nodes:
            return _Gate(15 * table, 0, 0)
        node, inverted = self._build(table, nodes)
        if node < self._n_inputs:
            return _Gate(_INVERT if inverted else _PASS, node, node)
        gate = self._gates[node - self._n_inputs]
        return gate._replace(table=gate.table ^ 15 * inverted)

    def layers(self, roots: Sequence[_Gate]) -> tuple[network.LogicDense, ...]:
        """The layers that compute roots: a gate is in the layer of its depth, and its output is passed on."""
        depth = [0] * self._n_inputs
        for _, a, b in self._gates:
            depth.append(1 + max(depth[a], depth[b]))
        count = 1 + max((max(depth[a], depth[b]) for _, a, b in roots), default=0)
        parts = [list(roots)]
        kept: list[list[int]] = []  # nodes that each layer but the last one puts out
        for level in range(count - 1, 0, -1):
            kept.append(sorted({node for _, a, b in parts[-1] for node in (a, b)}))
            parts.append(
                [
                    self._gates[node - self._n_inputs] if depth[node] == level else _Gate(_PASS, node, node)
                    for node in kept[-1]
                ]
            )
        sources: list[Sequence[int]] = [range(self._n_inputs), *reversed(kept)]
        return tuple(_layer(part, source) for part, source in zip(reversed(parts), sources, strict=True))

    def _build(self, table: int, nodes: tuple[int, ...]) -> _Literal:
        """The signal of a table over nodes that is not constant."""
        table, nodes = _essential(table, nodes)
        if len(nodes) == 1:
            return _Literal(nodes[0], table == 0b01)
        key = table, nodes
        if key not in self._built:
            self._built[key] = self._take_apart(table, nodes)
        return self._built[key]

    def _take_apart(self, table: int, nodes: tuple[int, ...]) -> _Literal:
        if len(nodes) == 2:
            return self._gate(_id(table), *(_Literal(node, False) for node in nodes))
        step = _plan(table, len(nodes))[1]
        if isinstance(step, _Pair):
            i, j, gate, rest = step
            made = self._gate(gate, _Literal(nodes[i], False), _Literal(nodes[j], False)).node
            return self._build(rest, (*nodes[:i], made, *nodes[i + 1 : j], *nodes[j + 1 :]))
        x = _Literal(nodes[step.x], False)
        others = (*nodes[: step.x], *nodes[step.x + 1 :])
        if isinstance(step, _Rest):
            return self._gate(step.gate, x, self._build(step.rest, others))
        low, high = _cofactors(table, step.x, len(nodes))
        if step.kind == _OR:
            chosen = self._gate(_AND, x, self._build(high, others))
            return self._gate(_OR, chosen, self._gate(_AND_NOT, x, self._build(low, others)))
        difference = self._gate(step.kind, x, self._build(low ^ high, others))
        return self._gate(_XOR, self._build(low if step.kind == _AND else high, others), difference)

    def _gate(self, table: int, a: _Literal, b: _Literal) -> _Literal:
        """A gate that reads literals, as one that reads nodes in ascending order and gives 0 for two zeros."""
        if a.inverted:
            table = (table & 0b0011) << 2 | table >> 2
        if b.inverted:
            table = (table & 0b0101) << 1 | (table & 0b1010) >> 1
        if a.node > b.node:
            a, b = b, a
            table = table & 0b1001 | (table & 0b0010) << 1 | (table & 0b0100) >> 1
        inverted = table >= 8
        gate = _Gate(table ^ 15 * inverted, a.node, b.node)
        if gate not in self._nodes:
            self._nodes[gate] = self._n_inputs + len(self._gates)
            self._gates.append(gate)
        return _Literal(self._nodes[gate], inverted)


class _Pair(NamedTuple):
    """Inputs i < j matter through a gate of both only, 0 where both are 0, which becomes input i of the rest."""

    i: int
    j: int
    gate: int
    rest: int


class _Rest(NamedTuple):
    """A gate of input x and of the rest, a function of the other inputs."""

    x: int
    gate: int
    rest: int


class _Split(NamedTuple):
    """At input x: _OR is x ? f1 : f0, _AND is f0 ^ x (f0 ^ f1), _AND_NOT is f1 ^ ~x (f0 ^ f1)."""

    x: int
    kind: int


_Step = _Pair | _Rest | _Split


@lru_cache(2**16)
def _plan(table: int, n: int) -> tuple[int, _Step]:
    """Gates of a table all of whose n > 2 inputs matter, and the first step to them."""
    for i, j in combinations(range(n), 2):
        corners = _corners(table, i, j, n)
        if len(set(corners)) == 2:
            gate = sum(8 >> k for k, corner in enumerate(corners) if corner != corners[0])
            other = next(corner for corner in corners if corner != corners[0])
            rest = _joined(corners[0], other, i, n - 1)
            return 1 + _cost(rest, n - 1), _Pair(i, j, gate, rest)
    split = {x: _cofactors(table, x, n) for x in range(n)}
    every = (1 << (1 << n - 1)) - 1
    for x, (low, high) in split.items():
        if low in (0, every):
            return 1 + _cost(high, n - 1), _Rest(x, 13 if low else _AND, high)
        if high in (0, every):
            return 1 + _cost(low, n - 1), _Rest(x, 7 if high else _AND_NOT, low)
        if low ^ high == every:
            return 1 + _cost(low, n - 1), _Rest(x, _XOR, low)
    if n > _SEARCHED:
        left = {x: sum(_support(part, n - 1) for part in (*parts, parts[0] ^ parts[1])) for x, parts in split.items()}
        x = min(left, key=lambda x: left[x])
        split = {x: split[x]}
    found = []
    for x, (low, high) in split.items():
        zero, one, both = (_cost(part, n - 1) for part in (low, high, low ^ high))
        found += [(2 + zero + both, x, _AND), (2 + one + both, x, _AND_NOT), (3 + zero + one, x, _OR)]
    cost, x, kind = min(found)
    return cost, _Split(x, kind)


def _cost(table: int, n: int) -> int:
    table, inputs = _essential(table, tuple(range(n)))
    return max(0, len(inputs) - 1) if len(inputs) < 3 else _plan(table, len(inputs))[0]


def _support(table: int, n: int) -> int:
    return len(_essential(table, tuple(range(n)))[1])


def _essential(table: int, nodes: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """The table without the inputs that do not matter, and the nodes that are left."""
    i = 0
    while i < len(nodes):
        low, high = _cofactors(table, i, len(nodes))
        if low == high:
            table, nodes = low, (*nodes[:i], *nodes[i + 1 :])
        else:
            i += 1
    return table, nodes


@lru_cache(2**16)
def _cofactors(table: int, x: int, n: int) -> tuple[int, int]:
    """The tables of n - 1 inputs where input x of n is 0 and where it is 1."""
    block = 1 << n - 1 - x  # so many values follow each other with the same x
    low = high = 0
    for i in range(1 << x):
        two = table >> 2 * block * i
        low |= (two & (1 << block) - 1) << block * i
        high |= (two >> block & (1 << block) - 1) << block * i
    return low, high


def _joined(low: int, high: int, x: int, n: int) -> int:
    """The table of n inputs with these cofactors, the inverse of `_cofactors`."""
    block, table = 1 << n - 1 - x, 0
    for i in range(1 << x):
        parts = (half >> block * i & (1 << block) - 1 for half in (low, high))
        table |= sum(part << block * k for k, part in enumerate(parts)) << 2 * block * i
    return table


def _corners(table: int, i: int, j: int, n: int) -> tuple[int, int, int, int]:
    """Cofactors where inputs i < j are 00, 01, 10 and 11."""
    low, high = _cofactors(table, i, n)
    return *_cofactors(low, j - 1, n - 1), *_cofactors(high, j - 1, n - 1)


def _id(table: int) -> int:
    """The id of the gate with a table of two inputs: the values in the opposite order."""
    return sum((table >> i & 1) << 3 - i for i in range(4))


def _layer(gates: Sequence[_Gate], source: Sequence[int]) -> network.LogicDense:
    """A layer of gates that read nodes, of which the layer before gives those of the source."""
    place = {node: i for i, node in enumerate(source)}
    a, b = (np.array([place[gate[side]] for gate in gates], np.int32) for side in (1, 2))
    return network.LogicDense(len(source), a, b, np.array([gate.table for gate in gates], np.uint8))
