"""What the report of a build says of time, and of what is not known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lgn_edge.artifact import build
from lgn_edge.cli.build import hertz
from lgn_edge.cli.console import flat
from lgn_edge.errors import InputError
from lgn_edge.network.facts import VARYING, shares_text
from lgn_edge.programs import HIDE_VARIABLE
from tests.artifact.test_artifact import ODD
from tests.outside import needs_emulator
from tests.strategies import convolutional_network, random_network


def test_cycles_and_microseconds_at_a_clock(tmp_path: Path) -> None:
    artifact = build(ODD, "cortex-m4", tmp_path / "m4", clock_hz=100_000_000)
    report = json.loads((artifact.folder / "report.json").read_text())
    cycles = report["measured"]["cycles"]
    assert report["measured"]["instructions"] < cycles["least"] < cycles["most"]
    assert report["microseconds"] == [round(cycles["least"] / 100, 3), round(cycles["most"] / 100, 3)]
    page = (artifact.folder / "report.md").read_text()
    assert f"| cycles | {cycles['least']} to {cycles['most']} for 1 sample, estimated by the Cortex-M4 Tech" in page
    assert " µs for 1 sample at 100 MHz |" in page


def test_the_default_clock_is_the_targets(tmp_path: Path) -> None:
    artifact = build(ODD, "cortex-m0", tmp_path / "m0")
    cycles = artifact.report["measured"]["cycles"]
    assert (cycles["most"] - cycles["least"]) % 31 == 0, "a multiplication takes 1 or 32"
    assert artifact.report["microseconds"] == [cycles["least"] / 16, cycles["most"] / 16]
    assert "µs for 1 sample at 16 MHz" in (artifact.folder / "report.md").read_text()


@pytest.mark.parametrize(
    ("target", "line"),
    [
        (
            "cortex-m33",
            "| cycles | not known: the Technical Reference Manual of cortex-m33 has no table of instruction",
        ),
        ("riscv32", "| cycles | not known: riscv32 names many cores, and each has timings of its own |"),
        ("wasm", "| cycles | not known: every engine compiles WebAssembly in its own way |"),
        ("c", "| flash, RAM, stack, instructions | not measured: sources run where they are compiled |"),
        ("native", "| flash, RAM, stack, instructions | not measured: a hosted target shares its memory"),
    ],
)
def test_what_is_not_known_is_said(target: str, line: str, tmp_path: Path) -> None:
    artifact = build(ODD, target, tmp_path / "a")
    assert line in (artifact.folder / "report.md").read_text()
    assert artifact.report["microseconds"] is None


@pytest.mark.parametrize(
    ("optimize", "workspace"), [("speed", "none ({} slots on the stack)"), ("size", "{0} bytes ({0} slots)")]
)
def test_what_was_measured_stands_beside_what_was_predicted(optimize: str, workspace: str, tmp_path: Path) -> None:
    """Both for RAM with the stack; a workspace is told where there is one."""
    network = random_network(22, features=64, bits=135, widths=(1000, 1000), classes=10, input_dtype="uint8")
    artifact = build(network, "cortex-m4", tmp_path / "m4", optimize=optimize)
    report, measured = artifact.report, artifact.report["measured"]
    both = measured["ram_bytes"] + measured["stack_bytes"]
    assert measured["ram_with_stack_bytes"] == both
    assert report["predicted"][report["form"]]["ram"] == pytest.approx(both, rel=0.1)
    page = (artifact.folder / "report.md").read_text()
    assert f"| workspace | {workspace.format(report['slots'])} |" in page
    assert f"| RAM with stack | {both} bytes |" in page


@pytest.mark.parametrize(("target", "emulator"), [("atmega328p", "simavr"), ("cortex-m55", "qemu-system-arm")])
def test_flash_and_ram_need_no_emulator(
    target: str, emulator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HIDE_VARIABLE, "1")
    artifact = build(ODD, target, tmp_path / "hidden")
    measured = artifact.report["measured"]
    assert measured["stack_bytes"] is measured["instructions"] is measured["cycles"] is None
    assert emulator in measured["not_measured"]
    page = (artifact.folder / "report.md").read_text()
    assert f"| flash | {measured['flash_bytes']} bytes |" in page
    assert f"| stack, instructions, cycles | not measured: {measured['not_measured']} |" in page
    monkeypatch.undo()
    needs_emulator(target)
    seen = build(ODD, target, tmp_path / "seen").report["measured"]
    assert {seen[key] == measured[key] for key in ("flash_bytes", "ram_bytes", "sections")} == {True}


@pytest.mark.parametrize("target", ["native", "wasm", "cortex-m7"])
def test_nothing_is_said_of_a_clock_that_is_not_known(target: str, tmp_path: Path) -> None:
    report = build(ODD, target, tmp_path / "a").report
    assert report["clock_hz"] is None
    assert not [name for name in flat(report) if "clock" in name]


@pytest.mark.parametrize("target", ["cortex-m7", "native", "wasm"])
def test_a_clock_where_no_cycles_are_known(target: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"no cycles are known of {target}, so a clock gives no time"):
        build(ODD, target, tmp_path / "a", clock_hz=1_000_000)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "rate"),
    [("16000000", 16_000_000), ("64M", 64_000_000), ("1.2GHz", 1_200_000_000), ("8K", 8_000), (None, None)],
)
def test_clocks(text: str | None, rate: int | None) -> None:
    assert hertz(text) == rate


def test_layers_over_images(tmp_path: Path) -> None:
    network = replace(convolutional_network(1), provenance={VARYING: shares_text({1: 0.75})})
    artifact = build(network, "c", tmp_path / "images")
    page = (artifact.folder / "report.md").read_text()
    assert "| layer | kind | reads | inputs | outputs | shape | kernels | field | varying | gates |\n| --- |" in page
    assert "| 1 | OrPool2d | 1 | 5,376 | 1,344 | 24 x 8 x 7 | - | 4 x 4 | 75.0% | 4,032 |\n" in page
    assert artifact.report["layers"][3]["field"] == [10, 10]
    assert "## Layers" not in (build(ODD, "c", tmp_path / "dense").folder / "report.md").read_text()


@pytest.mark.parametrize("text", ["", "0", "32 k", "fast", "-1M", "64MM", "0.1"])
def test_clocks_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="is not a clock"):
        hertz(text)
