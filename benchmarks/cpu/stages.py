"""The stages of a native artifact one by one, and the limit of the machine, without Python in between."""

from __future__ import annotations

import ctypes
import platform
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lgn_edge import toolchain
from lgn_edge.artifact import Artifact
from lgn_edge.forms.rows.gates import uniform_interpreter
from lgn_edge.forms.rows.schedule import TREE, uniform_schedule
from lgn_edge.forms.rows.workspace import Workspace
from lgn_edge.network import Network, flatten
from lgn_edge.passes import simplify
from lgn_edge.targets.compile import compile_kernels
from lgn_edge.targets.native import native

Timer = Callable[[int], float]
LIMIT_GATES = 64_000  # gates of one repeat of the limit; a multiple of 64


class Stages:
    """The loops of stages.c, compiled for this machine with the toolchain that artifacts are built with."""

    def __init__(self) -> None:
        wide = ("-mprefer-vector-width=512",) if platform.machine() == "x86_64" else ()
        machine = toolchain.Machine(f"{platform.machine()}-linux-gnu.2.17", "native", ("-fPIC", *wide))
        with tempfile.TemporaryDirectory() as folder:
            made, library = Path(folder) / "stages.o", Path(folder) / "stages.so"
            toolchain.compile_c(Path(__file__).with_name("stages.c"), made, machine)
            toolchain.link_shared([made], library)
            self._library = ctypes.CDLL(str(library))

    def limit(self) -> Timer:
        """Seconds of `repeats` times `LIMIT_GATES` gates on rows of 512 samples in the first cache."""
        rows = _aligned(np.zeros(224 * 64, np.uint8).nbytes)
        rows[:] = np.random.default_rng(0).integers(0, 256, len(rows))
        return lambda repeats: _timed(self._library.limit, rows, LIMIT_GATES * repeats)

    def limit_twice(self) -> Timer:
        """The same in two threads at once: what a second thread can give on this machine at this moment."""
        loops = self.limit(), self.limit()

        def timer(repeats: int) -> float:
            start = time.perf_counter()
            with ThreadPoolExecutor(len(loops)) as pool:
                list(pool.map(lambda loop: loop(repeats), loops))
            return time.perf_counter() - start

        return timer

    def of(self, network: Network, artifact: Artifact, samples: NDArray[Any]) -> Mapping[str, Timer]:
        """Seconds of `repeats` blocks of each kernel; packing reads and scores writes a fresh block each time.

        "gates" counts the outputs as they come; "gate loop" is the same without counting.
        """
        manifest = artifact.manifest
        library = ctypes.CDLL(str(artifact.folder / "lib" / f"liblgn_{manifest.name}.so"))
        pack, gates, total = (getattr(library, f"lgn_{manifest.name}_{stage}") for stage in ("pack", "gates", "sum"))
        loop = _gate_loop(network)
        block, blocks = manifest.block, len(samples) // manifest.block
        slots = _aligned(manifest.workspace_bytes, manifest.workspace_align)
        scores, classes = np.empty((len(samples), manifest.classes), np.int32), np.empty(len(samples), np.uint16)
        loops = self._library
        size = samples[:block].nbytes
        return {
            "pack": lambda n: _timed(
                loops.repeat_pack, pack, samples, size, blocks, manifest.features, block, slots, n
            ),
            "gates": lambda n: _timed(loops.repeat_gates, gates, slots, n),
            "gate loop": lambda n: _timed(loops.repeat_gates, loop, slots, n),
            "scores": lambda n: _timed(
                loops.repeat_sum, total, slots, block, block * manifest.classes, blocks, scores, classes, n
            ),
        }

    def image_layers(self, artifact: Artifact, kernel: str = "convolve") -> Timer:
        """Seconds of `repeats` blocks of the image layers that stay what they are; "one_convolve" is of samples."""
        manifest = artifact.manifest
        library = ctypes.CDLL(str(artifact.folder / "lib" / f"liblgn_{manifest.name}.so"))
        slots = _aligned(manifest.workspace_bytes, manifest.workspace_align)
        run = getattr(library, f"lgn_{manifest.name}_{kernel}")
        return lambda repeats: _timed(self._library.repeat_gates, run, slots, repeats)

    def reading(self, samples: NDArray[Any], block: int) -> Timer:
        """Seconds of reading `repeats` blocks of samples and doing nothing with them, a fresh block each time."""
        size, blocks = samples[:block].nbytes, len(samples) // block
        return lambda repeats: _timed(self._library.reading, samples, size, blocks, repeats)


def _gate_loop(network: Network) -> Any:
    """The gates of a network as its artifact runs them, with one tree at the end instead of all."""
    program = uniform_schedule(simplify(flatten(network))[0], network.head.classes)
    last = {"tree_slot": program.tree_slot[-TREE:], "tree_stop": program.tree_stop[-1:]}
    last |= {"tree_class": program.tree_class[-1:], "tree_inverted": program.tree_inverted[-1:]}
    target = native()
    program = replace(program, **last)
    kernel = uniform_interpreter(program, Workspace.of(program), target.shape, "loop")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "loop.so"
        toolchain.link_shared(compile_kernels([kernel], target, Path(folder)), library)
        return ctypes.CDLL(str(library)).loop_gates


def _timed(function: Any, *arguments: Any) -> float:
    converted = [_argument(argument) for argument in arguments]
    start = time.perf_counter()
    function(*converted)
    return time.perf_counter() - start


def _argument(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return ctypes.c_void_p(value.ctypes.data)
    return ctypes.c_size_t(value) if isinstance(value, int) else value


def _aligned(size: int, align: int = 64) -> NDArray[np.uint8]:
    memory = np.zeros(size + align, np.uint8)
    start = -memory.ctypes.data % align
    return memory[start : start + size]
