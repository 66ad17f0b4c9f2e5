from __future__ import annotations

import pytest

from lgn_edge.errors import InputError, UnsupportedError
from lgn_edge.targets import host
from lgn_edge.targets.registry import ALIASES, TARGETS, find_target


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_is_found_by_its_name(name: str) -> None:
    assert find_target(name).name == name


def test_arm_is_the_cortex_m4() -> None:
    assert find_target("arm").name == ALIASES["arm"] == "cortex-m4"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cortex_m4", "did you mean cortex-m4"),
        ("nativ", "did you mean native"),
        ("z80", "known are native, x86-64"),
        ("", "known are"),
    ],
)
def test_unknown_targets_get_a_hint(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_target(name)


@pytest.mark.parametrize(
    ("flags", "level"),
    [
        ("fpu sse2", "x86-64"),
        ("cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3", "x86-64-v2"),
        ("cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3 avx avx2 bmi1 bmi2 f16c fma abm movbe", "x86-64-v3"),
        ("avx avx2 bmi1 bmi2 f16c fma abm movbe", "x86-64"),
    ],
)
def test_x86_level_needs_all_lower_levels(flags: str, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.Path, "read_text", lambda _: f"processor: 0\nflags\t\t: {flags}\n")
    assert host._x86_level().cpu == level


def test_other_systems_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.platform, "system", lambda: "Plan9")
    with pytest.raises(UnsupportedError, match="not supported on Plan9"):
        host.native()
