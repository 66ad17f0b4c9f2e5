"""A device of WebGPU for launches, through the package wgpu."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_NUMBERS: Final = 16  # bytes by which blocks of numbers grow


class WebGpuDevice:
    """Kernels of WGSL on an adapter (`lgn_edge.forms.gpu.execute.Device`).

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
        data = values.reshape(-1).view(np.uint8)
        padded = np.zeros(-(-len(data) // 4) * 4, np.uint8)
        padded[: len(data)] = data
        if len(padded):
            self._device.queue.write_buffer(buffer, 0, padded)

    def read(self, buffer: Any, size: int) -> bytes:
        """The first bytes of a buffer, when all launches before are done."""
        return bytes(self._device.queue.read_buffer(buffer, 0, -(-size // 4) * 4))[:size] if size else b""

    def launch(self, kernel: str, arguments: Sequence[Any], threads: int, blocks: tuple[int, int], shared: int) -> None:
        """Run a kernel behind all that were launched before."""
        buffers = [argument for argument in arguments if not isinstance(argument, int)]
        numbers = [argument for argument in arguments if isinstance(argument, int)]
        # TVM's kernels take the numbers, then the index of the last block in x
        packed = np.array([*numbers, blocks[0] - 1], np.uint32)
        padded = np.zeros(-(-packed.nbytes // _NUMBERS) * _NUMBERS, np.uint8)
        padded[: packed.nbytes] = packed.view(np.uint8)
        buffers.append(self._device.create_buffer_with_data(data=padded, usage=self._usage.UNIFORM))
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
