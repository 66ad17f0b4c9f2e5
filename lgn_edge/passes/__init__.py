"""Rewrites of a circuit, one a file; and of a network whose image layers stay what they are (`simplify_images.py`).

A pass of a circuit is a function `rewrite(circuit) -> circuit` on numpy arrays that keeps the outputs for all inputs
and never adds a gate. To add one:

1. Write `lgn_edge/passes/NAME.py` with the function `NAME`. Its docstring states the rule as before -> after, the cases
   it leaves alone, what it promises, what it costs. `rewrite.py` has what passes share: `substitute` (read another
   signal instead), `keep_gates` (drop gates), `distinct` and `stable_order` (sort), `Readers` (walk forwards). No loop
   over gates; a loop over levels is fine if a circuit on which the pass finds nothing does not pay for it.
2. Put it into `PASSES` in `simplify.py` where its neighbours help it most. The pipeline runs to a fixpoint, so a pass
   does what it can in one go and leaves the rest to the others.
3. Write `tests/passes/test_NAME.py`: small circuits by hand with the expected result, the kept cases, and the claims of
   `claims.py` on random circuits: equal for all inputs, never more gates.
"""

from lgn_edge.passes.simplify import SimplifyStats, simplify

__all__ = ["SimplifyStats", "simplify"]
