"""Artifacts for GPUs, executed: OpenCL by PoCL on this CPU, WebGPU by wgpu on whatever adapter is there."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lgn_edge import build, load_artifact, toolchain
from lgn_edge.artifact import builder
from lgn_edge.artifact import opencl as opencl_module
from lgn_edge.artifact.gpu_library import GpuLibrary
from lgn_edge.artifact.opencl import find_opencl, missing_opencl
from lgn_edge.artifact.selftest import selftest_samples
from lgn_edge.errors import UnsupportedError
from lgn_edge.network import Network
from lgn_edge.targets.registry import find_target
from tests.artifact.test_makefiles import HERE, make
from tests.outside import needs_emulator
from tests.strategies import random_image_network, random_network, random_samples
from tests.thinning import combinations

TARGETS = ("opencl", "webgpu")
NETWORKS = {
    "floats": random_network(1, bits=40, widths=(70, 66), classes=3),
    "bytes": random_network(2, features=9, bits=300, widths=(500, 400, 390), input_dtype="uint8"),
    "edges": random_network(3, features=3, bits=33, widths=(50, 300), classes=10, input_dtype="uint8", edges=True),
    "bits": random_network(4, bits=33, widths=(50, 37), classes=0),
    "a score": random_network(5, widths=(33, 31), classes=1, input_dtype="uint8"),
    "a bit": random_network(6, features=1, bits=1, widths=(1,), classes=0),
    "constants": random_network(7, widths=(13, 12), tables=(0, 15)),
    "wires": random_network(8, bits=50, widths=(40, 40), classes=4, tables=(3, 5, 10, 12)),
    "deep": random_network(9, bits=33, widths=(9,) * 40 + (12,)),
    "images": random_image_network(5),
}
FORMS = {"block": None, "waves": 0}


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Build for a GPU with so many bytes of shared memory."""

    def of(size: int | None) -> None:
        def smaller(name: str) -> Any:
            target = find_target(name)
            assert target.gpu is not None
            # no shared memory means waves; no cache, that they take one tile at a time
            return target if size is None else replace(target, gpu=replace(target.gpu, shared_bytes=0, cache_bytes=0))

        monkeypatch.setattr(builder, "find_target", smaller)

    return of


@pytest.mark.parametrize(("target", "form", "name"), combinations(TARGETS, list(FORMS), list(NETWORKS)))
def test_every_network_and_any_number_of_samples(
    tmp_path: Path, shared: Any, target: str, form: str, name: str
) -> None:
    needs_emulator(target)
    shared(FORMS[form])
    network = NETWORKS[name]
    built = build(network, target, tmp_path / "built")
    assert built.report["form"] == form
    assert built.report["why"].startswith(f"{form}: ")
    for n in (0, 1, 31, 33, 65, 1025):
        samples = random_samples(network, n)
        expected = network.evaluate(samples)
        assert built.predict(samples) == expected
        assert built.predict_packed(network.encoder.evaluate(samples), n) == expected
    assert built.selftest()


@pytest.mark.parametrize("target", TARGETS)
def test_an_artifact_is_loaded_and_the_same_bytes_again(tmp_path: Path, target: str) -> None:
    needs_emulator(target)
    network = NETWORKS["bytes"]
    built = [build(network, target, tmp_path / name) for name in ("one", "two")]
    assert built[0].manifest.files == built[1].manifest.files
    samples = random_samples(network, 70)
    assert load_artifact(tmp_path / "one").predict(samples[::2]) == network.evaluate(samples[::2])


def test_triton_is_loaded_behind_a_driver_of_vulkan() -> None:
    needs_emulator("webgpu")
    pytest.importorskip("triton")
    opened = "from lgn_edge.artifact.webgpu import _adapters; _adapters()[0].request_device_sync()"
    code = f"{opened}; import triton._C.libtriton"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_threads_take_turns(tmp_path: Path) -> None:
    needs_emulator("opencl")
    network = NETWORKS["bytes"]
    built = build(network, "opencl", tmp_path / "built")
    pieces = [random_samples(network, n) for n in (700, 30, 64, 1, 500, 33)]
    with ThreadPoolExecutor(6) as pool:
        for samples, got in zip(pieces, pool.map(built.predict, pieces), strict=True):
            assert got == network.evaluate(samples)


def test_a_self_test_finds_a_wrong_table(tmp_path: Path) -> None:
    needs_emulator("webgpu")
    built = build(NETWORKS["bytes"], "webgpu", tmp_path / "built")
    tables = bytearray((tmp_path / "built" / "tables.bin").read_bytes())
    for i in range(len(tables) // 2, len(tables) // 2 + 400, 8):
        tables[i] ^= 1
    (tmp_path / "built" / "tables.bin").write_bytes(tables)
    assert not built.selftest()


def test_the_example_of_opencl_runs_where_the_folder_is_moved(tmp_path: Path) -> None:
    needs_emulator("opencl")
    network = replace(NETWORKS["bytes"], class_names=("red", 'the "green"', "blue"))
    built = build(network, "opencl", tmp_path / "built", name="colours")
    make(built, *HERE, "example")
    moved = built.folder.rename(tmp_path / "moved here")
    found = find_opencl()
    environment = dict(os.environ)
    if found.driver:  # what `OpenCl.open` does in this process
        environment |= {"LD_LIBRARY_PATH": str(found.driver.parent), "PYOPENCL_HOME": str(found.driver.parents[1])}
    done = subprocess.run(
        [moved / "example", found.library], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    device, tested, *lines = done.stdout.splitlines()
    assert device.startswith("device: ")
    assert tested == "self-test: ok"
    expected = network.evaluate(selftest_samples(network, find_target("opencl").selftest_vectors)[:8])
    names = network.class_names
    scores = expected.scores[range(8), expected.classes]
    assert lines == [
        f"class {c} ({names[c]}), score {score}" for c, score in zip(expected.classes, scores, strict=True)
    ]
    failed = subprocess.run([moved / "example", "nowhere.so"], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stdout.startswith("error -3: no OpenCL: nowhere.so")


OPENCL_FAULTS = """\
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

typedef void *(*create)(void *, uint64_t, size_t, void *, int32_t *);

/* A device with little memory. */
void *clCreateBuffer(void *context, uint64_t flags, size_t size, void *given, int32_t *error)
{
    void *const next = dlsym(RTLD_NEXT, "clCreateBuffer");
    if (size > MOST) {
        *error = -4;
        return NULL;
    }
    return ((create)(uintptr_t)next)(context, flags, size, given, error);
}
#ifdef NO_LAUNCH
int32_t clEnqueueNDRangeKernel(void)
{
    return -54;
}
#endif
"""


@pytest.fixture
def faulty(tmp_path: Path) -> Any:
    """A library of OpenCL that fails: in front of the one that is here."""
    needs_emulator("opencl")
    found = find_opencl()
    loader = ctypes.CDLL(found.open())
    source = tmp_path / "faults.c"
    source.write_text(OPENCL_FAULTS)

    def of(*defines: str) -> str:
        library = tmp_path / f"faults{len(defines)}{''.join(defines)}.so"
        machine = find_target("opencl").machine
        flags = [f"-D{define}" for define in defines]
        toolchain._zig(
            "cc", *toolchain._machine(machine), *flags, "-O2", "-fPIC", "-shared", "-nostdlib", "-Wl,--no-as-needed",
            "-o", str(library), str(source),
            _path_of(loader, found.library), "-lc", "-ldl",
        )  # fmt: skip
        return str(library)

    return of


def _path_of(loader: ctypes.CDLL, name: str) -> str:
    if "/" in name:
        return name
    lines = Path("/proc/self/maps").read_text().splitlines()
    return next(line.split()[-1] for line in lines if "libOpenCL" in line)


def _library(folder: Path, network: Network, driver: str) -> GpuLibrary:
    return GpuLibrary(next((folder / "lib").glob("*.so")), f"lgn_{network.name}", network.head.n_outputs, driver)


def test_little_memory_makes_smaller_pieces(tmp_path: Path, faulty: Any) -> None:
    network = NETWORKS["bytes"]
    build(network, "opencl", tmp_path / "built")
    library = _library(tmp_path / "built", network, faulty("MOST=40000"))
    samples = random_samples(network, 5000)
    assert library.predict(samples) == network.evaluate(samples)
    assert library.chunk < 5000
    assert library.chunk % 32 == 0
    words = network.encoder.evaluate(samples)
    assert library.predict_packed(words, 5000) == network.evaluate(samples)


def test_what_fails_is_said(tmp_path: Path, faulty: Any) -> None:
    network = NETWORKS["bytes"]
    build(network, "opencl", tmp_path / "built")
    samples = random_samples(network, 70)
    with pytest.raises(UnsupportedError, match=r"no \d+ bytes for the program: OpenCL error -4"):
        _library(tmp_path / "built", network, faulty("MOST=2000")).predict(samples)
    with pytest.raises(UnsupportedError, match="the kernel lgn_block was not launched: OpenCL error -54"):
        _library(tmp_path / "built", network, faulty("MOST=1000000", "NO_LAUNCH")).predict(samples)
    with pytest.raises(UnsupportedError, match=r"no OpenCL: .*nowhere\.so"):
        _library(tmp_path / "built", network, str(tmp_path / "nowhere.so"))


def test_no_opencl_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opencl_module, "_platforms", lambda library: 0)
    monkeypatch.setattr(opencl_module, "_WHEELS", ("no_such_wheel",))
    assert "pip install 'lgn-edge[opencl]'" in (missing_opencl() or "")
