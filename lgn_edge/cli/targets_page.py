"""The table of docs/targets.md, out of the registry: `python -m lgn_edge.cli.targets_page`."""

from __future__ import annotations

from lgn_edge import emulate
from lgn_edge.artifact.cuda import CUDA
from lgn_edge.artifact.executed_by import executed_by
from lgn_edge.targets.registry import ALIASES, TARGETS, find_target
from lgn_edge.targets.target import Target


def table() -> str:
    """A row a target: its names, the machine, samples that it takes at once, and what executes it in the tests."""
    lines = ["| target | machine | samples at once | executed in the tests by |", "|---|---|---|---|"]
    for name in TARGETS:
        if name == "native":
            lines.append("| `native` | this machine: x86-64 or aarch64 Linux, its best level | 512 | this CPU |")
            continue
        target = find_target(name)
        aliases = [f"`{alias}`" for alias, meant in ALIASES.items() if meant == name]
        names = f"`{name}`" + (f" ({', '.join(aliases)})" if aliases else "")
        samples = target.shape.samples if target.shape.lanes > 1 else 1
        lines.append(
            f"| {names} | {target.description} | {samples} | {_executed(target) or 'gcc and clang on this CPU'} |"
        )
    return "\n".join(lines)


def _executed(target: Target) -> str | None:
    if target.execution == CUDA:
        return "a driver that runs its PTX on this CPU"
    if target.gpu:
        return executed_by(target)
    return "this CPU, every level that it has" if target.execution == "host" else emulate.emulator(target.execution)


if __name__ == "__main__":
    print(table())
