"""Running an artifact for WebGPU from Python, through the package wgpu."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.errors import UnsupportedError
from lgn_edge.forms.gpu.execute import execute
from lgn_edge.forms.gpu.launch import SAMPLES, WORDS, Launches
from lgn_edge.network import Prediction
from lgn_edge.network.truth_table import Words
from lgn_edge.programs import HIDE_VARIABLE, programs_hidden

WEBGPU: Final = "webgpu"

_NUMBERS: Final = 16  # bytes by which blocks of numbers grow


class WebGpuDevice:
    """Kernels of WGSL on a device (`lgn_edge.forms.gpu.execute.Device`).

    Args:
        device: of wgpu.
        sources: the WGSL of each kernel, by its name.
    """

    def __init__(self, device: Any, sources: Mapping[str, str]) -> None:
        import wgpu

        self._device, self._usage = device, wgpu.BufferUsage
        self._pipelines = {
            name: device.create_compute_pipeline(
                layout="auto",
                compute={"module": device.create_shader_module(label=name, code=source), "entry_point": name},
            )
            for name, source in sources.items()
        }

    def allocate(self, size: int) -> Any:
        """Memory of so many bytes, a multiple of 4."""
        usage = self._usage.STORAGE | self._usage.COPY_DST | self._usage.COPY_SRC
        return self._device.create_buffer(size=size, usage=usage)

    def write(self, buffer: Any, values: NDArray[Any]) -> None:
        """Fill the beginning of a buffer."""
        if values.size:
            self._device.queue.write_buffer(buffer, 0, _padded(values, 4))

    def read(self, buffer: Any, size: int) -> bytes:
        """The first bytes of a buffer, when all launches before are done."""
        return bytes(self._device.queue.read_buffer(buffer, 0, -(-size // 4) * 4))[:size] if size else b""

    def launch(self, kernel: str, arguments: Sequence[Any], threads: int, blocks: tuple[int, int], shared: int) -> None:
        """Run a kernel behind all that were launched before."""
        buffers = [argument for argument in arguments if not isinstance(argument, int)]
        # TVM's kernels take the numbers in one buffer, and behind them the index of the last block in x
        numbers = [argument for argument in arguments if isinstance(argument, int)]
        packed = _padded(np.array([*numbers, blocks[0] - 1], np.uint32), _NUMBERS)
        buffers.append(self._device.create_buffer_with_data(data=packed, usage=self._usage.UNIFORM))
        pipeline = self._pipelines[kernel]
        group = self._device.create_bind_group(
            layout=pipeline.get_bind_group_layout(0),
            entries=[
                {"binding": i, "resource": {"buffer": buffer, "offset": 0, "size": buffer.size}}
                for i, buffer in enumerate(buffers)
            ],
        )
        encoder = self._device.create_command_encoder()
        compute = encoder.begin_compute_pass()
        compute.set_pipeline(pipeline)
        compute.set_bind_group(0, group)
        compute.dispatch_workgroups(*blocks, 1)
        compute.end()
        self._device.queue.submit([encoder.finish()])


@dataclass(frozen=True)
class WebGpuModel:
    """An artifact on a device of this machine.

    Attributes:
        launches: what runs.
        device: runs it.
        vectors: samples [n, features] of the self-test, and their scores int32[n, classes].
    """

    launches: Launches
    device: WebGpuDevice
    vectors: tuple[NDArray[Any], NDArray[np.int32]]

    @classmethod
    def load(cls, folder: Path, features: int, input_dtype: str, classes: int) -> WebGpuModel:
        """Open the artifact in a folder.

        Raises:
            UnsupportedError: wgpu is not installed, or finds no adapter.
        """
        reason = missing_webgpu()
        if reason:
            raise UnsupportedError(reason)
        launches = Launches.from_json((folder / "launches.json").read_text(), (folder / "tables.bin").read_bytes())
        sources = {name: (folder / "kernels" / f"{name}.wgsl").read_text() for name in launches.kernels}
        samples = np.fromfile(folder / "selftest" / "samples.bin", input_dtype).reshape(-1, features)
        scores = np.fromfile(folder / "selftest" / "scores.bin", np.int32).reshape(-1, classes)
        return cls(launches, WebGpuDevice(_adapters()[0].request_device_sync(), sources), (samples, scores))

    def predict(self, samples: NDArray[Any], threads: int = 1) -> Prediction:
        """Scores and classes of samples [n, features] of the interface's type, C-contiguous; threads are the GPU's."""
        return self._run(samples, len(samples), SAMPLES)

    def predict_packed(self, words: Words, n: int) -> Prediction:
        """The same from packed bits uint64[bits, ceil(n / 64)]."""
        return self._run(words.astype("<u8").view(np.uint32)[:, : -(-n // 32)], n, WORDS)

    def selftest(self) -> int:
        """0 when the vectors of the artifact agree, else 1 + the index of the first that does not."""
        samples, scores = self.vectors
        wrong = (self.predict(samples).scores != scores).any(1)
        return int(np.argmax(wrong)) + 1 if wrong.any() else 0

    def takes(self, samples: NDArray[Any]) -> bool:
        """Whether `predict` reads these samples where they lie; else they must be copied."""
        return bool(samples.flags.c_contiguous)

    def _run(self, given: NDArray[Any], n: int, takes: str) -> Prediction:
        scores, classes = execute(self.launches, self.device, given, n, takes)
        return Prediction(scores, classes.astype(np.uint16))


def missing_webgpu() -> str | None:
    """Why no code for WebGPU runs here, or None."""
    if importlib.util.find_spec("wgpu") is None:
        return "not installed: wgpu; pip install 'lgn-edge[webgpu]'"
    if programs_hidden():
        return f"a driver of Vulkan is not looked for, as {HIDE_VARIABLE} is set"
    if not _adapters():
        return "no driver of Vulkan is installed; for one on the CPU: apt-get install mesa-vulkan-drivers libvulkan1"
    return None


def _adapters() -> Sequence[Any]:
    """The adapters of WebGPU, GPUs first."""
    if importlib.util.find_spec("triton"):
        # Triton's library and a driver of Vulkan on the CPU each hold LLVM; the process ends where the driver is first.
        importlib.import_module("triton._C.libtriton")
    import wgpu

    # Without a display, Mesa's layer that puts devices in order would write to stderr; the order is made below.
    os.environ.setdefault("NODEVICE_SELECT", "1")
    found = wgpu.gpu.enumerate_adapters_sync()
    return sorted(found, key=lambda adapter: adapter.info["adapter_type"] == "CPU")


def _padded(values: NDArray[Any], multiple: int) -> NDArray[np.uint8]:
    """The bytes of an array, zeros behind them."""
    data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    return np.pad(data, (0, -len(data) % multiple))
