"""An order of gates for straight-line code: few loads and stores on a machine with few registers."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.network import Circuit

_REGISTERS: Final = 8  # of a core's twelve or so: the others hold addresses and scores

# What one step is worth: an operand that is in a register, one that is read for the last time, a result that the next
# step may take together with another register (half of it with a value in memory), a result that nothing else takes.
_IN_REGISTER, _DIES, _TAKEN_NEXT, _LEFT_ALONE = 4, 2, 3, 2


def register_order(circuit: Circuit, turn: NDArray[np.int64]) -> NDArray[np.int64]:
    """An order of the gates, int64[G], in which most operands are in a register and come before their readers.

    Greedy: of the gates that can be computed and read one of the values used last, the one that is worth most. A model
    of the registers, least recently used out first, says which values these are.

    Args:
        circuit: the gates.
        turn: int64[G], gates of a lower turn come before all gates of a higher one; none reads a gate of a later turn.

    Cost: O(gates * readers of a few signals), and of all gates that are ready where no register helps; for circuits
    that become straight-line code, some thousands of gates.
    """
    n_inputs, a, b = circuit.n_inputs, circuit.a.tolist(), circuit.b.tolist()
    readers: list[list[int]] = [[] for _ in range(circuit.n_signals)]
    for gate, wires in enumerate(zip(a, b, strict=True)):
        for wire in set(wires):
            readers[wire].append(gate)
    unread = [len(gates) for gates in readers]
    missing = [len({x, y}) for x, y in zip(a, b, strict=True)]
    turns = turn.tolist()
    waiting: list[dict[int, None]] = [{} for _ in range(max(turns, default=0) + 1)]  # in the order they became ready
    computed = [signal < n_inputs for signal in range(circuit.n_signals)]

    def make_ready(signal: int) -> None:
        for gate in readers[signal]:
            missing[gate] -= 1
            if not missing[gate]:
                waiting[turns[gate]][gate] = None

    for signal in range(n_inputs):
        make_ready(signal)
    registers: OrderedDict[int, None] = OrderedDict()

    def touch(signal: int) -> None:
        registers[signal] = None
        registers.move_to_end(signal)
        if len(registers) > _REGISTERS:
            registers.popitem(last=False)

    def worth(gate: int) -> tuple[float, int]:
        result, wires = n_inputs + gate, (a[gate], b[gate])
        others = [a[reader] + b[reader] - result for reader in readers[result]]
        taken = 1.0 if any(other in registers for other in others) else any(computed[other] for other in others) / 2
        alone = unread[result] > 0 and taken < 1
        value = sum(_IN_REGISTER * (wire in registers) + _DIES * (unread[wire] == 1) for wire in wires)
        return value + _TAKEN_NEXT * taken - _LEFT_ALONE * alone, -gate

    order: list[int] = []
    for ready in waiting:
        while ready:
            near = [gate for signal in registers for gate in readers[signal] if gate in ready]
            gate = max(near or ready, key=worth)
            del ready[gate]
            order.append(gate)
            for wire in {a[gate], b[gate]}:
                touch(wire)
                unread[wire] -= 1
            for wire in {a[gate], b[gate]}:
                if not unread[wire]:
                    registers.pop(wire, None)
            result = n_inputs + gate
            computed[result] = True
            if unread[result]:
                touch(result)
                make_ready(result)
    return np.array(order, np.int64)
