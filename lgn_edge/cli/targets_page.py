"""The table of docs/targets.md, out of the registry: `python -m lgn_edge.cli.targets_page`."""

from __future__ import annotations

from lgn_edge import emulate
from lgn_edge.artifact.executed_by import executed_by
from lgn_edge.targets.registry import ALIASES, TARGETS, find_target


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
        if target.gpu:
            executed = executed_by(target)
        elif target.execution == "host":
            executed = "this CPU, every level that it has"
        else:
            executed = emulate.emulator(target.execution)
        samples = target.shape.samples if target.shape.lanes > 1 else 1
        lines.append(f"| {names} | {target.description} | {samples} | {executed or 'gcc and clang on this CPU'} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
