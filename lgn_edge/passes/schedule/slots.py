"""Slots: where each signal lives, as few as the order of the gates allows."""

from __future__ import annotations

import numpy as np

from lgn_edge.network.layers import Int32Array
from lgn_edge.passes.rewrite import IntArray, stable_order


def allocate_slots(n_inputs: int, a: IntArray, b: IntArray, outputs: IntArray) -> tuple[Int32Array, int]:
    """Give every signal a slot; a signal that is not an output frees its slot when it is read for the last time.

    Input i lives in slot i from the start. Gates run in the order of the arrays; each first frees the slots of the
    inputs that die with it, then takes the slot freed last (the one still in the cache), or a new one when none is
    free. So never more slots are in use than signals are alive.

    That is a stack, and its history is a row of parentheses: a free opens, a gate closes. A gate takes the slot of the
    free it closes, found by sorting all events by depth; where no free is left to close, the depth itself names the new
    slot. The slot of a gate is then the slot of the signal before it in the same place, back to an input or a new slot,
    found by pointer jumping.

    Args:
        n_inputs: inputs, signals 0..n_inputs-1.
        a: int[G], first signal that gate g, signal n_inputs + g, reads; every gate must be read or be an output.
        b: int[G], second signal.
        outputs: int[O], signals that stay alive to the end.

    Returns:
        slot int32[n_inputs + G] of each signal, and the number of slots.

    Cost: O(gates * log(signals that share a slot)).
    """
    n_signals = n_inputs + len(a)
    time = np.arange(len(a), dtype=np.int64)
    last_read = np.full(n_signals, -1, np.int64)
    np.maximum.at(last_read, a, time)
    np.maximum.at(last_read, b, time)
    last_read[outputs] = -1
    dying = np.flatnonzero(last_read >= 0)

    frees = last_read[dying] << 32 | dying
    takes = time << 32 | 1 << 31 | (n_inputs + time)
    event = np.sort(np.concatenate([frees, takes]))
    take = (event >> 31 & 1).astype(np.bool_)
    signal = event & 0x7FFF_FFFF
    depth = np.cumsum(np.where(take, -1, 1)) + take  # of free slots: after a free, before a take
    lowest = int(depth.min(initial=1))

    order = stable_order(depth - lowest)
    take, signal, depth = take[order], signal[order], depth[order]
    opened = np.zeros(len(order), np.bool_)
    opened[1:] = take[1:] & (depth[1:] == depth[:-1])  # frees and takes alternate at a depth
    taken = np.flatnonzero(opened)
    fresh = np.flatnonzero(take & ~opened)

    origin = np.arange(n_signals)
    origin[signal[taken]] = signal[taken - 1]
    while True:
        earlier = origin[origin]
        if np.array_equal(earlier, origin):
            break
        origin = earlier
    slot = np.arange(n_signals)
    slot[signal[fresh]] = n_inputs - depth[fresh]
    return slot[origin].astype(np.int32), n_inputs + len(fresh)
