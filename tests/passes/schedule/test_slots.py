import numpy as np
from hypothesis import given

from lgn_edge.passes.prune import prune
from lgn_edge.passes.schedule.slots import allocate_slots
from tests.passes.claims import circuit
from tests.strategies import circuits


def allocate(c):
    slot, n_slots = allocate_slots(c.n_inputs, c.a, c.b, c.outputs)
    return slot.tolist(), n_slots


def most_alive(c):
    """Signals alive at once: an input from the start, a gate from when it ran, until the last read or for ever."""
    n = c.n_signals
    last = dict.fromkeys(range(n), -1)
    for g, (a, b) in enumerate(zip(c.a.tolist(), c.b.tolist(), strict=True)):
        last[a] = last[b] = g
    kept = set(c.outputs.tolist())
    alive = set(range(c.n_inputs))
    most = len(alive)
    for g in range(c.n_gates):
        # an input that nobody reads has no last read and keeps its slot
        alive -= {s for s in alive if last[s] == g and s not in kept}
        alive.add(c.n_inputs + g)
        most = max(most, len(alive))
    return most


def test_in_place():
    """A chain that reads nothing else lives in the slot of its first input."""
    assert allocate(circuit(1, [(1, 0, 0), (1, 1, 1), (1, 2, 2)], [3])) == ([0, 0, 0, 0], 1)


def test_slot_freed_last_is_taken_first():
    c = circuit(3, [(1, 0, 1), (1, 3, 2), (1, 4, 3)], [5])
    assert allocate(c) == ([0, 1, 2, 1, 2, 2], 3)


def test_outputs_stay():
    c = circuit(2, [(1, 0, 1), (6, 2, 0), (7, 2, 3)], [0, 2, 4])
    assert allocate(c) == ([0, 1, 1, 2, 2], 3)


def test_new_slots_in_order():
    c = circuit(1, [(1, 0, 0), (1, 0, 0), (1, 0, 0)], [0, 1, 2, 3])
    assert allocate(c) == ([0, 1, 2, 3], 4)


def test_long_chain():
    n = 20_000
    slot, n_slots = allocate_slots(2, np.arange(1, n + 1), np.zeros(n, np.int32), np.array([n + 1]))
    assert n_slots == 2
    assert set(slot[1:-1].tolist()) == {1}


@given(circuits())
def test_as_many_slots_as_signals_alive(c):
    """The lower bound of the order, and no two signals that are alive together share a slot."""
    c = prune(c)
    slot, n_slots = allocate(c)
    assert n_slots == most_alive(c)
    assert slot[: c.n_inputs] == list(range(c.n_inputs))
    holds = {slot[i]: i for i in range(c.n_inputs)}
    for g, (a, b) in enumerate(zip(c.a.tolist(), c.b.tolist(), strict=True)):
        assert (holds[slot[a]], holds[slot[b]]) == (a, b)
        holds[slot[c.n_inputs + g]] = c.n_inputs + g
    assert all(holds[slot[o]] == o for o in c.outputs.tolist())
