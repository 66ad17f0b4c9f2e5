"""Artifacts for NVIDIA's GPUs: their PTX and their launcher, executed by a driver that stands in for a GPU's."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lgn_edge import build, load_artifact, verify
from lgn_edge.artifact import Artifact, builder
from lgn_edge.artifact import cuda as cuda_module
from lgn_edge.artifact.cuda import CudaLibrary, missing_cuda
from lgn_edge.artifact.dlpack import GpuArray
from lgn_edge.artifact.selftest import selftest_samples
from lgn_edge.errors import InputError, UnsupportedError
from lgn_edge.targets import cubin as cubin_module
from lgn_edge.targets.registry import find_target
from tests.artifact.test_gpu import FORMS, NETWORKS
from tests.artifact.test_makefiles import HERE, make
from tests.cuda.stand_in import StandIn
from tests.strategies import random_network, random_samples
from tests.thinning import few

BYTES = NETWORKS["bytes"]
FLOATS = NETWORKS["floats"]
MEMORY, LAUNCH = 2, 719  # errors of the driver


@pytest.fixture(scope="module")
def stand_in() -> StandIn:
    return StandIn()


@pytest.fixture
def driver(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """The driver of this machine; at the end nothing of it is in use."""
    stand_in._library.test_reset()
    monkeypatch.setattr(cuda_module, "DRIVER", str(stand_in.path))
    yield stand_in
    gc.collect()
    assert stand_in.live == 0


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cuda")


def made(folder: Path, name: str, form: str) -> Artifact:
    """A network of NETWORKS in a form, built once."""
    path = folder / f"{name} {form}".replace(" ", "_")
    if path.exists():
        return load_artifact(path)
    with pytest.MonkeyPatch.context() as patch:
        if FORMS[form] is not None:
            target = find_target("cuda")
            assert target.gpu is not None
            small = replace(target, gpu=replace(target.gpu, shared_bytes=0, cache_bytes=0))
            patch.setattr(builder, "find_target", lambda name: small)
        return build(NETWORKS[name], "cuda", path)


ALL = {f"{form}, {name}": (form, name) for form in FORMS for name in NETWORKS}


@pytest.mark.parametrize("case", few(ALL, "block, bytes", "waves, edges"))
def test_every_network_and_any_number_of_samples(driver: StandIn, folders: Path, case: tuple[str, str]) -> None:
    form, name = case
    network, built = NETWORKS[name], made(folders, name, form)
    assert built.report["form"] == form
    for n in (0, 1, 31, 33, 65, 257):
        samples = random_samples(network, n)
        expected = network.evaluate(samples)
        assert built.predict(samples) == expected, driver.problem
        assert built.predict_packed(network.encoder.evaluate(samples), n) == expected, driver.problem
    assert built.selftest()


def test_an_artifact_is_the_same_bytes_again(folders: Path, tmp_path: Path) -> None:
    again = build(BYTES, "cuda", tmp_path / "again")
    assert again.manifest.files == made(folders, "bytes", "block").manifest.files


@pytest.mark.parametrize("form", list(FORMS))
def test_many_samples_go_in_the_pieces_that_memory_holds(driver: StandIn, folders: Path, form: str) -> None:
    built, samples = made(folders, "bytes", form), random_samples(BYTES, 3001)
    expected = BYTES.evaluate(samples)
    driver.device(memory=60_000 if form == "block" else 140_000)
    library = CudaLibrary(built.folder, built.manifest)
    assert library.predict(samples) == expected
    assert 32 <= library.chunk < 3001
    assert library.chunk % 32 == 0
    assert library.predict_packed(BYTES.encoder.evaluate(samples), 3001) == expected


def test_memory_for_no_piece_is_an_error(driver: StandIn, folders: Path) -> None:
    built = made(folders, "bytes", "block")
    driver.device(memory=9_000)
    with pytest.raises(UnsupportedError, match=r"no [\d,]+ bytes for the \w+: CUDA_ERROR_OUT_OF_MEMORY: out of memory"):
        built.predict(random_samples(BYTES, 3001))


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ({"count": 0}, "no GPU: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected"),
        ({"driver": 9020}, r"driver is for CUDA 9\.2, and the kernels need one for CUDA 10\.0: update it"),
        ({"capability": 70}, r"has compute capability 7\.0, and the kernels need 7\.5"),
        (
            {"shared": 2048},
            r"lgn_block takes 8192 bytes of shared memory, and a block has 2048 on .*: build with --arch",
        ),
    ],
)
def test_gpus_that_cannot_run_it(driver: StandIn, folders: Path, device: dict[str, int], message: str) -> None:
    driver.device(**device)
    with pytest.raises(UnsupportedError, match=message):
        made(folders, "bytes", "block").predict(random_samples(BYTES, 3))


@pytest.mark.parametrize(
    ("function", "code", "message"),
    [
        ("cuInit", 3, "no GPU: CUDA_ERROR_NOT_INITIALIZED"),
        ("cuDeviceGet", 101, "cuDeviceGet: CUDA_ERROR_INVALID_DEVICE"),
        ("cuDevicePrimaryCtxRetain", MEMORY, "a CPU that stands for GPU 0: CUDA_ERROR_OUT_OF_MEMORY"),
        ("cuCtxPushCurrent_v2", 201, "cuCtxPushCurrent: CUDA_ERROR_INVALID_CONTEXT: invalid device context"),
        ("cuModuleLoadDataEx", 218, "GPU 0 does not take the kernels: CUDA_ERROR_INVALID_PTX: a PTX JIT"),
        ("cuModuleLoadDataEx", 222, "does not take the kernels: CUDA_ERROR_UNSUPPORTED_PTX_VERSION: the provided PTX"),
        ("cuModuleGetFunction", 500, "lgn_block: CUDA_ERROR_NOT_FOUND: named symbol not found"),
        ("cuFuncSetAttribute", 1, "lgn_block: CUDA_ERROR_INVALID_VALUE: invalid argument"),
        ("cuStreamCreate", MEMORY, "cuStreamCreate: CUDA_ERROR_OUT_OF_MEMORY"),
        ("cuEventCreate", 12345, "cuEventCreate: unknown error: the driver has no text for it"),
        ("cuMemAlloc_v2", 999, r"no \d+ bytes for the samples: unknown error"),
        ("cuMemcpyHtoDAsync_v2", 700, "a copy to the GPU: CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access"),
        ("cuMemcpyDtoHAsync_v2", 700, "a copy from the GPU: CUDA_ERROR_ILLEGAL_ADDRESS"),
        ("cuLaunchKernel", LAUNCH, "the kernel lgn_block was not launched: CUDA_ERROR_LAUNCH_FAILED: unspecified"),
        ("cuStreamSynchronize", 716, "the GPU stopped: CUDA_ERROR_MISALIGNED_ADDRESS: .* GPU was given is lgn_block"),
    ],
)
def test_what_the_driver_refuses_is_said(
    driver: StandIn, folders: Path, function: str, code: int, message: str
) -> None:
    built, samples = made(folders, "bytes", "block"), random_samples(BYTES, 3)
    driver.fail(function, code)
    with pytest.raises(UnsupportedError, match=message):
        built.predict(samples)
    assert load_artifact(built.folder).predict(samples) == BYTES.evaluate(samples)


def test_a_kernel_that_leaves_its_memory_is_named(driver: StandIn, folders: Path) -> None:
    built, samples = made(folders, "bytes", "block"), random_samples(BYTES, 64)
    library = CudaLibrary(built.folder, built.manifest)
    little = driver.give(samples[:9])
    library.predict_device(GpuArray(little.address, (64, 9), 0, little, dtype="uint8"), 0)
    with pytest.raises(
        UnsupportedError, match=r"CUDA_ERROR_ILLEGAL_ADDRESS: .*; the last kernel that the GPU was given is lgn_block"
    ):
        library.predict(samples)
    assert "ld of 1 bytes" in driver.problem
    driver._library.test_reset()


def test_machine_code_is_taken_for_its_gpu_and_ptx_for_others(driver: StandIn, tmp_path: Path) -> None:
    built = build(BYTES, "cuda", tmp_path / "built", arch=["sm_90", "sm_80"])
    samples = random_samples(BYTES, 40)
    kernels = built.report["kernels"]
    assert list(kernels) == ["sm_80 and newer", "sm_80", "sm_90"]
    assert kernels["sm_80 and newer"] == "PTX 7.0, needs a driver for CUDA 11.0 or newer"
    loads = 1 + kernels["sm_90"].startswith("machine code by ptxas ")  # which the stand-in refuses, and then takes PTX
    for capability, expected in ((90, loads), (86, 1)):
        driver.device(capability=capability)
        assert load_artifact(tmp_path / "built").predict(samples) == BYTES.evaluate(samples)
        assert driver.calls.count("cuModuleLoadDataEx") == expected


def test_without_ptxas_there_is_ptx_only_and_the_report_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cubin_module, "assemblers", lambda: iter(()))
    built = build(random_network(1), "cuda", tmp_path / "built", arch=["sm_90"])
    assert "PTX only: no ptxas is at hand" in built.report["kernels"]["sm_90"]
    assert "| kernels for sm_90 | PTX only: no ptxas" in (tmp_path / "built" / "report.md").read_text()


@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("network", ["bytes", "floats"])
def test_arrays_of_the_gpus_memory_are_taken_and_given(driver: StandIn, folders: Path, network: str, form: str) -> None:
    built = made(folders, network, form)
    for n in (0, 1, 33, 257):
        samples = random_samples(NETWORKS[network], n)
        expected = NETWORKS[network].evaluate(samples)
        given = built.predict_device(driver.give(samples))
        words = NETWORKS[network].encoder.evaluate(samples).view(np.int32)[:, : -(-n // 32)]
        packed = built.predict_packed_device(driver.give(words), n)
        assert driver.wait(0) == 0, driver.problem
        for there in (given, packed):
            np.testing.assert_array_equal(driver.read(there.scores), expected.scores)
            np.testing.assert_array_equal(driver.read(there.decision), expected.classes)


def test_nothing_is_copied_and_nobody_waits(driver: StandIn, folders: Path) -> None:
    built, samples = made(folders, "bytes", "block"), random_samples(BYTES, 64)
    given, stream = driver.give(samples), driver.stream()
    built.predict_device(given, stream=stream)
    _ = driver.calls
    result = built.predict_device(given, stream=stream)
    calls = driver.calls
    assert not [call for call in calls if call.startswith(("cuMemcpy", "cuStreamSynchronize", "cuStreamWaitEvent"))]
    assert [call for call in calls if call.startswith("cuLaunchKernel")] == [
        f"cuLaunchKernel lgn_block (1, 1) x 256 on {driver.name_of(stream)}"
    ]
    assert driver.waiting > 0
    assert (driver.read(result.scores).view(np.uint8) == 0xCD).all()  # not yet
    assert driver.wait(stream) == 0
    np.testing.assert_array_equal(driver.read(result.scores), BYTES.evaluate(samples).scores)
    driver.destroy(stream)


@pytest.mark.parametrize("form", list(FORMS))
def test_streams_wait_for_each_other(driver: StandIn, folders: Path, form: str) -> None:
    built, samples = made(folders, "bytes", form), [random_samples(BYTES, 40, seed=seed) for seed in range(3)]
    given, streams = [driver.give(each) for each in samples], [driver.stream() for _ in samples]
    results = [built.predict_device(each, stream=stream) for each, stream in zip(given, streams, strict=True)]
    assert built.predict(samples[0]) == BYTES.evaluate(samples[0])  # which is behind all of them
    for each, result in zip(samples, results, strict=True):
        np.testing.assert_array_equal(driver.read(result.scores), BYTES.evaluate(each).scores)
    for stream in streams:
        driver.destroy(stream)


def test_whoever_takes_results_on_another_stream_gets_them_when_they_are_there(driver: StandIn, folders: Path) -> None:
    built, samples = made(folders, "bytes", "block"), random_samples(BYTES, 64)
    stream = driver.stream()
    result = built.predict_device(driver.give(samples), stream=stream)
    result.scores.__dlpack__(stream=stream)
    assert driver.waiting > 0
    result.scores.__dlpack__(stream=1)
    assert driver.waiting == 0
    np.testing.assert_array_equal(driver.read(result.scores), BYTES.evaluate(samples).scores)
    driver.destroy(stream)


def test_tensors_of_torch_are_worked_on_in_its_current_stream(
    driver: StandIn, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a torch that stands in, as the real one has no GPU here."""

    class Tensor:
        __module__ = "torch"

        def __init__(self, array: GpuArray) -> None:
            self.array, self.streams = array, list[int]()

        def __dlpack_device__(self) -> tuple[int, int]:
            return self.array.__dlpack_device__()

        def __dlpack__(self, *, stream: int) -> object:
            self.streams.append(stream)
            return self.array.__dlpack__(stream=stream)

        def data_ptr(self) -> int:
            return self.array.address

    def empty(shape: tuple[int, ...], *, dtype: str, device: str) -> Tensor:
        assert (dtype, device) == ("torch.int32", "cuda:0")
        return Tensor(driver.give(np.zeros(shape, np.int32)))

    built, samples, stream = made(folders, "bytes", "block"), random_samples(BYTES, 64), driver.stream()
    cuda = SimpleNamespace(current_stream=lambda index: SimpleNamespace(cuda_stream=stream + index))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda, int32="torch.int32", empty=empty))
    tensor = Tensor(driver.give(samples))
    result = built.predict_device(tensor)
    assert isinstance(result.scores, Tensor)
    assert tensor.streams == [-1]
    assert driver.wait(stream) == 0
    np.testing.assert_array_equal(driver.read(result.scores.array), BYTES.evaluate(samples).scores)
    np.testing.assert_array_equal(driver.read(result.decision.array), BYTES.evaluate(samples).classes)
    driver.destroy(stream)


def test_words_of_pieces_are_gathered(driver: StandIn, folders: Path) -> None:
    """Of more samples than a sequence takes, or memory holds, the words of a piece lie apart."""
    built, n = made(folders, "bytes", "waves"), 2500
    samples = random_samples(BYTES, n)
    words = driver.give(BYTES.encoder.evaluate(samples).view(np.int32)[:, : -(-n // 32)])
    result = built.predict_packed_device(words, n)
    assert sum(call.startswith("cuMemcpy2DAsync_v2 device") for call in driver.calls) == 3
    assert driver.wait(0) == 0, driver.problem
    np.testing.assert_array_equal(driver.read(result.scores), BYTES.evaluate(samples).scores)


def test_arrays_that_do_not_fit_are_refused(driver: StandIn, folders: Path) -> None:
    built, samples = made(folders, "bytes", "block"), random_samples(BYTES, 8)

    def refused(array: Any, message: str) -> None:
        with pytest.raises(InputError, match=message):
            built.predict_device(array)

    refused(
        driver.give(samples.astype(np.float32)), r"the samples are float32; the artifact takes uint8 \[n, 9\]: conv"
    )
    refused(driver.give(samples[:, :5].copy()), r"samples have shape \[8, 5\]; the artifact takes \[n, 9\]")
    refused(driver.give(samples[0].copy()), r"samples have shape \[9\]")
    refused(samples, "the ndarray is in no memory of an NVIDIA GPU; `predict` takes other arrays")
    refused([[1, 2]], "the list is in no memory of an NVIDIA GPU")
    with pytest.raises(UnsupportedError, match="CUDA has 1 GPUs, and none with the index 3"):
        built.predict_device(driver.give(samples, index=3))
    with pytest.raises(InputError, match="the samples are in the memory of GPU 0; give them to `predict_device`"):
        built.predict(driver.give(samples))
    with pytest.raises(InputError, match=r"packed bits have shape \[2, 2\]; 40 samples take \[300, 2\]"):
        built.predict_packed_device(driver.give(np.zeros((2, 2), np.int32)), 40)
    driver.device(count=2)
    second = CudaLibrary(built.folder, built.manifest, 1)
    with pytest.raises(InputError, match="the samples are on GPU 0, and the artifact is open on GPU 1"):
        second.predict_device(driver.give(samples))


def test_arrays_that_do_not_lie_row_by_row_are_refused(driver: StandIn, folders: Path) -> None:
    class Turned(GpuArray):
        def __dlpack__(self, **options: Any) -> Any:
            capsule = super().__dlpack__(**options)
            from lgn_edge.artifact import dlpack

            managed = ctypes.cast(dlpack._get_pointer(capsule, b"dltensor"), ctypes.POINTER(dlpack._Managed))
            self.__dict__["strides"] = (ctypes.c_int64 * 2)(1, 8)
            managed.contents.tensor.strides = self.__dict__["strides"]
            return capsule

    built, array = made(folders, "bytes", "block"), driver.give(random_samples(BYTES, 8))
    with pytest.raises(InputError, match="the samples do not lie row by row; copy them first"):
        built.predict_device(Turned(array.address, array.shape, 0, array, dtype="uint8"))


def test_other_artifacts_take_no_memory_of_a_gpu(driver: StandIn, tmp_path: Path) -> None:
    built = build(BYTES, "native", tmp_path / "native")
    with pytest.raises(UnsupportedError, match="an artifact for native takes no memory of a GPU; build one for cuda"):
        built.predict_device(driver.give(random_samples(BYTES, 8)))


def test_verify_runs_it_and_says_why_not(driver: StandIn) -> None:
    report = verify(FLOATS, backends=["cuda"], samples=40)
    assert report.ok, report
    driver.device(count=0)
    assert "the CUDA driver finds no GPU (its error 100)" in str(verify(FLOATS, backends=["cuda"], samples=40).results)


def test_why_nothing_runs_here(driver: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_cuda() is None
    driver.device(count=0)
    assert missing_cuda() == "the CUDA driver finds no GPU (its error 100)"
    monkeypatch.setattr(cuda_module, "DRIVER", "libcuda.so.of_nobody")
    assert "no CUDA driver is here" in (missing_cuda() or "")


def test_no_driver_is_said(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_module, "DRIVER", "libcuda.so.of_nobody")
    with pytest.raises(UnsupportedError, match=r"no CUDA driver: libcuda.so.of_nobody: .*; install NVIDIA's"):
        made(folders, "bytes", "block").predict(random_samples(BYTES, 1))


def test_a_library_that_is_no_driver(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_module, "DRIVER", "libm.so.6")
    with pytest.raises(UnsupportedError, match=r"libm.so.6 has no function cuInit; update the driver"):
        made(folders, "bytes", "block").predict(random_samples(BYTES, 1))


def test_the_example_runs(driver: StandIn, tmp_path: Path) -> None:
    network = replace(BYTES, class_names=("red", 'the "green"', "blue"))
    folder = tmp_path / "built"
    build(network, "cuda", folder, name="colours")
    make(load_artifact(folder), "example", *HERE, "LDFLAGS=")
    run = subprocess.run([folder / "example", driver.path], capture_output=True, text=True, check=False)
    assert "device: a CPU that stands for GPU 0\nself-test: ok\n" in run.stdout, run.stdout
    nothing = subprocess.run([folder / "example", "libcuda.so.of_nobody"], capture_output=True, text=True, check=False)
    assert nothing.returncode == 1
    assert "error -3: no CUDA driver: " in nothing.stdout


def test_the_self_test_finds_what_is_wrong(driver: StandIn, folders: Path, tmp_path: Path) -> None:
    built = made(folders, "bytes", "block")
    library = tmp_path / "lib" / f"liblgn_{built.name}.so"
    library.parent.mkdir()
    content = bytearray((built.folder / "lib" / library.name).read_bytes())
    scores = BYTES.evaluate(selftest_samples(BYTES, 67)).scores
    content[content.index(scores.tobytes()) + scores[:5].nbytes] ^= 1  # the first score of the sixth vector
    library.write_bytes(content)
    assert CudaLibrary(tmp_path, built.manifest).selftest() == 6


@pytest.mark.parametrize("arch", ["sm_70", "sm_91", "hopper"])
def test_gpus_that_ptx_cannot_reach_are_refused_before_anything(arch: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=arch):
        build(BYTES, "cuda", tmp_path / "built", arch=[arch])
    assert not (tmp_path / "built").exists()


def test_gpus_are_for_cuda_only(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="native is no target for NVIDIA's GPUs; leave out --arch, or build for cuda"):
        build(BYTES, "native", tmp_path / "built", arch=["sm_90"])


def test_jetsons_are_built_for_their_processor(tmp_path: Path) -> None:
    built = build(random_network(1), "cuda", tmp_path / "built", arch=["jetson-orin"])
    assert built.manifest.triple == "aarch64-unknown-linux-gnu"
    with pytest.raises(UnsupportedError, match="code for aarch64-unknown-linux-gnu cannot run on"):
        built.predict(np.zeros((1, built.manifest.features), built.manifest.input_dtype))
    with pytest.raises(
        InputError, match="sm_87 is of a Jetson, whose processor is aarch64, and sm_90 is not; build twice"
    ):
        build(random_network(1), "cuda", tmp_path / "both", arch=["jetson-orin", "sm_90"])
