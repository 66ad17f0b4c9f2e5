"""An order of gates for straight-line code: few loads and stores on a machine with few registers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice
from math import inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.network import Circuit

_REGISTERS: Final = 8  # of a core's twelve or so: the others hold addresses and scores

# What one step is worth: an operand that is in a register, one that is read for the last time, a result that the next
# step may take together with another register (half of it with a value in memory), a result that nothing else takes.
_IN_REGISTER, _DIES, _TAKEN_NEXT, _LEFT_ALONE = 4, 2, 3, 2
_COMPARED: Final = 4000  # gates at most that are compared for a step, the first that became ready
_FORESEEN: Final = 64  # readers of a result at most that are looked at


def register_order(circuit: Circuit, turn: NDArray[np.int64]) -> NDArray[np.int64]:
    """An order of the gates, int64[G], in which most operands are in a register and come before their readers.

    Greedy: of the gates that can be computed and read one of the values used last, the one that is worth most. A model
    of the registers, least recently used out first, says which values these are.

    Args:
        circuit: the gates.
        turn: int64[G], gates of a lower turn come before all gates of a higher one; none reads a gate of a later turn.

    Cost: O(gates), as a step compares some thousands of gates at most.
    """
    n_inputs = circuit.n_inputs
    a: list[int] = circuit.a.tolist()
    b: list[int] = circuit.b.tolist()
    readers: list[list[int]] = [[] for _ in range(circuit.n_signals)]
    for gate, wires in enumerate(zip(a, b, strict=True)):
        for wire in set(wires):
            readers[wire].append(gate)
    unread: list[int] = [len(gates) for gates in readers]
    missing = [len({x, y}) for x, y in zip(a, b, strict=True)]
    turns = turn.tolist()
    waiting: list[dict[int, None]] = [{} for _ in range(max(turns, default=0) + 1)]  # in the order they became ready
    able: list[dict[int, None]] = [{} for _ in range(circuit.n_signals)]  # readers that are ready, of the turn
    computed = [signal < n_inputs for signal in range(circuit.n_signals)]

    def make_ready(signal: int, current: int) -> None:
        for gate in readers[signal]:
            missing[gate] -= 1
            if not missing[gate]:
                waiting[turns[gate]][gate] = None
                if turns[gate] == current:
                    make_able(gate)

    def make_able(gate: int) -> None:
        able[a[gate]][gate] = able[b[gate]][gate] = None

    for signal in range(n_inputs):
        make_ready(signal, -1)
    registers: OrderedDict[int, None] = OrderedDict()

    def touch(signal: int) -> None:
        registers[signal] = None
        registers.move_to_end(signal)
        if len(registers) > _REGISTERS:
            registers.popitem(last=False)

    def operands(gate: int) -> int:
        x, y = a[gate], b[gate]
        held, dying = (x in registers) + (y in registers), (unread[x] == 1) + (unread[y] == 1)
        return _IN_REGISTER * held + _DIES * dying

    def result_worth(result: int) -> float:
        others = [a[reader] + b[reader] - result for reader in readers[result][:_FORESEEN]]
        taken = 1.0 if any(other in registers for other in others) else any(computed[other] for other in others) / 2
        alone = unread[result] > 0 and taken < 1
        return _TAKEN_NEXT * taken - _LEFT_ALONE * alone

    def best(gates: Iterable[int]) -> int:
        """The gate that is worth most, the first in the circuit of equal ones."""
        chosen, most = -1, -inf
        for gate in gates:
            value: float = operands(gate)
            if readers[n_inputs + gate]:
                if value + _TAKEN_NEXT < most:
                    continue  # whatever its result is worth
                value += result_worth(n_inputs + gate)
            if value > most or (value == most and gate < chosen):
                chosen, most = gate, value
        return chosen

    order: list[int] = []
    for current, ready in enumerate(waiting):
        for gate in ready:
            make_able(gate)
        while ready:
            near = islice((gate for signal in registers for gate in able[signal]), _COMPARED)
            gate = best(list(near) or islice(ready, _COMPARED))
            del ready[gate]
            order.append(gate)
            for wire in {a[gate], b[gate]}:
                del able[wire][gate]
                touch(wire)
                unread[wire] -= 1
            for wire in {a[gate], b[gate]}:
                if not unread[wire]:
                    registers.pop(wire, None)
            result = n_inputs + gate
            computed[result] = True
            if unread[result]:
                touch(result)
                make_ready(result, current)
    return np.array(order, np.int64)
