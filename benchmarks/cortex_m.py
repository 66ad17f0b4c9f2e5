"""What a network costs on Cortex-M: flash, RAM, stack and executed instructions, for one sample a call."""

from __future__ import annotations

import tempfile
from pathlib import Path

from harness import TRUE_GATES, Options, Row, random_network, random_samples, run

from lgn_edge.artifact import build

WIDTHS = (700, 700, 600)  # 2,000 gates


def measure(options: Options) -> list[Row]:
    """A random network of 2,000 two-input gates over 64 inputs, linked, executed and compared with the reference."""
    rows = []
    network = random_network(WIDTHS, inputs=64, gates=TRUE_GATES)
    samples = random_samples(network, 33 if options.quick else 320)
    for core in ("cortex-m0", "cortex-m4"):
        with tempfile.TemporaryDirectory() as folder:
            artifact = build(network, core, Path(folder) / core)
            assert artifact.predict(samples) == network.evaluate(samples), "the firmware differs from the reference"
        measured, gates = artifact.report["measured"], artifact.report["gates_simplified"]
        of_32 = measured["instructions_for_a_word"] / 32
        note = f"{gates:,} of {network.n_gates:,} gates simplified; packing, sum and argmax included"
        rows += [
            Row(f"{core}: instructions a gate, 1 sample", measured["instructions"] / gates, "", note=note),
            Row(f"{core}: instructions a gate and sample, 32 samples", of_32 / gates, ""),
            Row(f"{core}: flash a gate", measured["flash_bytes"] / gates, "bytes", note="code and tables"),
            Row(f"{core}: flash", measured["flash_bytes"], "bytes"),
            Row(f"{core}: RAM, static", measured["ram_bytes"], "bytes"),
            Row(f"{core}: stack of a call", measured["stack_bytes"], "bytes", note="high-water mark, painted"),
        ]
    return rows


if __name__ == "__main__":
    run("cortex_m", measure)
