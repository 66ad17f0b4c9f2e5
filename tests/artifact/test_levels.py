"""One library for all x86-64 CPUs: each level executed, and the choice between them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from lgn_edge import host, toolchain
from lgn_edge.artifact import Artifact, build, load_artifact
from lgn_edge.errors import UnsupportedError
from lgn_edge.host import X86_LEVELS
from lgn_edge.network import Network
from lgn_edge.targets.x86_64 import X86_64
from tests.artifact.test_artifact import NETWORKS, OCTET, example_runs
from tests.artifact.x86_64 import linked_image
from tests.strategies import random_samples

LEVELS = {2: "x86-64-v2", 3: "x86-64-v3", 4: "x86-64-v4"}
SIZES = (0, 1, 63, 64, 65, 511, 512, 513)
PREFIX = "lgn_random11"

here = pytest.mark.skipif(not host.runs_here(X86_64.triple), reason="this machine is not Linux on x86-64")


def highest_level() -> tuple[int, str]:
    """The highest level of this CPU, and what it lacks of the next one, as Linux tells."""
    flags = host.cpu_flags()
    highest, lacks = 0, ""
    for level, name in LEVELS.items():
        lacks = ", ".join(sorted(X86_LEVELS[name] - flags))
        if lacks:
            break
        highest = level
    return highest, lacks


@pytest.fixture(scope="module", params=NETWORKS, ids=NETWORKS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, Artifact]:
    network = NETWORKS[request.param]
    return network, build(network, "x86-64", tmp_path_factory.mktemp("levels") / request.param)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return build(OCTET, "x86-64", tmp_path_factory.mktemp("levels") / "octet")


def test_the_levels_are_those_of_the_target() -> None:
    assert [(level.suffix, level.cpu) for level in X86_64.levels] == [(f"_v{n}", name) for n, name in LEVELS.items()]
    assert list(X86_LEVELS) == list(LEVELS.values())


@here
@pytest.mark.parametrize("level", LEVELS)
def test_every_level_equals_the_reference(pair: tuple[Network, Artifact], level: int) -> None:
    network, artifact = pair
    highest, lacks = highest_level()
    if level > highest:
        pytest.skip(f"this CPU cannot execute {LEVELS[level]}: it lacks {lacks}")
    assert artifact.library.set_level(level)
    try:
        assert artifact.selftest()
        for n in SIZES:
            x = random_samples(network, n, seed=n)
            want = network.evaluate(x)
            assert artifact.predict(x) == want
            assert artifact.predict_packed(network.encoder.evaluate(x), n) == want
    finally:
        artifact.library.set_level(0)


@here
def test_the_best_level_is_chosen_and_no_other_accepted(built: Artifact) -> None:
    highest, _ = highest_level()
    level = getattr(built.library._library, f"{PREFIX}_level")
    assert level() == highest
    for wish in (-1, 1, highest + 1, 5):
        assert not built.library.set_level(wish)
        assert level() == highest
    assert built.library.set_level(2)
    assert level() == 2
    assert built.library.set_level(0)
    assert level() == highest


def test_levels_share_their_tables(built: Artifact, tmp_path: Path) -> None:
    symbols = linked_image(built, tmp_path).symbols
    for kernel in ("pack", "load", "gates", "sum"):
        addresses = [symbols[f"{PREFIX}_{kernel}_v{level}"].address for level in LEVELS]
        assert len(set(addresses)) == len(LEVELS)
    assert sum("_wires" in name for name in symbols) == 1


def test_the_manifest_and_the_report_name_the_levels(built: Artifact) -> None:
    assert built.manifest.levels == tuple(LEVELS.values())
    assert built.manifest.cpu == "x86-64-v2"
    assert load_artifact(built.folder).manifest == built.manifest
    assert "x86-64 (x86-64-v2, x86-64-v3, x86-64-v4)" in (built.folder / "report.md").read_text()


def test_another_machine_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.platform, "machine", lambda: "aarch64")
    artifact = build(OCTET, "x86-64", tmp_path / "a")
    x = random_samples(OCTET, 3)
    for use in (lambda: artifact.predict(x), lambda: artifact.predict_packed(OCTET.encoder.evaluate(x), 3)):
        with pytest.raises(UnsupportedError, match="code for x86_64-unknown-linux-gnu cannot run on Linux aarch64"):
            use()


@here
def test_an_old_cpu_is_told_so(built: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(built.library, "_predict", lambda *_: -2)
    with pytest.raises(UnsupportedError, match="older than x86-64-v2"):
        built.predict(random_samples(OCTET, 3))


@here
def test_the_example_runs(built: Artifact, tmp_path: Path) -> None:
    example_runs(built, tmp_path)


CXX = """
#include <cstdio>
#include "lgn_random11.h"

int main()
{
    lgn_random11_input samples[3][LGN_RANDOM11_FEATURES] = {};
    lgn_random11_word words[LGN_RANDOM11_BITS] = {};
    int32_t scores[3][LGN_RANDOM11_CLASSES];
    uint16_t classes[3];

    if (lgn_random11_selftest() != 0 || lgn_random11_predict(samples[0], 3, scores[0], classes) != LGN_RANDOM11_OK) {
        return 1;
    }
    std::printf("%d", static_cast<int>(classes[2]));
    if (lgn_random11_predict_packed(words, 3, scores[0], classes) != LGN_RANDOM11_OK) {
        return 2;
    }
    std::printf(" %d\\n", static_cast<int>(classes[2]));
    return 0;
}
"""


@here
def test_a_cxx_program_runs(built: Artifact, tmp_path: Path) -> None:
    """Compiled as C++, linked without its standard library, which the program does not use."""
    source, obj, program = tmp_path / "main.cpp", tmp_path / "main.o", tmp_path / "main"
    source.write_text(CXX)
    flags = ["-std=c++11", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{built.folder / 'include'}"]
    toolchain._zig("c++", "-target", X86_64.machine.triple, *flags, "-c", str(source), "-o", str(obj))
    toolchain.link_program([obj, built.folder / "lib" / f"lib{PREFIX}.a"], program, X86_64.machine)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    zeros = OCTET.evaluate(np.zeros((1, 64), np.uint8)).classes[0]
    unset = built.predict_packed(np.zeros((192, 1), np.uint64), 1).classes[0]
    assert (done.returncode, done.stdout) == (0, f"{zeros} {unset}\n")
