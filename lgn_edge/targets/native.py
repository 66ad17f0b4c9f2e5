"""The target for this machine, with the best vector instructions that it has."""

from __future__ import annotations

from dataclasses import replace

from lgn_edge.host import architecture, x86_level
from lgn_edge.targets.aarch64 import AARCH64
from lgn_edge.targets.target import Level, Target
from lgn_edge.targets.x86_64 import X86_64


def native() -> Target:
    """The target for this machine.

    Raises:
        UnsupportedError: not Linux on x86-64 or aarch64.
    """
    if architecture() == "aarch64":
        return replace(AARCH64[0], name="native", description="this machine (aarch64)", execution="host")
    cpu = x86_level()
    known = {level.cpu: level for level in X86_64.levels}
    level = replace(known.get(cpu, Level(cpu)), suffix="")  # as it is the only one
    return replace(X86_64, name="native", description=f"this machine ({cpu})", levels=(level,))
