"""WebGPU: WGSL for browsers and for wgpu, with what every implementation promises."""

from __future__ import annotations

from lgn_edge.kernels.shape import Gpu, Shape
from lgn_edge.targets.target import Level, Target
from lgn_edge.toolchain import Machine

WEBGPU = Target(
    name="webgpu",
    family="webgpu",
    description="WebGPU: WGSL kernels for browsers and wgpu, any GPU",
    triple="wgsl",
    levels=(Level("webgpu"),),
    machine=Machine("wasm32-freestanding"),
    shape=Shape(word_bits=32, lanes=32),
    selftest_vectors=67,
    execution="webgpu",
    gpu=Gpu("webgpu", shared_bytes=16 << 10, words=1, threads=256, octets=False, buffer_bytes=128 << 20),
)
