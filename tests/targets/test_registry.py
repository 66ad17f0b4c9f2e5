from __future__ import annotations

import pytest

from lgn_edge import host
from lgn_edge.errors import InputError, UnsupportedError
from lgn_edge.targets.native import native
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
        ("CORTEX-M4", "did you mean cortex-m4"),
        ("Native", r"did you mean native\?"),
        ("z80", "there are native, x86-64, aarch64"),
        ("", "there are"),
        ("nosuch", "there are"),
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
    assert host.x86_level() == level


def test_other_systems_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.platform, "system", lambda: "Plan9")
    with pytest.raises(UnsupportedError, match="not supported on Plan9"):
        native()


@pytest.mark.parametrize(("machine", "family"), [("x86_64", "x86-64"), ("AMD64", "x86-64"), ("aarch64", "aarch64")])
def test_native_is_one_level_of_the_machines_target(machine: str, family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.platform, "system", lambda: "Linux")
    monkeypatch.setattr(host.platform, "machine", lambda: machine)
    native, target = find_target("native"), find_target(family)
    assert (native.name, native.family, native.execution, len(native.levels)) == ("native", family, "host", 1)
    assert (native.triple, native.machine, native.shape) == (target.triple, target.machine, target.shape)
    assert host.runs_here(target.triple)
    host.require_here(target.triple)


def test_code_for_another_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(host.platform, "machine", lambda: "arm64")
    for name in ("x86-64", "aarch64", "cortex-m4"):
        assert not host.runs_here(find_target(name).triple)
    with pytest.raises(UnsupportedError, match="code for x86_64-unknown-linux-gnu cannot run on Darwin arm64; copy"):
        host.require_here(find_target("x86-64").triple)
