"""Four operations are enough: every complement moves to where its signal is read, the last ones to the outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from lgn_edge.network import Circuit
from lgn_edge.network.truth_table import (
    A_AND_NOT_B,
    AND,
    COMPLEMENT_A,
    COMPLEMENT_B,
    COMPLEMENT_OUTPUT,
    FALSE,
    NOR,
    NOT_A_AND_B,
    OR,
    PASS_A,
    PASS_B,
    XOR,
)
from lgn_edge.passes.rewrite import BoolArray

OPERATIONS: Final = (AND, A_AND_NOT_B, OR, XOR)

# What each operation does, in the order of OPERATIONS, to words of any kind: numpy's here, expressions in the kernels.
EXECUTE: Final[tuple[Callable[[Any, Any], Any], ...]] = (
    lambda a, b: a & b,
    lambda a, b: a & ~b,
    lambda a, b: a | b,
    lambda a, b: a ^ b,
)

# the operation of each table with f(0, 0) = 0, once its inputs are in place
_OPERATION = np.zeros(8, np.uint8)
_OPERATION[[AND, A_AND_NOT_B, OR, XOR]] = AND, A_AND_NOT_B, OR, XOR
_OPERATION[[NOT_A_AND_B, PASS_A, PASS_B, FALSE]] = A_AND_NOT_B, OR, OR, XOR


def push_complements(circuit: Circuit, polarity: BoolArray | None = None) -> Circuit:
    """Rewrite every gate as one of OPERATIONS, the gates that are 0 when both inputs are 0.

    Rule: a signal that is 1 when all inputs of the circuit are 0 is stored as its complement. Then every stored signal
    is 0 there, so every stored gate has f(0, 0) = 0, and only these are left:
        a & b, a & ~b, a | b, a ^ b -> themselves
        ~a & b -> b & ~a
        a, b   -> a | a, b | b
        0      -> i ^ i with i the input 0
    Outputs that read a complemented signal flip their `inverted`.

    Args:
        circuit: the gates.
        polarity: bool[n_inputs], inputs that are given as their complements from now on; by default none. The sample
            at which all stored signals are 0 is then this one.

    Kept: without polarity, a circuit that has only OPERATIONS already is returned as it is.

    Promise: the same outputs for all inputs; the same number of gates; a gate and its complement become the same gate
    of the same inputs, so that `dedupe` merges them.

    Cost: O(gates); with a complement anywhere, one evaluation of the circuit besides.
    """
    if polarity is None:
        if np.isin(circuit.table, OPERATIONS).all():
            return circuit
        polarity = np.zeros(circuit.n_inputs, np.bool_)
    at_zero = _values_at(circuit, polarity)
    table, a, b = circuit.table, circuit.a, circuit.b
    table = np.where(at_zero[a], COMPLEMENT_A[table], table)
    table = np.where(at_zero[b], COMPLEMENT_B[table], table)
    table = np.where(at_zero[circuit.n_inputs :], COMPLEMENT_OUTPUT[table], table)
    # a table that reads one signal twice, or in the other order, names where its operation's inputs come from
    first = np.where(np.isin(table, (NOT_A_AND_B, PASS_B)), b, a)
    second = np.where(np.isin(table, (NOT_A_AND_B, PASS_A)), a, b)
    constant = table == FALSE
    first[constant] = second[constant] = 0
    return replace(
        circuit,
        table=_OPERATION[table],
        a=first,
        b=second,
        inverted=circuit.inverted ^ at_zero[circuit.outputs],
    )


def _values_at(circuit: Circuit, inputs: BoolArray) -> BoolArray:
    """The value bool[n_signals] of each signal for one sample bool[n_inputs]."""
    if not (circuit.table & NOR).any() and not inputs.any():  # f(0, 0) = 0 everywhere
        return np.zeros(circuit.n_signals, np.bool_)
    signals = np.arange(circuit.n_signals, dtype=np.int32)
    everything = replace(circuit, outputs=signals, inverted=np.zeros(len(signals), np.bool_))
    return everything.evaluate(inputs[:, None] * np.uint8(0xFF))[:, 0].astype(np.bool_)
