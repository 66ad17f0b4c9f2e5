"""WebAssembly, for browsers and servers: one sample at a time in any engine, rows of samples where it has vectors.

`web` is the module with vectors, and around it one that takes WebGPU where there is one.
"""

from __future__ import annotations

from dataclasses import replace

from lgn_edge.kernels.shape import Core, Shape
from lgn_edge.targets.target import Level, Target
from lgn_edge.targets.webgpu import WEBGPU
from lgn_edge.toolchain import Machine


def _target(name: str, level: Level, cpu: str, shape: Shape, vectors: int, description: str) -> Target:
    return Target(
        name=name,
        family="wasm",
        description=description,
        triple="wasm32-unknown-unknown",
        levels=(level,),
        machine=Machine("wasm32-freestanding", cpu, ("-ffreestanding",)),
        shape=shape,
        selftest_vectors=vectors,
        execution="wasmtime",
        core=Core(totals=64),
    )


def _with_vectors(name: str, description: str) -> Target:
    level = Level("generic", vector_bits=128, features=("+simd128",))
    return _target(name, level, "generic+simd128", Shape(64, 8), 67, description)


WASM = (
    _target("wasm", Level("generic"), "generic", Shape(32, 1), 8, "WebAssembly: every browser, Node.js, WASI hosts"),
    _with_vectors(
        "wasm-simd128", "WebAssembly with 128-bit vectors: browsers since 2023; best for many samples a call"
    ),
    replace(
        _with_vectors("web", "web pages, workers and Node.js: an ES module with WebGPU, or WebAssembly with vectors"),
        gpu_beside=WEBGPU.gpu,
    ),
)
