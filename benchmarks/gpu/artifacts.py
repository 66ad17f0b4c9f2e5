"""Artifacts for CUDA: their bits, and how fast they are, beside difflogic's packed inference.

They are built where TVM is (`prepare_artifacts`), and lie in build/gpu/artifacts where there is a GPU. Without one, and
quickly, small ones run behind the tests' stand-in for the driver, so that every line of this is executed; nothing is
timed then.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from harness import TRUE_GATES, Options, Row, random_network, random_samples, run
from numpy.typing import NDArray

from gpu.carried import CARRIED, ROOT
from gpu.timing import DEVICE, seconds
from lgn_edge import load_artifact
from lgn_edge.artifact import Artifact
from lgn_edge.artifact import cuda as cuda_artifact
from lgn_edge.artifact.cuda import CudaLibrary
from lgn_edge.errors import LgnError
from lgn_edge.network import Network

FOLDER: Final = CARRIED / "artifacts"
COUNTS: Final = (0, 1, 31, 33, 1025, 5001)
FEW, MANY = 1024, 65_536  # samples of a call
SIZES: Final[Mapping[str, tuple[int, ...]]] = {"6 x 8,000": (8_000,) * 6, "6 x 64,000": (64_000,) * 6}
SMALL: Final[Mapping[str, tuple[int, ...]]] = {"2 x 90": (90, 90)}
# What each is built for: a GPU that is named, and whatever takes its PTX, which are different forms of large networks.
BUILT_FOR: Final[Mapping[str, tuple[str, ...]]] = {"sm_90": ("sm_90",), "any GPU": ()}
BARS: Final = {FEW: (">= 10", ">= 30"), MANY: (">= 3", ">= 6")}


def network_of(widths: tuple[int, ...]) -> Network:
    """The same network on every machine."""
    return random_network(widths, gates=TRUE_GATES)


def place(folder: Path, size: str, gpus: str) -> Path:
    """Where an artifact is."""
    return folder / f"{size} for {gpus}".replace(" ", "_").replace(",", "")


def prepare_artifacts(folder: Path = FOLDER, sizes: Mapping[str, tuple[int, ...]] = SIZES) -> None:
    """Build every artifact; needs TVM and ziglang."""
    from lgn_edge import build

    folder.mkdir(parents=True, exist_ok=True)
    for size, widths in sizes.items():
        for gpus, arch in BUILT_FOR.items():
            build(network_of(widths), "cuda", place(folder, size, gpus), name="measured", arch=arch)


@dataclass(frozen=True)
class Gpu:
    """Memory of a GPU, and waiting for it: torch's, or that of the stand-in.

    Attributes:
        give: an array of the GPU's memory with these values.
        read: the values of such an array, when all is done.
        address: of such an array.
    """

    give: Callable[[NDArray[Any]], Any]
    read: Callable[[Any], NDArray[Any]]
    address: Callable[[Any], int]


def real_gpu() -> Gpu:
    """That of torch."""
    return Gpu(
        lambda values: torch.from_numpy(values).to(DEVICE),
        lambda array: array.cpu().numpy(),
        lambda array: int(array.data_ptr()),
    )


def stand_in() -> Gpu:
    """That of the tests, which runs PTX on the CPU."""
    sys.path.insert(0, str(ROOT))
    from tests.cuda.stand_in import StandIn

    driver = StandIn()
    cuda_artifact.DRIVER = str(driver.path)  # type: ignore[misc]  # so that nobody asks for NVIDIA's

    def read(array: Any) -> NDArray[Any]:
        driver.wait(0)
        return driver.read(array)

    return Gpu(driver.give, read, lambda array: int(array.address))


def measure(options: Options) -> Iterator[Row]:
    """Bits first, then the rows of the table, for every network and every form that was built."""
    began = time.monotonic()
    small = options.quick or DEVICE == "cpu"
    gpu, sizes = (stand_in(), SMALL) if DEVICE == "cpu" else (real_gpu(), SMALL if small else SIZES)
    with tempfile.TemporaryDirectory() as folder:
        place_of = FOLDER
        if small:
            place_of = Path(folder)
            prepare_artifacts(place_of, sizes)
        for size, widths in sizes.items():
            network = network_of(widths)
            theirs: dict[int, float] = {}
            if time.monotonic() - began < options.seconds:
                yield from peer(size, network, theirs, small)
            for gpus in BUILT_FOR:
                if time.monotonic() - began > options.seconds:
                    yield Row(f"{size} for {gpus}", None, "", note="not run: no time was left")
                    continue
                yield from artifact_rows(place(place_of, size, gpus), f"{size} for {gpus}", network, gpu, theirs, small)


def artifact_rows(
    folder: Path, name: str, network: Network, gpu: Gpu, theirs: Mapping[int, float], small: bool
) -> Iterator[Row]:
    """All that is measured of one artifact."""
    try:
        artifact = load_artifact(folder)
        bits = equal(artifact, network, gpu, COUNTS[: 4 if small else None])
    except (LgnError, RuntimeError) as error:  # the rows of the others are worth as much
        yield Row(f"{name}: bits", None, "%", ">= 100", note=f"{type(error).__name__}: {error}", failed=True)
        return
    note = f"{artifact.report['form']}, self-test {'right' if artifact.selftest() else 'WRONG'}"
    yield Row(f"{name}: bits that are equal", bits, "%", ">= 100", note=note)
    for n in (65,) if small else (FEW, MANY):
        yield from packed(artifact, name, network, gpu, n, theirs)
    yield from bulk(artifact, name, network, gpu, 65 if small else 1 << 18)
    yield one_sample(artifact, name, network, gpu)
    yield from_host(artifact, name, network, 65 if small else MANY)


def words_of(network: Network, n: int) -> NDArray[np.int32]:
    """Packed bits int32[bits, ceil(n / 32)] of random samples."""
    words = network.encoder.evaluate(random_samples(network, n)).view(np.int32)
    return np.ascontiguousarray(words[:, : -(-n // 32)])


def equal(artifact: Artifact, network: Network, gpu: Gpu, counts: tuple[int, ...]) -> float:
    """The share of scores and classes that are the reference's, of samples in the host's memory and the GPU's."""
    right = total = 0
    for n in counts:
        samples = random_samples(network, n)
        expected = network.evaluate(samples)
        there = artifact.predict_device(gpu.give(samples))
        packed_there = artifact.predict_packed_device(gpu.give(words_of(network, n)), n)
        here = artifact.predict(samples)
        results = [(here.scores, here.classes)]
        results += [(gpu.read(each.scores), gpu.read(each.decision)) for each in (there, packed_there)]
        for scores, classes in results:
            right += int((scores == expected.scores).sum() + (classes == expected.classes).sum())
            total += scores.size + classes.size
    return 100 * right / total


def called(artifact: Artifact, function: str, gpu: Gpu, given: Any, n: int, times: int) -> float | None:
    """Seconds of a call of the C interface on the GPU's memory, one behind the other; None without a GPU."""
    library = artifact.library
    assert isinstance(library, CudaLibrary), "these are artifacts for CUDA"
    scores = gpu.give(np.zeros((n, artifact.manifest.classes), np.int32))
    classes = gpu.give(np.zeros(n, np.int32))
    places = gpu.address(given), n, gpu.address(scores), gpu.address(classes)

    def calls() -> None:
        for _ in range(times):
            library.call_device(function, 0, *places)

    took = seconds(calls)
    gpu.read(classes)
    return took and took / times


def packed(
    artifact: Artifact, name: str, network: Network, gpu: Gpu, n: int, theirs: Mapping[int, float]
) -> Iterator[Row]:
    """Packed words in, scores out."""
    took = called(artifact, "predict_packed_device", gpu, gpu.give(words_of(network, n)), n, 10)
    title = f"{name}: packed words in, scores out, {n:,} samples"
    yield Row(title, took and took * 1e6, "us", note=timed())
    must, aim = BARS.get(n, ("", ""))
    ratio = theirs[n] / took if took and n in theirs else None
    yield Row(
        f"{title}, over difflogic's", ratio, "times", must, aim, "" if ratio else "not run: one of the two is not timed"
    )


def bulk(artifact: Artifact, name: str, network: Network, gpu: Gpu, n: int) -> Iterator[Row]:
    """Gates and samples a second, features in and classes out, and packed bits in."""
    work = network.n_gates * n / 1e12
    left = f"{network.n_gates:,} gates, of which {artifact.report['gates_scheduled']:,} run; {timed()}"
    took = called(artifact, "predict_device", gpu, gpu.give(random_samples(network, n)), n, 1)
    yield Row(f"{name}: features in, classes out", took and work / took, "T gate-samples/s", ">= 1", ">= 2", left)
    took = called(artifact, "predict_packed_device", gpu, gpu.give(words_of(network, n)), n, 1)
    yield Row(f"{name}: packed bits in", took and work / took, "T gate-samples/s", ">= 3", ">= 8", left)


def one_sample(artifact: Artifact, name: str, network: Network, gpu: Gpu) -> Row:
    """One sample, its launches replayed as a graph of CUDA, until the host knows its class."""
    title, sample = f"{name}: one sample, graph replayed", gpu.give(random_samples(network, 1))
    if DEVICE == "cpu":
        artifact.predict_device(sample)
        return Row(title, None, "us", "", "<= 20", timed())
    library = CudaLibrary(artifact.folder, artifact.manifest)  # of its own, as events of a graph stay in it
    stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
    with torch.cuda.stream(stream):
        library.predict_device(sample)  # makes the buffers
    torch.cuda.synchronize()
    with torch.cuda.graph(graph, stream=stream):
        result = library.predict_device(sample)
    host = torch.empty(1, dtype=torch.int32, pin_memory=True)
    rounds = 300
    start = time.perf_counter()
    for _ in range(rounds):
        graph.replay()
        host.copy_(result.decision, non_blocking=True)
        torch.cuda.synchronize()
    return Row(
        title, (time.perf_counter() - start) / rounds * 1e6, "us", "", "<= 20", "from Python, with the class's copy"
    )


def from_host(artifact: Artifact, name: str, network: Network, n: int) -> Row:
    """Samples in the host's memory, results back in it."""
    samples = random_samples(network, n)
    artifact.predict(samples)
    start = time.perf_counter()
    for _ in range(3):
        artifact.predict(samples)
    took = (time.perf_counter() - start) / 3
    value = None if DEVICE == "cpu" else n / took / 1e6
    return Row(
        f"{name}: from the host's memory and back", value, "M samples/s", note=f"{n:,} samples a call; {timed()}"
    )


def peer(size: str, network: Network, theirs: dict[int, float], small: bool) -> Iterator[Row]:
    """Packed inference of difflogic, of a network of the same size, whose speed does not depend on its gates."""
    title = f"difflogic, {size}: packed words in, scores out"
    try:
        model, pack = difflogic_model(network)
    except (ImportError, RuntimeError) as error:  # not installed, or without its extension
        yield Row(title, None, "us", note=f"not run: {type(error).__name__}: {error}")
        return
    for n in (65,) if small else (FEW, MANY):
        call = pack(torch.rand(n, network.encoder.n_outputs, device=DEVICE) > 0.5, model)
        took = seconds(call)
        if took:
            theirs[n] = took
        yield Row(f"{title}, {n:,} samples", took and took * 1e6, "us", note=timed())


def difflogic_model(network: Network) -> tuple[Any, Callable[[Any, Any], Callable[[], object]]]:
    """The model, and what makes a call of it out of bits bool[n, inputs]."""
    if DEVICE == "cpu":
        raise RuntimeError("it needs a GPU")
    from difflogic import GroupSum, LogicLayer, PackBitsTensor

    sizes = [network.encoder.n_outputs, *(len(layer.a) for layer in network.layers)]
    layers = [LogicLayer(a, b, device="cuda", implementation="cuda") for a, b in pairwise(sizes)]
    model = torch.nn.Sequential(*layers, GroupSum(network.head.n_outputs)).to(DEVICE).eval()

    def call_of(bits: Any, model: Any) -> Callable[[], object]:
        given = PackBitsTensor(bits)
        words = given.t

        def call() -> object:
            given.t = words  # its layers put their outputs here
            with torch.no_grad():
                return model(given)

        return call

    return model, call_of


def timed() -> str:
    """Why there is no figure, where there is none."""
    return "" if DEVICE == "cuda" else "not timed: no GPU"


if __name__ == "__main__":
    run("artifacts", measure)
