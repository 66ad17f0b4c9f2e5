"""The standard pipeline: the passes in order, again and again until none of them finds anything."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from lgn_edge.network import Circuit
from lgn_edge.passes.dedupe import dedupe
from lgn_edge.passes.fold import fold
from lgn_edge.passes.forward import forward
from lgn_edge.passes.prune import prune
from lgn_edge.passes.push_complements import push_complements

PASSES: Final = (fold, forward, prune, push_complements, dedupe)


@dataclass(frozen=True)
class PassStats:
    """What one run of one pass did.

    Attributes:
        name: of the pass.
        gates_before, gates_after: of the circuit.
        seconds: wall time.
    """

    name: str
    gates_before: int
    gates_after: int
    seconds: float


@dataclass(frozen=True)
class SimplifyStats:
    """What `simplify` did.

    Attributes:
        gates_before, gates_after: of the circuit.
        passes: one record a run of a pass, in order; every round runs all of PASSES.
    """

    gates_before: int
    gates_after: int
    passes: tuple[PassStats, ...]

    @property
    def rounds(self) -> int:
        """How often the pipeline ran; the last round found nothing."""
        return len(self.passes) // len(PASSES)

    @property
    def seconds(self) -> float:
        """Wall time of all passes."""
        return sum(run.seconds for run in self.passes)


def simplify(circuit: Circuit) -> tuple[Circuit, SimplifyStats]:
    """Run PASSES in order, round after round, until a round removes no gate.

    The result computes the same outputs for all inputs from the same number of inputs. Every gate is one of
    `push_complements.OPERATIONS`, reads two different signals, differs from every other gate and is seen by an output;
    only when an output is constant, one gate input0 ^ input0 stands for it. Simplifying the result changes nothing.

    Cost: O(gates) a round, and a few array operations a level where something is found; two or three rounds for layered
    networks, one a step for chains built so that each step is seen only when the one before it is gone.
    """
    runs: list[PassStats] = []
    result = circuit
    while True:
        before = result.n_gates
        for rewrite in PASSES:
            start = time.perf_counter()
            rewritten = rewrite(result)
            seconds = time.perf_counter() - start
            runs.append(PassStats(rewrite.__name__, result.n_gates, rewritten.n_gates, seconds))
            result = rewritten
        if result.n_gates == before:
            return result, SimplifyStats(circuit.n_gates, result.n_gates, tuple(runs))
