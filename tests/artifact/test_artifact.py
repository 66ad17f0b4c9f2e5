"""Artifacts built, called and executed; every output compared."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from lgn_edge import emulate, files, toolchain
from lgn_edge.artifact import Artifact, build, builder, load_artifact, measure
from lgn_edge.artifact import threads as thread_choice
from lgn_edge.artifact.builder import c_identifier
from lgn_edge.artifact.selftest import selftest_samples
from lgn_edge.errors import InputError, LgnError, MissingProgramError, UnsupportedError
from lgn_edge.forms import choice
from lgn_edge.network import GroupSum, LogicDense, Network, Threshold
from lgn_edge.targets.cortex_m import CORTEX_M
from lgn_edge.targets.native import native
from tests.outside import needs_emulator
from tests.strategies import random_image_network, random_network, random_samples
from tests.thinning import combinations, few

FLOAT = random_network(10, features=12, bits=50, widths=(90, 80, 70), classes=7)
OCTET = random_network(11, features=64, bits=192, widths=(300, 200), classes=10, input_dtype="uint8")
ODD = random_network(12, features=1, bits=3, widths=(5, 3), classes=3, input_dtype="uint8")
CONSTANT = random_network(13, features=3, bits=3, widths=(4,), classes=2, tables=(0, 15))
IMAGE = random_image_network(14)  # convolutions, a pool, and a layer that reads all of them
EDGES = random_network(15, features=40, bits=150, widths=(100, 60), classes=3, input_dtype="uint8", edges=True)
NETWORKS = {"float32": FLOAT, "uint8": OCTET, "odd": ODD, "constant": CONSTANT, "image": IMAGE, "edges": EDGES}
CORES = [target.name for target in CORTEX_M]


def tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return build(OCTET, "native", tmp_path_factory.mktemp("artifact") / "native")


@pytest.fixture(scope="module")
def arm(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return build(OCTET, "arm", tmp_path_factory.mktemp("artifact") / "arm", optimize="size")


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_native_equals_the_reference(network: Network, tmp_path: Path) -> None:
    artifact = build(network, "native", tmp_path / "native")
    assert artifact.selftest()
    for n in (0, 1, 63, 64, 65, 511, 512, 513, 1025):
        x = random_samples(network, n, seed=n)
        want = network.evaluate(x)
        assert artifact.predict(x) == want
        assert artifact.predict_packed(network.encoder.evaluate(x), n) == want


@pytest.mark.parametrize(("network", "core"), combinations(NETWORKS, CORES))
def test_firmware_equals_the_reference(network: Network, core: str, tmp_path: Path) -> None:
    needs_emulator(core)
    artifact = build(network, core, tmp_path / core)
    assert artifact.selftest()
    for n in (0, 1, 31, 32, 33, 70):
        x = random_samples(network, n, seed=n)
        assert artifact.predict(x) == network.evaluate(x)


def layouts(x: np.ndarray) -> dict[str, np.ndarray]:
    """The same samples, lying in memory in other ways."""
    wide = np.zeros((len(x), x.shape[1] + 5), x.dtype)
    wide[:, 3:-2] = x
    odd = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(x.dtype) if x.itemsize == 1 else None
    return {
        "columns of a wider array": wide[:, 3:-2],
        "every other row": np.repeat(x, 2, axis=0)[::2],
        "rows backwards": np.ascontiguousarray(x[::-1])[::-1],
        "feature by feature": np.asfortranarray(x),
        "every other column": np.repeat(x, 2, axis=1)[:, ::2],
        **({"at an odd address": odd.reshape(x.shape)} if odd is not None else {}),
    }


@pytest.mark.parametrize("network", [OCTET, FLOAT, ODD], ids=["uint8", "float32", "odd"])
def test_any_memory_layout_of_the_samples(network: Network, tmp_path: Path) -> None:
    artifact = build(network, "native", tmp_path / "native")
    x = random_samples(network, 1200)
    want = network.evaluate(x)
    for name, same in layouts(x).items():
        assert np.array_equal(same, x, equal_nan=True)
        assert artifact(same) == want, name
        assert artifact(same, threads=3) == want, name
    same = np.broadcast_to(x[7], x.shape)
    assert artifact(same) == network.evaluate(same)


def test_rows_are_read_where_they_lie(built: Artifact) -> None:
    there = {name for name, x in layouts(random_samples(OCTET, 600)).items() if built.library.takes(x)}
    assert there == {"columns of a wider array", "every other row", "rows backwards", "at an odd address"}


def test_many_samples_and_not_a_number(tmp_path: Path) -> None:
    artifact = build(FLOAT, "native", tmp_path / "native")
    x = random_samples(FLOAT, 100_003)
    x[::17, ::3] = np.nan
    x[5::31, 1::2] = np.inf
    x[6::31, 2::2] = -np.inf
    want = FLOAT.evaluate(x)
    assert artifact(x) == want
    assert artifact(x, threads=2) == want


def test_a_stride_out_of_reach_is_refused(built: Artifact) -> None:
    function = built.library._predict
    memory = np.zeros(built.manifest.workspace_bytes + 64, np.uint8)
    workspace = memory.ctypes.data + -memory.ctypes.data % 64
    x, scores, classes = np.zeros(64, np.uint8), np.full(10, 7, np.int32), np.full(1, 7, np.uint16)
    for stride in (2**31 // 512, -(2**31) // 512, 2**40):
        assert function(workspace, x.ctypes.data, stride, 1, scores.ctypes.data, classes.ctypes.data) == -1
    assert (scores == 7).all()
    assert (classes == 7).all()


def test_an_artifact_knows_the_scale_of_its_training(built: Artifact, tmp_path: Path) -> None:
    samples = random_samples(OCTET, 20)
    assert built.predict(samples / 255, scale=255) == OCTET.evaluate(samples)
    build(dataclasses.replace(OCTET, provenance={"scale": "16"}), "c", tmp_path / "c")
    with pytest.raises(InputError, match=r"the artifact takes uint8: it was trained on 0\.\.16, .* give scale 16"):
        load_artifact(tmp_path / "c").predict(samples / 255)


def test_threads_and_simultaneous_calls(built: Artifact) -> None:
    x = random_samples(OCTET, 3000)
    want = OCTET.evaluate(x)
    for threads in (1, 2, 3, 7, 1024):
        assert built.predict(x, threads=threads) == want
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda _: built.predict(x) == want, range(12)))


@pytest.mark.parametrize("target", few(("native", "x86-64", "aarch64", "arm"), "native", "arm"))
def test_two_builds_give_the_same_bytes(target: str, tmp_path: Path) -> None:
    first = tree(build(OCTET, target, tmp_path / "one").folder)
    assert first == tree(build(OCTET, target, tmp_path / "another").folder)
    assert not any(str(tmp_path).encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_building_again_replaces_the_library_in_use(tmp_path: Path) -> None:
    x = random_samples(OCTET, 50)
    other = dataclasses.replace(OCTET, layers=random_network(99, 64, 192, (300, 200), 10, "uint8").layers)
    for network in (OCTET, other, OCTET):
        assert build(network, "native", tmp_path / "a").predict(x) == network.evaluate(x)


def test_firmware_needs_nothing_from_outside(arm: Artifact, tmp_path: Path) -> None:
    """Neither the C library nor the compiler's: every symbol that a member needs, another one defines."""
    defined, needed = set(), set()
    for member in _members(arm.folder / "lib" / "liblgn_random11.a", tmp_path):
        with member.open("rb") as file:
            for symbol in ELFFile(file).get_section_by_name(".symtab").iter_symbols():
                if symbol.name:
                    (needed if symbol["st_shndx"] == "SHN_UNDEF" else defined).add(symbol.name)
    assert needed <= defined, needed - defined
    assert {"lgn_random11_predict", "lgn_random11_selftest"} <= defined


def _members(archive: Path, folder: Path) -> list[Path]:
    toolchain._zig("ar", "x", str(archive), "--output", str(folder))
    return sorted(folder.glob("*.o"))


def test_firmware_report_is_measured(arm: Artifact) -> None:
    measured = arm.report["measured"]
    x = np.zeros((1, 64), np.uint8)
    _, usage = emulate.predict(arm.firmware, x)
    assert measured["instructions"] == usage.instructions > len(OCTET.layers[0].table)
    assert measured["flash_bytes"] == sum(measured["sections"][s] for s in ("text", "rodata", "data"))
    assert measured["ram_bytes"] == 0, "the workspace is on the stack"
    slots = 4 * arm.report["slots"]  # a word each
    assert slots < measured["stack_bytes"] < slots + 128


def test_example_program_runs(built: Artifact, tmp_path: Path) -> None:
    example_runs(built, tmp_path)


def example_runs(built: Artifact, tmp_path: Path) -> None:
    machine = native().machine
    program, objects = tmp_path / "example", [tmp_path / "main.o", built.folder / "lib" / "liblgn_random11.a"]
    toolchain.compile_c(built.folder / "examples" / "main.c", objects[0], machine, include=[built.folder / "include"])
    toolchain.link_program(objects, program, machine)
    result = subprocess.run([program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
    assert result.stdout.startswith("self-test: ok\nclass ")


def test_two_models_in_one_firmware(arm: Artifact, tmp_path: Path) -> None:
    other = build(FLOAT, "arm", tmp_path / "other", name="second")
    image = tmp_path / "both.elf"
    toolchain.link_firmware(
        [arm.folder / "lib" / "liblgn_random11.a", other.folder / "lib" / "liblgn_second.a"],
        image,
        arm.folder / "board" / "linker.ld",
        keep=["lgn_random11_predict", "lgn_second_predict"],
    )
    read = emulate.read_image(image)
    for prefix, network in (("lgn_random11", OCTET), ("lgn_second", FLOAT)):
        encoder = network.encoder
        firmware = emulate.Firmware(read, prefix, encoder.n_features, encoder.input_dtype, network.head.classes)
        x = random_samples(network, 40)
        assert emulate.predict(firmware, x)[0] == network.evaluate(x)


@pytest.mark.parametrize(("form", "fewest"), [("table", 8), ("straight", 2)])
def test_selftest_finds_every_changed_table(
    form: str, fewest: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flip a bit of each table in the linked image, then of the code: no flip of a table goes unnoticed."""
    monkeypatch.setattr(choice, "FORMS", tuple(each for each in choice.FORMS if each.name == form))
    image = build(OCTET, "arm", tmp_path / "arm").firmware.image
    tables = [(name, symbol) for name, symbol in image.symbols.items() if symbol.section == ".rodata"]
    ours = [(name, symbol) for name, symbol in tables if name.startswith("lgn_random11_")]
    assert len(ours) >= fewest
    for name, table in ours:
        for byte in (0, table.size // 2, table.size - 1):
            assert _selftest_fails(_flipped(image, table.address + byte)), (name, byte)
    code = next(section for section in image.sections if section.kind == "text")
    flips = [_selftest_fails(_flipped(image, at)) for at in range(code.address, code.address + code.size, 32)]
    assert sum(flips) > len(flips) // 2


def _selftest_fails(image: emulate.Image) -> bool:
    try:
        return emulate.CortexM(image, "cortex-m4").call("lgn_random11_selftest", limit=10_000_000).result != 0
    except LgnError:
        return True  # outside of the memory, or for ever


def _flipped(image: emulate.Image, address: int) -> emulate.Image:
    segments = []
    for segment in image.segments:
        data = bytearray(segment.data)
        if segment.address <= address < segment.address + len(data):
            data[address - segment.address] ^= 1
        segments.append(dataclasses.replace(segment, data=bytes(data)))
    return dataclasses.replace(image, segments=tuple(segments))


def test_null_pointers_are_refused(built: Artifact) -> None:
    library = built.library._predict
    assert library(None, None, 64, 0, None, None) == 0
    assert library(None, None, 64, 1, None, None) == -1


@pytest.mark.parametrize(
    ("name", "want"), [("Digits v2", "digits_v2"), ("a-b", "a_b"), ("_x_", "x"), ("2nd", "2nd"), ("été", "t")]
)
def test_names_become_identifiers(name: str, want: str) -> None:
    assert c_identifier(name) == want


def test_bad_names_targets_and_samples(built: Artifact, arm: Artifact, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no letter or digit"):
        build(OCTET, "native", tmp_path / "x", name="--")
    with pytest.raises(InputError, match=r"unknown target 'cortex-m5'; did you mean .*cortex-m4"):
        build(OCTET, "cortex-m5", tmp_path / "x")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        build(OCTET, "native", tmp_path / "file")
    with pytest.raises(InputError, match=r"the artifact takes \[n, 64\]"):
        built.predict(np.zeros((1, 3), np.uint8))
    with pytest.raises(InputError, match="takes uint8"):
        built.predict(np.full((1, 64), 0.5))
    with pytest.raises(InputError, match="threads is 0"):
        built.predict(np.zeros((1, 64), np.uint8), threads=0)
    with pytest.raises(InputError, match=r"5 samples take uint64 \[192, 1\]"):
        built.predict_packed(np.zeros((192, 2), np.uint64), 5)
    with pytest.raises(UnsupportedError, match="cortex-m4"):
        arm.predict_packed(np.zeros((192, 1), np.uint64), 5)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]


def test_missing_toolchain_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "missing", lambda: "the ziglang package is not installed: pip install ...")
    with pytest.raises(MissingProgramError, match="target cortex-m4 needs a linker: the ziglang package"):
        build(OCTET, "arm", tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(ODD, "native", tmp_path / "kept")
    before = tree(tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    for name in ("kept", "new"):
        with pytest.raises(InputError, match=r"cannot write .*no space left on device"):
            build(OCTET, "native", tmp_path / name)
    monkeypatch.undo()
    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(InputError, match="no space left"):
        build(OCTET, "native", tmp_path / "kept")
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda folder: (folder / "manifest.json").unlink(),
            "holds no model, training or artifact; give the folder of an",
        ),
        (lambda folder: (folder / "manifest.json").write_text("{"), "cannot be read"),
        (lambda folder: (folder / "manifest.json").write_text('{"format": 99}'), "has format 99, this version reads 1"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), "has format"),
        (lambda folder: _edit(folder, "surplus", 1), "is damaged"),
        (lambda folder: (folder / "lib" / "liblgn_odd.so").write_bytes(b"\x7fELF"), "is not the file that was built"),
        (lambda folder: (folder / "lib" / "liblgn_odd.so").unlink(), "is missing"),
        (lambda folder: shutil.rmtree(folder), "does not exist; check the name"),
    ],
)
def test_damaged_artifacts_are_refused(damage: object, message: str, tmp_path: Path) -> None:
    folder = build(ODD, "native", tmp_path / "a", name="odd").folder
    damage(folder)  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        load_artifact(folder)


def _edit(folder: Path, key: str, value: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))


def test_a_network_too_large_for_the_emulator_is_built_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(measure._RAM, "cortex-m", 64)
    artifact = build(OCTET, "arm", tmp_path / "arm")
    assert artifact.report["measured"]["flash_bytes"] is None
    assert "does not fit the emulator's RAM" in artifact.report["measured"]["not_measured"]
    with pytest.raises(UnsupportedError, match="does not fit the emulator's RAM"):
        artifact.predict(np.zeros((1, 64), np.uint8))


def test_physical_cores_count_siblings_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_choice.os, "sched_getaffinity", lambda _: {0, 1, 2, 5}, raising=False)
    siblings = {"0": "0-1", "1": "0-1", "2": "2,5", "5": "2,5"}
    monkeypatch.setattr(thread_choice.Path, "read_text", lambda path: siblings[path.parts[-3].removeprefix("cpu")])
    assert thread_choice.physical_cores() == 2

    def unreadable(_: Path) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(thread_choice.Path, "read_text", unreadable)
    assert thread_choice.physical_cores() == 4


def test_more_features_than_offsets_reach_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before samples for the self-test are drawn, which takes a minute."""
    monkeypatch.setattr(builder, "selftest_samples", None)
    features = 2**31 // 512
    encoder = Threshold(features, np.array([features - 1]), np.array([0.5], np.float32), "uint8")
    layer = LogicDense(1, np.zeros(2, np.int32), np.zeros(2, np.int32), np.array([3, 12], np.uint8))
    network = Network(encoder, (layer,), GroupSum(2, 2))
    with pytest.raises(UnsupportedError, match="features of a block of samples; the kernels reach 2,147,483,647"):
        build(network, "native", tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_a_long_build_tells_its_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "_LONG", 0.0)
    told: list[str] = []
    build(random_network(1), "native", tmp_path / "x", progress=told.append)
    assert [line.split(",")[0].strip() for line in told if line.startswith("  ")] == [
        "read",
        "simplify",
        "schedule",
        "compile",
        "link",
        "measure",
    ]


def test_small_calls_get_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_choice, "physical_cores", lambda: 4)
    mebibyte = 1 << 20
    assert [thread_choice.worthwhile_threads(blocks, mebibyte) for blocks in (0, 1, 2, 4, 100)] == [1, 1, 2, 4, 4]
    assert thread_choice.worthwhile_threads(7, mebibyte // 8) == 1


def test_threads_that_do_not_help_are_left_out() -> None:
    pace, seconds = thread_choice.Pace(), {1: 0.010, 2: 0.026}
    taken = []
    for _ in range(200):
        taken.append(pace.choose(2, 2))
        pace.note(2, taken[-1], seconds[taken[-1]])
    assert taken[:6] == [1, 1, 1, 2, 2, 2], "each is timed"
    assert set(taken[6:172]) == {1}, "the faster one"
    assert taken.count(2) == 4, "and the other again, in 1/64 of the time: after 167 calls"
    seconds[2] = 0.006  # the machine has become less busy
    for _ in range(6 * 64):
        number = pace.choose(2, 2)
        pace.note(2, number, seconds[number])
    assert pace.choose(2, 2) == 2
    assert pace.choose(64, 2) == 1, "larger calls are timed for themselves"
    assert pace.choose(2, 1) == 1


def test_selftest_samples_are_finite_for_any_threshold() -> None:
    largest = float(np.finfo(np.float32).max)
    encoder = Threshold(3, np.array([0, 1, 2]), np.array([largest, -largest, 0.0], np.float32))
    layer = LogicDense(3, np.array([0, 1]), np.array([1, 2]), np.array([6, 7], np.uint8))
    samples = selftest_samples(Network(encoder, (layer,), GroupSum(2, 1)), 67)
    assert np.isfinite(samples).all(), "the example's source writes them as C numbers"
    assert len(np.unique(encoder.evaluate(samples)[1:])) > 1
